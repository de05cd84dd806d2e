using System.Globalization;
using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Tests.Services.Sources.RocksDb;

public sealed class StagingDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _temp = new();

    public StagingDirectoryTests() => Directory.CreateDirectory(_temp.File("state/db"));

    public void Dispose() => _temp.Dispose();

    private BytePath Database => BytePath.From(_temp.File("state/db"));

    [Fact]
    public void Is_private_beside_the_database_and_new_each_time()
    {
        BytePath first = StagingDirectory.Create(Database, _temp.Path), second = StagingDirectory.Create(Database, _temp.Path);

        first.Parent.Should().Be(Database.Parent);
        second.Should().NotBe(first);
        PosixDirectory.Current.GetStatus(first).Mode.Should().Be(0x1c0);
        StagingDirectory.IsStagingName(first.Name).Should().BeTrue();
        StagingDirectory.IsStagingName(BytePath.From(".backup-staging-mine")).Should().BeFalse();
    }

    [Fact]
    public void Falls_back_where_the_parent_cannot_be_written()
    {
        BytePath fallback = BytePath.From(Directory.CreateDirectory(_temp.File("fallback")).FullName);
        foreach ((BytePath path, uint mode) in (ReadOnlySpan<(BytePath, uint)>)[(_temp.Path, 0x1ed), (Database.Parent, 0x16d), (fallback, 0x1ff)])
            PosixDirectory.Current.SetMode(path, mode);

        AsNobody.Run(() => StagingDirectory.Create(Database, fallback)).Parent.Should().Be(fallback);

        PosixDirectory.Current.SetMode(fallback, 0x16d);
        Action create = () => AsNobody.Run(() => StagingDirectory.Create(Database, fallback));
        create.Should().Throw<SourceException>().WithMessage("there is no place to stage*");
    }

    [Fact]
    public void Leftovers_of_dead_processes_go_and_those_of_living_ones_stay()
    {
        BytePath ours = StagingDirectory.Create(Database, _temp.Path);
        string state = _temp.File("state");
        string[] pidAndStart = ours.Name.ToString()[".backup-staging-".Length..].Split('-');
        string anotherLife = Path.Combine(state, $".backup-staging-{pidAndStart[0]}-{ulong.Parse(pidAndStart[1], CultureInfo.InvariantCulture) - 1}-1");
        string dead = Path.Combine(state, ".backup-staging-4194305-77-1");   // above the kernel's highest process id
        foreach (string leftover in (string[])[anotherLife, dead])
        {
            Directory.CreateDirectory(leftover);
            File.WriteAllText(Path.Combine(leftover, "000001.sst"), "x");
        }
        Directory.CreateDirectory(Path.Combine(state, ".backup-staging-mine"));

        StaleStaging.Remove(BytePath.From(state)).Select(p => p.ToString()).Should().BeEquivalentTo(anotherLife, dead);

        Directory.GetDirectories(state).Should().BeEquivalentTo(Database.ToString(), ours.ToString(), Path.Combine(state, ".backup-staging-mine"));
        StaleStaging.Remove(BytePath.From(_temp.File("missing"))).Should().BeEmpty();
    }
}
