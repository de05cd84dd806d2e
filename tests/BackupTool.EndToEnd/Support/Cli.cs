using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace BackupTool.EndToEnd.Support;

/// <summary>What a program said and how it ended. A process that a signal ended has the exit code 128 + signal.</summary>
internal sealed record CliResult(string CommandLine, int ExitCode, string Output, string Error, TimeSpan Elapsed)
{
    /// <summary>The one JSON document of --json.</summary>
    internal JsonElement Json => JsonDocument.Parse(Output).RootElement;

    /// <summary>Fails unless it ended with this code; tells then what it said.</summary>
    internal CliResult ShouldExit(int code, string because = "")
    {
        ExitCode.Should().Be(code, "{0}: {1}\nstdout: {2}\nstderr: {3}", because, CommandLine, Output, Error);
        Error.Should().NotContain("   at ", "no stack trace without -vv").And.NotContain("internal error").And.NotContain("Unhandled exception");
        return this;
    }

    /// <summary>Fails unless it ended with this code, and says all of this on stderr.</summary>
    internal CliResult ShouldFail(int code, params string[] says)
    {
        ShouldExit(code);
        foreach (string text in says) Error.Should().Contain(text, "that is what an operator needs to know");
        return this;
    }
}

/// <summary>Runs the binary under test, and other real programs, each with a time-out.</summary>
internal static class Cli
{
    private static readonly TimeSpan TimeOut = TimeSpan.FromMinutes(3);

    // Whoever runs the tests as root may have a history of his own in /var/lib/backup.
    private static readonly Lazy<string> State = new(static () =>
    {
        string directory = MakeState();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(directory, recursive: true);
        return directory;
    });

    private static readonly ConcurrentDictionary<string, string> StateOfConfig = new();

    /// <summary>Makes a state directory that others may look into; for whoever is called with this configuration from now on.</summary>
    internal static string MakeState(string? configFile = null)
    {
        string directory = Directory.CreateTempSubdirectory("backup-e2e-state-").FullName;
        File.SetUnixFileMode(directory, (UnixFileMode)0x1ed);   // 0755
        if (configFile is not null) StateOfConfig[configFile] = directory;
        return directory;
    }

    internal static Task<CliResult> RunAsync(params string[] arguments) => RunProgramAsync(BackupBinary.Path, arguments);

    /// <summary>Runs a shell command line with the given positional parameters ($1, $2, …).</summary>
    internal static Task<CliResult> ShellAsync(string command, params string[] parameters) => RunProgramAsync("/bin/sh", ["-c", command, "sh", .. parameters]);

    internal static async Task<CliResult> RunProgramAsync(string program, IEnumerable<string> arguments, Action<Process>? started = null)
    {
        var clock = Stopwatch.StartNew();
        using Process process = Start(program, arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        started?.Invoke(process);
        using var timeOut = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeOut.CancelAfter(TimeOut);
        try
        {
            await process.WaitForExitAsync(timeOut.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end. It said: {await output}{await error}");
        }
        return new CliResult($"{Path.GetFileName(program)} {string.Join(' ', arguments)}", process.ExitCode, await output, await error, clock.Elapsed);
    }

    /// <summary>Starts a program whose standard streams the caller reads.</summary>
    internal static Process Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment.Remove("BACKUP_CONFIG");
        start.Environment["STATE_DIRECTORY"] = start.ArgumentList.Select(static argument => StateOfConfig.GetValueOrDefault(argument)).FirstOrDefault(static state => state is not null) ?? State.Value;
        return Process.Start(start)!;
    }
}
