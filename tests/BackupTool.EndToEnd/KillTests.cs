using System.Diagnostics;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>SIGKILL at random instants: what is in the repository stays good, and the next run cleans up.</summary>
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int Kills = 220;
    private readonly Sandbox _box = new();
    private readonly Random _random = new(42);

    public void Dispose() => _box.Dispose();

    [Fact]
    public async Task Two_hundred_kills_during_a_backup_leave_a_repository_that_verifies_and_restores()
    {
        string database = Configure();
        await _box.InitAsync();
        TreeFingerprint first = Sandbox.Look(_box.Source);
        string firstId = await _box.BackUpAsync();
        TimeSpan whole = await MeasureAsync();
        var committed = new HashSet<string>(await _box.ListAsync());
        int killed = 0, finished = 0, leftoversSeen = 0;
        for (int i = 1; killed < Kills; i++)
        {
            Change(i);
            // Kills at the first instants as well as at the last; now and then the run gets through.
            bool wasKilled = await RunAndKillAsync(whole * _random.NextDouble());
            // How long a run takes moves with the load of the machine: about one in eight is to get through.
            whole *= wasKilled ? 1.01 : 0.93;
            if (wasKilled) killed++;
            else finished++;
            if (_box.FindLeftovers().Count > 0) leftoversSeen++;
            await _box.VerifyAsync(i % 20 == 0 ? "data" : "structure");
            string[] listed = await _box.ListAsync();
            committed.Should().BeSubsetOf(listed, "what was committed stays");
            committed.UnionWith(listed);
        }
        finished.Should().BeGreaterThan(5, "the premise: kills come to the last instants, too");
        output.WriteLine($"{killed} kills within {whole.TotalMilliseconds:0} ms of a run's start, {finished} runs got through, {committed.Count} snapshots, {leftoversSeen} times something was left behind");
        leftoversSeen.Should().BeGreaterThan(Kills / 4, "the premise: the kills hit runs at work");

        Sandbox.ShouldHold(await _box.RestoreAsync(firstId, "--service", "files"), _box.Source, first);
        Change(0);
        CliResult next = (await _box.RunAsync("now", "--lock-wait", "0s")).ShouldExit(0);
        next.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(1), "a dead run's lock is nothing to wait for");
        output.WriteLine($"the next run says: {next.Error.Trim()}");
        _box.FindLeftovers().Should().BeEmpty("the next run cleans up");
        string target = await _box.RestoreAsync("latest");
        Sandbox.ShouldHold(target, _box.Source);
        KeyWriter.CheckUpTo(target + database, KeyWriter.LastAcknowledged(_box.Below("acknowledged")));
        await _box.VerifyAsync("content");
    }

    [Fact]
    public async Task A_killed_init_can_be_done_again()
    {
        for (int i = 0; i < 60; i++)
        {
            _box.Repository = _box.Below($"repository-{i}");
            _box.Configure();
            await RunAndKillAsync(TimeSpan.FromMilliseconds(25 * _random.NextDouble()), "init");
            CliResult again = await _box.RunAsync("init");
            if (again.ExitCode != 0) again.ShouldFail(1, "There is a repository at");
            await _box.BackUpAsync(exitCode: 3);   // the source is empty
            await _box.VerifyAsync("data");
        }
    }

    [Fact]
    public async Task A_killed_restore_harms_nothing_and_can_be_done_again()
    {
        Configure();
        await _box.InitAsync();
        await _box.BackUpAsync();
        var clock = Stopwatch.StartNew();
        await _box.RestoreAsync();
        TimeSpan whole = clock.Elapsed;
        int withLeftovers = 0;
        for (int i = 0; i < 30; i++)
        {
            string target = _box.Below($"killed-{i}");
            bool killed = await RunAndKillAsync(whole * _random.NextDouble(), "restore", "latest", "--target", target);
            if (killed && Directory.Exists(target))
            {
                string[] left = [.. Directory.GetFileSystemEntries(target).Select(static path => Path.GetFileName(path))];
                left.Where(static name => !name.StartsWith(".backup-staging-", StringComparison.Ordinal) && name != "tmp").Should().BeEmpty("nothing half-restored stands where the whole belongs");
                if (left.Length > 0) withLeftovers++;
            }
            CliResult again = await _box.RunAsync("restore", "latest", "--target", target);
            if (again.ExitCode != 0) again.ShouldFail(1, "is not empty");
            Directory.GetFileSystemEntries(target).Should().Equal([Path.Combine(target, "tmp")], "the whole is there, and nothing of the killed run");
        }
        output.WriteLine($"{withLeftovers} of 30 kills left a part in the target");
        await _box.VerifyAsync();
        await _box.BackUpAsync();
        _box.FindLeftovers().Should().BeEmpty();
    }

    /// <summary>Files, a maubot with databases, and a homeserver: everything that is staged.</summary>
    private string Configure()
    {
        string database = _box.Make("var/lib/continuwuity"), config = _box.Below("continuwuity.toml");
        File.WriteAllText(config, $"[global]\ndatabase_path = \"{database}\"\n");
        string maubot = MaubotData.Configure(_box, Sandbox.FilesService("files", _box.Source), $"[service.homeserver]\nkind = \"continuwuity\"\nconfig = \"{config}\"");
        MaubotData.Fill(maubot, rows: 4000, instances: 2, plugins: 2);
        using (var server = ChildProcess.Start(nameof(KeyWriter.WriteKeys), database, _box.Below("acknowledged"))) server.Finish();
        Directory.CreateDirectory(Path.Combine(database, "media"));
        for (int i = 0; i < 200; i++) Write($"small-{i}", _random.Next(20_000));
        for (int i = 0; i < 4; i++) Write($"large-{i}", 6_000_000);
        return database;
    }

    private void Change(int round)
    {
        Write($"small-{_random.Next(200)}", _random.Next(20_000));
        Write($"new-{round}", 1000);
        string large = Path.Combine(_box.Source, $"large-{_random.Next(4)}");
        using (FileStream file = File.OpenWrite(large))
        {
            var part = new byte[1_500_000];
            _random.NextBytes(part);
            file.Position = _random.Next(4_000_000);
            file.Write(part);
        }
        Tests.Services.Sources.Sqlite.Sql.Make(_box.Below("var/lib/maubot/bot.db"), $"UPDATE state SET value = randomblob(1000) WHERE id % 40 = {round % 40}");
    }

    private void Write(string name, int size)
    {
        var content = new byte[size];
        _random.NextBytes(content);
        File.WriteAllBytes(Path.Combine(_box.Source, name), content);
    }

    private async Task<TimeSpan> MeasureAsync()
    {
        Change(1);
        return (await _box.RunAsync("now")).ShouldExit(0).Elapsed;
    }

    /// <summary>True when it was still running when it was killed.</summary>
    private async Task<bool> RunAndKillAsync(TimeSpan after, params string[] arguments)
    {
        using Process process = Cli.Start(BackupBinary.Path, [.. arguments.Length == 0 ? ["now", "--lock-wait", "0s"] : arguments, "--config", _box.ConfigFile]);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < after && !process.HasExited)
        {
            if (after - clock.Elapsed > TimeSpan.FromMilliseconds(3)) await Task.Delay(1, TestContext.Current.CancellationToken);
            else Thread.SpinWait(200);
        }
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        await Task.WhenAll(output, error);
        if (process.ExitCode == 137) return true;
        process.ExitCode.Should().BeOneOf([0, 3], $"{await output}{await error}");
        return false;
    }
}
