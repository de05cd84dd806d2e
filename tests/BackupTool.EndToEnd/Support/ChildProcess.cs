using System.Diagnostics;
using System.Runtime.CompilerServices;
using BackupTool.Tests.Services.Sources.RocksDb;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// A service that runs while it is backed up: this test program again, in a process of its own, told by its environment what to do instead of
/// testing. It ends when its input ends.
/// </summary>
internal sealed class ChildProcess : IDisposable
{
    private const string JobVariable = "BACKUP_E2E_CHILD_JOB";

    private readonly Process _process;

    private ChildProcess(Process process) => _process = process;

    internal int Id => _process.Id;

    /// <summary>Starts the job and waits until it says that it is ready.</summary>
    internal static ChildProcess Start(string job, params ReadOnlySpan<string> arguments)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileName(program) == "dotnet") start.ArgumentList.Add(typeof(ChildProcess).Assembly.Location);
        foreach ((string name, string value) in EnvironmentOf(job, arguments)) start.Environment[name] = value;
        var child = new ChildProcess(Process.Start(start)!);
        try
        {
            child._process.StandardOutput.ReadLine().Should().Be("ready");
            return child;
        }
        catch
        {
            child.Dispose();
            throw;
        }
    }

    /// <summary>The environment that makes this test program do a job: for a unit's definition.</summary>
    internal static IReadOnlyDictionary<string, string> EnvironmentOf(string job, params ReadOnlySpan<string> arguments)
    {
        var environment = new Dictionary<string, string> { [JobVariable] = job };
        for (int i = 0; i < arguments.Length; i++) environment[$"{JobVariable}_{i}"] = arguments[i];
        return environment;
    }

    /// <summary>Ends the job in order and returns its last words.</summary>
    internal string Finish()
    {
        _process.StandardInput.Close();
        string words = _process.StandardOutput.ReadToEnd();
        _process.WaitForExit();
        _process.ExitCode.Should().Be(0, words);
        return words;
    }

    /// <summary>Stops it in the middle of whatever it does, as freezing a service does; returns when it stands still.</summary>
    internal async Task PauseAsync()
    {
        (await Cli.ShellAsync("kill -STOP \"$1\"", $"{Id}")).ShouldExit(0);
        while (!Directory.GetDirectories($"/proc/{Id}/task").All(static task => IsStopped(Path.Combine(task, "stat"))))
            await Task.Delay(1, TestContext.Current.CancellationToken);
    }

    internal async Task ResumeAsync() => (await Cli.ShellAsync("kill -CONT \"$1\"", $"{Id}")).ShouldExit(0);

    private static bool IsStopped(string statFile)
    {
        string stat = File.ReadAllText(statFile);
        return stat[stat.LastIndexOf(')') + 2] == 'T';
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    [ModuleInitializer]
    internal static void BecomeChildWhenTold()
    {
        string? job = Environment.GetEnvironmentVariable(JobVariable);
        if (job is null) return;
        try
        {
            switch (job)
            {
                case nameof(SqliteJobs.Hold): SqliteJobs.Hold(Argument(0), Argument(1)); break;
                case nameof(SqliteJobs.Write): SqliteJobs.Write(Argument(0)); break;
                case nameof(RocksDbJobs.WriteFlatOut): RocksDbJobs.WriteFlatOut(Argument(0)); break;
                case nameof(KeyWriter.WriteKeys): KeyWriter.WriteKeys(Argument(0), Argument(1)); break;
                case nameof(BurstWriter.WriteInBursts): BurstWriter.WriteInBursts(Argument(0)); break;
                case nameof(FileChurn.Churn): FileChurn.Churn(Argument(0)); break;
                case nameof(FileChurn.Swap): FileChurn.Swap(Argument(0), Argument(1)); break;
                case nameof(LedgerKeeper.KeepHomeserver): LedgerKeeper.KeepHomeserver(Argument(0), Argument(1)); break;
                case nameof(LedgerKeeper.KeepBridge): LedgerKeeper.KeepBridge(Argument(0), Argument(1)); break;
                case nameof(LedgerKeeper.KeepBot): LedgerKeeper.KeepBot(Argument(0), Argument(1)); break;
                case nameof(KeyServer.Serve): KeyServer.Serve(Argument(0), Argument(1)); break;
                default: throw new ArgumentException($"no such job: {job}");
            }
            Environment.Exit(0);
        }
        catch (Exception e)
        {
            Console.WriteLine(e);
            Environment.Exit(1);
        }

        static string Argument(int i) => Environment.GetEnvironmentVariable($"{JobVariable}_{i}")!;
    }

    /// <summary>For jobs: whether the input has ended.</summary>
    internal static Func<bool> WatchInput()
    {
        bool ended = false;
        new Thread(() => { Console.In.ReadToEnd(); Volatile.Write(ref ended, true); }) { IsBackground = true }.Start();
        return () => Volatile.Read(ref ended);
    }
}
