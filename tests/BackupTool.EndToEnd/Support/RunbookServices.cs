using System.Runtime.InteropServices;
using BackupTool.Tests.TestSupport;
using RocksDbSharp;

namespace BackupTool.EndToEnd.Support;

/// <summary>The services of the runbook's stack, each a process that keeps its state as the real one does; both end when they are told to.</summary>
internal static class RunbookServices
{
    internal const int HomeserverPort = 8008, MaubotPort = 29316;
    internal const string Bot = "@bot:example.org", Token = "syt_token_of_the_bot", Secret = "a-secret-that-signs-tokens";

    /// <summary>Opens the RocksDB in a directory, which it makes when there is none, and answers as a homeserver.</summary>
    internal static void BeHomeserver(string directory)
    {
        using RocksDb database = RocksDb.Open(new DbOptions().SetCreateIfMissing(), directory);
        var server = new FakeHomeserver(HomeserverPort);
        server.AddToken(Token, Bot, "BOTDEVICE");
        Thread.Sleep(Timeout.Infinite);
    }

    /// <summary>A maubot on a directory; ends with an exception when its database is damaged or newer than it.</summary>
    internal static void BeMaubot(string directory)
    {
        FakeMaubot.Start(new FakeMaubotOptions { Directory = directory, Port = MaubotPort, UnsharedSecret = Secret, RetryDelay = TimeSpan.FromSeconds(1) });
        Thread.Sleep(Timeout.Infinite);
    }

    /// <summary>The unit of one of these jobs. The runtime ends by SIGTERM with 143.</summary>
    internal static string Unit(string job, string directory, string? program = null)
    {
        string environment = string.Join('\n', ChildProcess.EnvironmentOf(job, directory).Select(static pair => $"Environment=\"{pair.Key}={pair.Value}\""));
        return $"[Service]\nExecStart={program ?? Runtime} {typeof(RunbookServices).Assembly.Location}\nSuccessExitStatus=143\n{environment}";
    }

    /// <summary>The program that runs them.</summary>
    internal static string Runtime { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
}
