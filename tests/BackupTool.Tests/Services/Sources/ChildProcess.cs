using System.Diagnostics;
using System.Runtime.CompilerServices;
using BackupTool.Tests.Repositories.Locking;
using BackupTool.Tests.Services.Sources.RocksDb;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.Tests.Services.Sources;

/// <summary>
/// Another process that does one of the jobs below: locks belong to processes, so a service that shares ours would prove nothing. It is this
/// test program again, told by its environment what to do instead of testing. The job ends when its input ends.
/// </summary>
public sealed class ChildProcess : IDisposable
{
    private const string JobVariable = "BACKUP_TESTS_CHILD_JOB";

    private readonly Process _process;

    private ChildProcess(Process process) => _process = process;

    /// <summary>Starts the job and waits until it says that it is ready.</summary>
    public static ChildProcess Start(string job, params ReadOnlySpan<string> arguments)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (System.IO.Path.GetFileName(program) == "dotnet") start.ArgumentList.Add(typeof(ChildProcess).Assembly.Location);
        start.Environment[JobVariable] = job;
        for (int i = 0; i < arguments.Length; i++) start.Environment[$"{JobVariable}_{i}"] = arguments[i];
        var child = new ChildProcess(Process.Start(start)!);
        try
        {
            child.ReadLine().Should().Be("ready");
            return child;
        }
        catch
        {
            child.Dispose();
            throw;
        }
    }

    public int Id => _process.Id;

    public void WriteLine(string line) => _process.StandardInput.WriteLine(line);

    public string? ReadLine() => _process.StandardOutput.ReadLine();

    /// <summary>Ends the job in order and returns its last words.</summary>
    public string Finish()
    {
        _process.StandardInput.Close();
        string words = _process.StandardOutput.ReadToEnd();
        _process.WaitForExit();
        _process.ExitCode.Should().Be(0);
        return words;
    }

    /// <summary>Ends the process as a crash does.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited) Kill();
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
                case nameof(LockJobs.Hold) + "Lock": LockJobs.Hold(Argument(0)); break;
                case nameof(LockJobs.Race): LockJobs.Race(Argument(0), Argument(1)); break;
                case nameof(RocksDbJobs.WriteFlatOut): RocksDbJobs.WriteFlatOut(Argument(0)); break;
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
}
