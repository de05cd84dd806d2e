using System.Diagnostics;
using System.Security.Cryptography;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>Signals, and sources that do not hold still.</summary>
public sealed class InterruptionTests(ITestOutputHelper output) : IDisposable
{
    private readonly Sandbox _box = new();

    public void Dispose() => _box.Dispose();

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task A_signal_ends_a_backup_at_once_with_nothing_committed_and_nothing_left(string signal)
    {
        string maubot = MaubotData.Configure(_box, Sandbox.FilesService("files", _box.Source));
        MaubotData.Fill(maubot, rows: 30_000, instances: 1, plugins: 1);
        for (int i = 0; i < 8; i++) File.WriteAllBytes(Path.Combine(_box.Source, $"data-{i}"), RandomNumberGenerator.GetBytes(30_000_000));
        await _box.InitAsync();
        int cancelled = 0;
        for (int i = 0; i < 12; i++)
        {
            int delay = i * 20;
            CliResult now = await SignalAsync(signal, delay, "now");
            if (now.ExitCode == 0) break;
            now.ShouldExit(130).Error.Should().Contain("cancelled");
            cancelled++;
            (await _box.ListAsync()).Should().BeEmpty();
            _box.FindLeftovers().Should().BeEmpty($"SIG{signal} after {delay} ms");
        }
        output.WriteLine($"SIG{signal}: {cancelled} cancelled");
        cancelled.Should().BeGreaterThan(3);
        await _box.BackUpAsync();
        Sandbox.ShouldHold(await _box.RestoreAsync("latest", "--service", "files"), _box.Source);
    }

    [Fact]
    public async Task A_signal_ends_a_restore_with_nothing_left_in_the_target()
    {
        for (int i = 0; i < 8; i++) File.WriteAllBytes(Path.Combine(_box.Source, $"data-{i}"), RandomNumberGenerator.GetBytes(30_000_000));
        await _box.InitAsync();
        await _box.BackUpAsync();
        int cancelled = 0;
        for (int i = 0; i < 6; i++)
        {
            string target = _box.Below($"target-{i}");
            CliResult restore = await SignalAsync("INT", i * 20, "restore", "latest", "--target", target);
            if (restore.ExitCode == 0) continue;
            restore.ShouldExit(130);
            cancelled++;
            Directory.Exists(target).Should().BeFalse();
        }
        cancelled.Should().BePositive();
        _box.FindLeftovers().Should().BeEmpty();
    }

    [Fact]
    public async Task A_service_that_never_keeps_its_files_still_is_stored_and_what_moved_is_named()
    {
        for (int i = 0; i < 300; i++) File.WriteAllText(Path.Combine(_box.Source, $"still-{i}"), $"content {i}");
        string still = _box.Make("source/still");
        File.WriteAllBytes(Path.Combine(still, "large"), RandomNumberGenerator.GetBytes(3_000_000));
        TreeFingerprint expected = Sandbox.Look(still);
        await _box.InitAsync();
        using var service = ChildProcess.Start(nameof(FileChurn.Churn), _box.Source);
        int clean = 0, warned = 0;
        for (int i = 0; i < 15; i++)
        {
            CliResult now = await _box.RunAsync("now", "--json");
            now.ExitCode.Should().BeOneOf([0, 3], $"{now.Output}{now.Error}");
            now.ShouldExit(now.ExitCode);
            var warnings = now.Json.GetProperty("services")[0].GetProperty("warnings").EnumerateArray().Select(static w => w.GetProperty("path").GetString()!).ToList();
            (warnings.Count > 0).Should().Be(now.ExitCode == 3, "3 is told with names");
            warnings.Should().NotContain(static path => path.Contains("still", StringComparison.Ordinal));
            if (now.ExitCode == 0) clean++;
            else warned++;
            string target = await _box.RestoreAsync(now.Json.GetProperty("snapshot").GetString()!);
            Sandbox.ShouldHold(target, still, expected);
            for (int n = 0; n < 300; n++) File.ReadAllText(target + _box.Source + $"/still-{n}").Should().Be($"content {n}");
            foreach (string second in Directory.GetFiles(target + _box.Source, "link-*-b")) File.ReadAllText(second).Should().BeOneOf(["linked", ""], "it never was anything else");
            Directory.Delete(target, recursive: true);
        }
        output.WriteLine($"{clean} runs without and {warned} with warnings");
        service.Finish();
        await _box.BackUpAsync();
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source, "once it is still, everything is as it is");
        await _box.VerifyAsync("data");
    }

    /// <summary>Otherwise a service could have files that only root may read put among its own.</summary>
    [Fact]
    public async Task A_directory_that_is_swapped_for_a_link_brings_nothing_from_outside_into_the_backup()
    {
        string own = _box.Make("source/own"), outside = _box.Make("outside");
        for (int i = 0; i < 400; i++)
        {
            File.WriteAllText(Path.Combine(own, $"file-{i}"), "own");
            File.WriteAllText(Path.Combine(outside, $"file-{i}"), "secret");
        }
        for (int i = 0; i < 4; i++)
        {
            File.WriteAllBytes(Path.Combine(own, $"large-{i}"), new byte[400_000]);
            File.WriteAllBytes(Path.Combine(outside, $"large-{i}"), [.. Enumerable.Repeat((byte)'s', 400_000)]);
        }
        using var service = ChildProcess.Start(nameof(FileChurn.Swap), own, outside);
        int files = 0;
        for (int i = 0; i < 15; i++)
        {
            // A repository of its own, so that all is read every time.
            _box.Repository = _box.Below($"repository-{i}");
            _box.Configure();
            await _box.InitAsync();
            CliResult now = await _box.RunAsync("now");
            now.ExitCode.Should().BeOneOf([0, 3], now.Error);
            string target = await _box.RestoreAsync();
            foreach (string file in Directory.GetFiles(target + _box.Source, "*-*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }))
            {
                files++;
                File.ReadAllBytes(file)[0].Should().NotBe((byte)'s', $"{file} is not the service's own");
            }
        }
        output.WriteLine($"{files} files were stored, none from outside");
        files.Should().BePositive();
    }

    private async Task<CliResult> SignalAsync(string signal, int afterMilliseconds, params string[] arguments)
    {
        var clock = new Stopwatch();
        CliResult result = await Cli.RunProgramAsync(BackupBinary.Path, [.. arguments, "--config", _box.ConfigFile], process => _ = SendAsync(process.Id));
        if (result.ExitCode == 130) clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5), "a signal is heard");
        return result;

        async Task SendAsync(int process)
        {
            // At work, not still starting: before that, a signal does what it does to any program.
            while (!Sandbox.FilesBelow(Path.Combine(_box.Repository, "locks")).Any()) await Task.Delay(1);
            await Task.Delay(afterMilliseconds);
            clock.Start();
            using Process? kill = Process.Start("kill", [$"-{signal}", $"{process}"]);
            await kill.WaitForExitAsync();
        }
    }
}
