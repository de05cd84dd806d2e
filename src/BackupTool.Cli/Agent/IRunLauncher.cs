using BackupTool.Posix;

namespace BackupTool.Cli.Agent;

/// <summary>Starts this program's own commands as processes of their own.</summary>
internal interface IRunLauncher
{
    /// <summary>Starts <c>backup COMMAND… --config CONFIGURATION</c>.</summary>
    /// <exception cref="BackupTool.Operations.OperationException">It cannot be started.</exception>
    IChildRun Start(BytePath configuration, params IReadOnlyList<string> command);
}

/// <summary>A process that was started.</summary>
internal interface IChildRun : IDisposable
{
    /// <summary>Its number.</summary>
    int ProcessId { get; }

    /// <summary>Ends when it does, with its exit code (128 + signal, when a signal ended it).</summary>
    Task<int> Ended { get; }

    /// <summary>Asks it to end (SIGTERM): it brings back what it has stopped first. Nothing happens when it has ended.</summary>
    void Terminate();
}
