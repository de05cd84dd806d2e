using BackupTool.Operations.Replacing;
using BackupTool.Posix;

namespace BackupTool.Tests.Operations.Replacing;

public sealed class ReplacementLeftoversTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly DirectoryInfo _state = Directory.CreateTempSubdirectory("leftovers-");

    [Fact]
    public void Removes_what_is_old_and_belongs_to_no_state_that_is_kept()
    {
        Make("salvaged/old/bot.db", days: 20);
        Make("salvaged/kept/bot.db", days: 20);
        Make("salvaged/young/bot.db", days: 1);
        Make("replacements/old.json", days: 20);
        Make("replacements/kept-rollback-260210120000000.json", days: 20);
        Make("replacements/young.json", days: 1);

        IReadOnlyList<BytePath> removed = ReplacementLeftovers.RemoveOlder(State, Now.AddDays(-14), ["kept"]);

        removed.Should().BeEquivalentTo([State.Combine("salvaged").Combine("old"), State.Combine("replacements").Combine("old.json")]);
        Directory.EnumerateFiles(_state.FullName, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(_state.FullName, file)).Should()
            .BeEquivalentTo("salvaged/kept/bot.db", "salvaged/young/bot.db", "replacements/kept-rollback-260210120000000.json", "replacements/young.json");
    }

    [Fact]
    public void Removes_what_one_wipe_salvaged()
    {
        Make("salvaged/one/bot.db", days: 0);
        Make("salvaged/other/bot.db", days: 0);
        ReplacementLeftovers.RemoveSalvaged(State, "one");
        ReplacementLeftovers.RemoveSalvaged(State, "never-was");
        Directory.EnumerateDirectories(Path.Combine(_state.FullName, "salvaged")).Select(Path.GetFileName).Should().Equal("other");
    }

    [Fact]
    public void Has_nothing_to_do_where_nothing_was_ever_replaced() =>
        ReplacementLeftovers.RemoveOlder(State, Now, []).Should().BeEmpty();

    public void Dispose() => _state.Delete(recursive: true);

    private BytePath State => BytePath.From(_state.FullName);

    private void Make(string relative, int days)
    {
        string file = Path.Combine(_state.FullName, relative), parent = Path.GetDirectoryName(file)!;
        Directory.CreateDirectory(parent);
        File.WriteAllText(file, "x");
        DateTime time = Now.UtcDateTime.AddDays(-days);
        File.SetLastWriteTimeUtc(file, time);
        Directory.SetLastWriteTimeUtc(parent, time);
    }
}
