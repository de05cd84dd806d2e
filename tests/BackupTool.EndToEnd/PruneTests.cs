using System.Diagnostics;
using System.Text.Json;
using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>The binary prunes: killed at random instants beside backups, on a full disk, on a damaged repository, and as a person calls it.</summary>
public sealed class PruneTests(ITestOutputHelper output) : IDisposable
{
    // The library's own tests end a prune before each of its steps, and run hundreds beside backups: here it is the binary, and BACKUP_KILL_MATRIX=full takes minutes.
    private static readonly int Rounds = Environment.GetEnvironmentVariable("BACKUP_KILL_MATRIX") == "full" ? 220 : 20;

    private readonly Sandbox _box = new();
    private readonly Random _random = new(7);
    private readonly List<string> _mounts = [];

    public void Dispose()
    {
        foreach (string mount in _mounts) Cli.ShellAsync("umount \"$1\"", mount).GetAwaiter().GetResult();
        _box.Dispose();
    }

    [Fact]
    public async Task A_person_sees_what_would_go_what_is_marked_and_what_is_won()
    {
        await _box.InitAsync();
        await FillAndForgetAsync();
        CliResult dry = (await _box.RunAsync("prune", "--dry-run")).ShouldExit(0);
        dry.Output.Should().Contain("would be marked").And.Contain("dry run: nothing was changed").And.Contain("WHY");
        Directory.Exists(Path.Combine(_box.Repository, "pruning")).Should().BeFalse();
        long before = _box.RepositoryBytes();
        (await _box.RunAsync("prune")).ShouldExit(0).Output.Should().Contain("marked: ").And.Contain("that a prune gives back from");
        (await _box.RunAsync("prune")).ShouldExit(0).Output.Should().Contain("(0 now)");
        JsonElement removed = (await _box.RunAsync("prune", "--grace", "0s", "--json")).ShouldExit(0).Json;
        removed.GetProperty("removedBytes").GetInt64().Should().BeGreaterThan(1_000_000);
        removed.GetProperty("markedPacks").GetInt32().Should().Be(0);
        _box.RepositoryBytes().Should().BeLessThan(before - 1_000_000);
        (await _box.RunAsync("prune", "--grace", "0s")).ShouldExit(0).Output.Should().Contain("nothing to remove: every pack is needed");
        _box.FindLeftovers().Should().BeEmpty();
        await _box.VerifyAsync("data");
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source);
        (await Cli.ShellAsync("sh \"$1/restore.sh\" latest files | tar t > /dev/null", _box.Repository)).ShouldExit(0);

        (await _box.RunAsync("prune", "--grace", "soon")).ShouldFail(2, "--grace", "'soon' is no time");
        (await _box.RunAsync("prune", "--max-repack", "much")).ShouldFail(2, "--max-repack", "no number of bytes");
        (await _box.RunAsync("prune", "--lock-wait", "1")).ShouldFail(2, "--lock-wait");
    }

    [Fact]
    public async Task A_damaged_snapshot_keeps_everything()
    {
        await _box.InitAsync();
        await FillAndForgetAsync();
        string snapshot = Directory.GetFiles(Path.Combine(_box.Repository, "snapshots"))[0];
        await File.AppendAllTextAsync(snapshot, " ", TestContext.Current.CancellationToken);
        long before = _box.RepositoryBytes();
        foreach (string option in new[] { "--grace=0s", "--dry-run" })
            (await _box.RunAsync("prune", option)).ShouldFail(13, Path.GetFileName(snapshot), "Nothing was removed");
        _box.RepositoryBytes().Should().Be(before);
    }

    [Fact]
    public async Task Killed_at_random_instants_beside_backups_it_loses_nothing()
    {
        await _box.InitAsync();
        await FillAndForgetAsync();
        TimeSpan whole = (await _box.RunAsync("prune", "--grace", "0s")).ShouldExit(0).Elapsed;
        int killed = 0;
        for (int i = 0; i < Rounds; i++)
        {
            await FillAndForgetAsync(backups: 1);
            CancellationToken token = TestContext.Current.CancellationToken;
            using Process prune = Start("prune", "--grace", i % 3 == 0 ? "1s" : "0s", "--lock-wait", "60s");
            using Process now = Start("now", "--lock-wait", "60s");
            Task said = Task.WhenAll(prune.StandardOutput.ReadToEndAsync(token), prune.StandardError.ReadToEndAsync(token), now.StandardOutput.ReadToEndAsync(token), now.StandardError.ReadToEndAsync(token));
            await Task.Delay(whole * (0.1 + (1.2 * _random.NextDouble())), token);
            prune.Kill();
            await Task.WhenAll(prune.WaitForExitAsync(token), now.WaitForExitAsync(token), said);
            if (prune.ExitCode == 137) killed++;
            else whole *= 0.8;   // it was sooner
            now.ExitCode.Should().Be(0);
            await _box.VerifyAsync(i % 5 == 0 ? "data" : "structure");
        }
        output.WriteLine($"{killed} of {Rounds} were killed");
        killed.Should().BeGreaterThan(Rounds / 4, "the premise: kills hit prunes at work");
        (await _box.RunAsync("prune", "--grace", "0s")).ShouldExit(0);
        _box.FindLeftovers().Should().BeEmpty();
        await _box.VerifyAsync("data");
        foreach (string snapshot in await _box.ListAsync()) await _box.RestoreAsync(snapshot);
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source);
    }

    [Fact]
    public async Task On_a_full_disk_it_gives_room_back()
    {
        string disk = _box.Make("disk");
        (await Cli.ShellAsync("mount -t tmpfs -o size=24m tmpfs \"$1\"", disk)).ShouldExit(0, "a small file system is needed: run as root");
        _mounts.Add(disk);
        _box.Repository = Path.Combine(disk, "repository");
        _box.Configure();
        await _box.InitAsync();
        await FillAndForgetAsync();
        (await _box.RunAsync("prune")).ShouldExit(0).Output.Should().Contain("marked: ");
        // Not one page is left.
        await Cli.ShellAsync("cat /dev/zero > \"$1/filler\" 2> /dev/null", disk);
        (await _box.RunAsync("prune", "--grace", "0s", "--max-repack", "0")).ShouldExit(0).Output.Should().Contain("free now");
        await _box.VerifyAsync("data");
        await Cli.ShellAsync("cat /dev/zero >> \"$1/filler\" 2> /dev/null", disk);
        // Now there is no reserve either: a sentence, and nothing lost.
        (await _box.RunAsync("prune", "--grace", "0s")).ShouldFail(1, "No space left on device", "Make room");
        File.Delete(Path.Combine(disk, "filler"));
        (await _box.RunAsync("prune", "--grace", "0s")).ShouldExit(0);
        await _box.VerifyAsync("data");
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source);
    }

    /// <summary>Backups of changing files, of which all but the newest are forgotten: whole packs are free, and some are half free.</summary>
    private async Task FillAndForgetAsync(int backups = 3)
    {
        for (int i = 0; i < backups; i++)
        {
            Write($"large-{_random.Next(3)}", 700_000);
            Write("changing", 700_000);
            for (int small = 0; small < 10; small++) Write($"small-{_random.Next(30)}", 5_000);
            await _box.BackUpAsync();
        }
        string[] snapshots = await _box.ListAsync();
        foreach (string id in snapshots[..^1]) File.Delete(Path.Combine(_box.Repository, "snapshots", $"{id}.json"));
    }

    private void Write(string name, int size)
    {
        var content = new byte[size];
        _random.NextBytes(content);
        File.WriteAllBytes(Path.Combine(_box.Source, name), content);
    }

    private Process Start(params string[] arguments) => Cli.Start(BackupBinary.Path, [.. arguments, "--config", _box.ConfigFile]);
}
