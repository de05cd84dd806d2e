using System.ComponentModel;
using System.Diagnostics;
using BackupTool.Operations;
using BackupTool.Posix;

namespace BackupTool.Cli.Agent;

/// <summary>
/// Starts processes of the executable that we are ourselves, or that has taken its place since. They write where we write, and end when we are killed: see
/// <see cref="AgentTie"/>.
/// </summary>
/// <param name="arguments">What every command gets besides.</param>
internal sealed class ProcessLauncher(IReadOnlyList<string> arguments) : IRunLauncher
{
    // Who writes to the service manager is the agent, not what it starts.
    private static readonly string[] OwnVariables = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];
    private readonly string _self = Environment.ProcessPath ?? throw new OperationException("This program cannot find its own executable.");

    /// <inheritdoc/>
    public IChildRun Start(BytePath configuration, params IReadOnlyList<string> command)
    {
        // "dotnet backup.dll" runs under the host, which wants to be told what to run.
        string[] host = Path.GetFileNameWithoutExtension(_self) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        var start = new ProcessStartInfo(_self, [.. host, .. command, "--config", configuration.ToString(), .. arguments]);
        AgentTie.Tie(start.Environment, isInUnit: Environment.GetEnvironmentVariable(OwnVariables[0]) is not null);
        foreach (string variable in OwnVariables) start.Environment.Remove(variable);
        try
        {
            return new ProcessRun(new Process { StartInfo = start });
        }
        catch (Win32Exception e)
        {
            throw new OperationException($"'backup {string.Join(' ', command)}' cannot be started from {_self}: {e.Message}", "Has the program been removed? Start the agent again from where it is now.", e);
        }
    }

    private sealed class ProcessRun : IChildRun
    {
        private readonly Process _process;
        private readonly TaskCompletionSource<int> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal ProcessRun(Process process)
        {
            _process = process;
            var started = new TaskCompletionSource();
            // The kernel ends it with the thread that started it: one of the pool's may end before.
            new Thread(() => Run(started)) { IsBackground = true, Name = "run" }.Start();
            started.Task.GetAwaiter().GetResult();
            ProcessId = process.Id;
        }

        public int ProcessId { get; }

        public Task<int> Ended => _ended.Task;

        public void Terminate()
        {
            if (!_ended.Task.IsCompleted && !_process.HasExited) PosixProcess.Terminate(ProcessId);
        }

        public void Dispose() => _process.Dispose();

        private void Run(TaskCompletionSource started)
        {
            try
            {
                _process.Start();
            }
            catch (Win32Exception e)
            {
                _process.Dispose();
                started.SetException(e);
                return;
            }
            started.SetResult();
            _process.WaitForExit();
            _ended.SetResult(_process.ExitCode);
        }
    }
}
