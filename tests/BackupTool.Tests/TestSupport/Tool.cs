using System.Diagnostics;

namespace BackupTool.Tests.TestSupport;

/// <summary>What a real program said and how it ended.</summary>
public sealed record ToolResult(int ExitCode, string Output, string Error);

/// <summary>Runs real programs (tar, xz, 7z, …) in a plain locale.</summary>
public static class Tool
{
    /// <summary>Runs to the end; fails unless the exit code is 0 and nothing was said on stderr.</summary>
    public static string Run(string program, params string[] arguments)
    {
        ToolResult result = Try(program, arguments);
        (result.ExitCode, result.Error).Should().Be((0, ""), $"{program} {string.Join(' ', arguments)} must succeed silently");
        return result.Output;
    }

    /// <summary>Runs a shell command line; fails unless it succeeds and says nothing on stderr.</summary>
    public static string Shell(string command) => Run("/bin/sh", "-c", command);

    public static ToolResult Try(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C.UTF-8";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new ToolResult(process.ExitCode, output, error.Result);
    }
}
