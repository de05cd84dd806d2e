using System.ComponentModel;
using System.Diagnostics;
using BackupTool.Operations;
using BackupTool.Posix;

namespace BackupTool.Cli.Agent;

/// <summary>
/// Starts processes of the executable that we are ourselves, or that has taken its place since. They write where we write. A run is not ended when we are killed: it finishes, and what it
/// stopped comes back; in a unit systemd ends it, and ExecStopPost= recovers.
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
        foreach (string variable in OwnVariables) start.Environment.Remove(variable);
        var process = new Process { StartInfo = start };
        try
        {
            process.Start();
            return new ProcessRun(process);
        }
        catch (Win32Exception e)
        {
            process.Dispose();
            throw new OperationException($"'backup {string.Join(' ', command)}' cannot be started from {_self}: {e.Message}", "Has the program been removed? Start the agent again from where it is now.", e);
        }
    }

    private sealed class ProcessRun : IChildRun
    {
        private readonly Process _process;

        internal ProcessRun(Process process)
        {
            _process = process;
            ProcessId = process.Id;
            Ended = WaitAsync();
        }

        public int ProcessId { get; }

        public Task<int> Ended { get; }

        public void Terminate()
        {
            if (!_process.HasExited) PosixProcess.Terminate(ProcessId);
        }

        public void Dispose() => _process.Dispose();

        private async Task<int> WaitAsync()
        {
            await _process.WaitForExitAsync();
            return _process.ExitCode;
        }
    }
}
