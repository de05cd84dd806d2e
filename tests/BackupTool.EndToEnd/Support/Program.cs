using System.Runtime.InteropServices;
using BackupTool.Tests.TestSupport;
using RocksDbSharp;

namespace BackupTool.EndToEnd.Support;

/// <summary>The test runner; or, called so, a service that a test's systemd runs: <c>stand-in maubot DIRECTORY PORT</c>, <c>stand-in homeserver PORT TOKEN=USER=DEVICE…</c>, <c>stand-in rocksdb-homeserver DIRECTORY PORT TOKEN=…</c>.</summary>
internal static class Program
{
    /// <summary>What a unit executes for a stand-in.</summary>
    internal static string StandIn(string arguments) =>
        $"{Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"))} {Path.Combine(AppContext.BaseDirectory, "BackupTool.EndToEnd.dll")} stand-in {arguments}";

    private static async Task<int> Main(string[] args)
    {
        if (args is ["stand-in", "maubot", var data, _] && File.Exists(Path.Combine(data, "wants-its-database")) && !File.Exists(Path.Combine(data, "bot.db"))) return 14;
        if (args is ["stand-in", ..]) return await StandInAsync(args);
        return args.Any(static arg => arg is "--server" or "--internal-msbuild-node")
            ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
            : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
    }

    private static async Task<int> StandInAsync(string[] args)
    {
        var ended = new TaskCompletionSource();
        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            ended.TrySetResult();
        });
        // Before it listens: who answers has a database.
        using RocksDb? database = args[1] == "rocksdb-homeserver" ? RocksDb.Open(new DbOptions().SetCreateIfMissing(), args[2]) : null;
        await using IAsyncDisposable service = args[1] == "maubot" ? StartMaubot(args[2], int.Parse(args[3], System.Globalization.CultureInfo.InvariantCulture)) : StartHomeserver(args[1] == "homeserver" ? args[2..] : args[3..]);
        Console.WriteLine("answers");
        await ended.Task;
        return 0;
    }

    private static FakeMaubot StartMaubot(string directory, int port) => FakeMaubot.Start(new FakeMaubotOptions { Directory = directory, Port = port });

    private static FakeHomeserver StartHomeserver(string[] args)
    {
        var homeserver = new FakeHomeserver(int.Parse(args[0], System.Globalization.CultureInfo.InvariantCulture));
        foreach (string[] token in args[1..].Select(static arg => arg.Split('='))) homeserver.AddToken(token[0], token[1], token[2]);
        return homeserver;
    }
}
