using System.Diagnostics;
using System.Runtime.InteropServices;

namespace BackupTool.EndToEnd.Support;

/// <summary>The native binary under test: the one that $BACKUP_BINARY names, else one that is published once. Never the JIT build.</summary>
internal static class BackupBinary
{
    private static readonly Lazy<string> Found = new(Find);

    internal static string Path => Found.Value;

    private static string Find()
    {
        string? named = Environment.GetEnvironmentVariable("BACKUP_BINARY");
        string binary = string.IsNullOrEmpty(named) ? Publish() : System.IO.Path.GetFullPath(named);
        if (!File.Exists(binary)) throw new FileNotFoundException($"$BACKUP_BINARY names {binary}, which is not there");
        if (File.Exists(System.IO.Path.ChangeExtension(binary, ".dll"))) throw new InvalidOperationException($"{binary} is not the native build: a {binary}.dll lies beside it");
        return binary;
    }

    private static string Publish()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(System.IO.Path.Combine(root, "BackupTool.sln")))
            root = System.IO.Path.GetDirectoryName(root) ?? throw new InvalidOperationException("Set BACKUP_BINARY: these tests do not run from inside the project.");
        string target = System.IO.Path.Combine(root, "artifacts/backup");
        string platform = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "linux-arm64" : "linux-x64";
        var start = new ProcessStartInfo("dotnet", ["publish", System.IO.Path.Combine(root, "src/BackupTool.Cli"), "-c", "Release", "-r", platform, "-o", target])
        {
            RedirectStandardOutput = true,
        };
        using Process publish = Process.Start(start)!;
        string output = publish.StandardOutput.ReadToEnd();
        publish.WaitForExit();
        publish.ExitCode.Should().Be(0, output);
        return System.IO.Path.Combine(target, "backup");
    }
}
