using System.Security.Cryptography;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd;

/// <summary>A full disk at any point: a sentence that says which, nothing half-written, and the next run goes on. Takes root, for small file systems.</summary>
public sealed class FullDiskTests(ITestOutputHelper output) : IDisposable
{
    private readonly Sandbox _box = new();
    private readonly List<string> _mounts = [];

    public void Dispose()
    {
        foreach (string mount in _mounts) Cli.ShellAsync("umount \"$1\"", mount).GetAwaiter().GetResult();
        _box.Dispose();
    }

    [Theory]
    [InlineData(300)]
    [InlineData(1_000)]
    [InlineData(2_500)]
    [InlineData(6_000)]
    [InlineData(9_990)]
    public async Task The_repositorys_disk_fills_up(int freeKib)
    {
        string disk = await MountAsync("disk", 4_000);
        _box.Repository = Path.Combine(disk, "repository");
        _box.Configure();
        Write("first", 1_000_000);
        await _box.InitAsync();
        string first = await _box.BackUpAsync();
        for (int i = 0; i < 6; i++) Write($"more-{i}", 3_000_000);
        await ResizeAsync(disk, await UsedKibAsync(disk) + freeKib);

        (await _box.RunAsync("now")).ShouldFail(1, "No space left on device", _box.Repository, "Make room");
        (await _box.ListAsync()).Should().Equal(first);
        _box.FindLeftovers().Should().BeEmpty();
        // Verify writes a report; it must not fail for want of room for that.
        (await _box.RunAsync("verify", "--level", "data")).ExitCode.Should().BeOneOf(0, 3);
        (await Cli.RunAsync("restore", first, "--target", _box.Below("first"), "--repository", _box.Repository)).ShouldExit(0);

        await ResizeAsync(disk, 60_000);
        CliResult next = (await _box.RunAsync("now", "--json")).ShouldExit(0);
        output.WriteLine($"with {freeKib:N0} KiB free: refused; with more room: stored {next.Json.GetProperty("storedBytes").GetInt64():N0} bytes. {next.Error.Trim()}");
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source);
        await _box.VerifyAsync("data");
    }

    /// <summary>The last bytes are the commit: from full to just enough, in small steps.</summary>
    [Fact]
    public async Task The_repositorys_disk_is_full_at_every_page_of_a_small_backup()
    {
        string disk = await MountAsync("disk", 4_000);
        _box.Repository = Path.Combine(disk, "repository");
        _box.Configure();
        Write("file", 5_000);
        await _box.InitAsync();
        var committed = new List<string> { await _box.BackUpAsync() };
        int refused = 0;
        for (int free = 0; free <= 64; free += 4)
        {
            Write("file", 5_000 + free);
            await ResizeAsync(disk, await UsedKibAsync(disk) + free);
            CliResult now = await _box.RunAsync("now", "--json");
            if (now.ExitCode == 0) committed.Add(now.Json.GetProperty("snapshot").GetString()!);
            else
            {
                now.ShouldFail(1, "No space left on device");
                refused++;
            }
            (await _box.ListAsync()).Should().Equal(committed);
            await ResizeAsync(disk, 8_000);
            await _box.VerifyAsync("data");
        }
        output.WriteLine($"{refused} refused, {committed.Count - 1} stored");
        refused.Should().BePositive();
        committed.Count.Should().BeGreaterThan(1);
        await _box.BackUpAsync();
        _box.FindLeftovers().Should().BeEmpty();
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source);
    }

    [Fact]
    public async Task There_is_no_room_for_what_is_restored()
    {
        for (int i = 0; i < 5; i++) Write($"file-{i}", 2_000_000);
        await _box.InitAsync();
        await _box.BackUpAsync();
        string disk = await MountAsync("small", 6_000), target = Path.Combine(disk, "target");
        (await _box.RunAsync("restore", "latest", "--target", target)).ShouldFail(1, target, "has room for", "--include");
        Directory.GetFileSystemEntries(disk).Should().BeEmpty();
    }

    [Fact]
    public async Task The_targets_disk_fills_up_while_it_is_restored()
    {
        // Small files take a page each, which the sum of their sizes does not show.
        for (int i = 0; i < 3000; i++) Write($"file-{i}", 100);
        await _box.InitAsync();
        await _box.BackUpAsync();
        string disk = await MountAsync("small", 4_000), fresh = Path.Combine(disk, "target");
        (await _box.RunAsync("restore", "latest", "--target", fresh)).ShouldFail(1, "No space left", disk, "Free space there");
        Directory.GetFileSystemEntries(disk).Should().BeEmpty("nothing half-restored stays");
        (await _box.RunAsync("restore", "latest", "--target", disk)).ShouldFail(1, "No space left", disk, "Free space there");
        Directory.GetFileSystemEntries(disk).Should().BeEmpty();
    }

    [Fact]
    public async Task The_staging_disk_fills_up()
    {
        _box.Staging = Path.Combine(await MountAsync("staging-disk", 1_000), "staging");
        string maubot = MaubotData.Configure(_box);
        MaubotData.Fill(maubot, rows: 100, instances: 1, plugins: 1);
        await _box.InitAsync();
        string first = await _box.BackUpAsync();
        // What is in the log only has to be copied; a database that is whole in its file is read as it lies.
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Path.Combine(maubot, "bot.db"), "PRAGMA wal_autocheckpoint=0; WITH RECURSIVE n(x) AS (SELECT 1000 UNION ALL SELECT x + 1 FROM n WHERE x < 9000) INSERT INTO state SELECT x, randomblob(1000) FROM n");
        (await _box.RunAsync("now")).ShouldFail(1, "bot.db", _box.Staging, "disk is full", "Free space");
        (await _box.ListAsync()).Should().Equal(first);
        _box.FindLeftovers().Should().BeEmpty();
        await ResizeAsync(_box.Below("staging-disk"), 40_000);
        await _box.BackUpAsync();
        Sql.Ask(await _box.RestoreAsync() + maubot + "/bot.db", "SELECT count(*) FROM state").Should().Be(8101L);
    }

    private void Write(string name, int size) => File.WriteAllBytes(Path.Combine(_box.Source, name), RandomNumberGenerator.GetBytes(size));

    private async Task<string> MountAsync(string name, int kib)
    {
        string mount = _box.Make(name);
        (await Cli.ShellAsync("mount -t tmpfs -o size=$2k tmpfs \"$1\"", mount, $"{kib}")).ShouldExit(0, "a small file system is needed: run as root");
        _mounts.Add(mount);
        return mount;
    }

    private static async Task ResizeAsync(string mount, long kib) => (await Cli.ShellAsync("mount -o remount,size=$2k \"$1\"", mount, $"{kib}")).ShouldExit(0);

    private static async Task<long> UsedKibAsync(string mount) =>
        long.Parse((await Cli.ShellAsync("df -k --output=used \"$1\" | tail -n 1", mount)).ShouldExit(0).Output, System.Globalization.CultureInfo.InvariantCulture);
}
