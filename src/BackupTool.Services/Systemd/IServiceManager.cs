namespace BackupTool.Services.Systemd;

/// <summary>What stops, starts and freezes services: systemd, but for tests of what is decided. Every call returns when systemd's job has ended.</summary>
public interface IServiceManager
{
    /// <summary>The states of units, in the order asked for; one that does not exist has the load state <c>not-found</c>.</summary>
    /// <exception cref="ServiceManagerException">systemd cannot be asked.</exception>
    Task<IReadOnlyList<UnitState>> DescribeAsync(IReadOnlyList<string> units, CancellationToken cancellationToken);

    /// <summary>
    /// Stops units together and waits until they are down. One that is still not down after <paramref name="patience"/> is killed with SIGKILL. Says nothing of how they ended:
    /// ask <see cref="DescribeAsync"/>, because systemd calls a stop a success whatever became of the service.
    /// </summary>
    /// <exception cref="ServiceManagerException">systemd refused, or one runs on even so.</exception>
    Task StopAsync(IReadOnlyList<string> units, TimeSpan patience, CancellationToken cancellationToken);

    /// <summary>Starts a unit and waits for systemd's job (for Type=notify until it is ready).</summary>
    /// <exception cref="ServiceManagerException">It did not start.</exception>
    Task StartAsync(string unit, CancellationToken cancellationToken);

    /// <summary>As <see cref="StartAsync"/>, but nothing that the unit wants or requires is started with it.</summary>
    /// <exception cref="ServiceManagerException">It did not start.</exception>
    Task StartAloneAsync(string unit, CancellationToken cancellationToken);

    /// <summary>
    /// Takes back that a unit has failed, and begins anew to count its starts: a start after it is not refused for StartLimitBurst=. Nothing happens to one that has not failed, or that
    /// systemd does not have loaded; its result (<see cref="UnitState.Result"/>) is forgotten.
    /// </summary>
    /// <exception cref="ServiceManagerException">systemd refused, or cannot be asked.</exception>
    Task ResetFailedAsync(string unit, CancellationToken cancellationToken);

    /// <summary>
    /// The program of a unit's first ExecStart=: an absolute path (links are not followed), or the bare name that its unit file has; null for a unit that runs none. Its arguments are never told: they
    /// may hold secrets. Costs a process of its own: not for a window.
    /// </summary>
    /// <exception cref="ServiceManagerException">systemd cannot be asked.</exception>
    Task<string?> FindProgramAsync(string unit, CancellationToken cancellationToken);

    /// <summary>Freezes every process of a unit.</summary>
    /// <exception cref="ServiceManagerException">It cannot be frozen.</exception>
    Task FreezeAsync(string unit, CancellationToken cancellationToken);

    /// <summary>Thaws a unit; nothing happens to one that is not frozen.</summary>
    /// <exception cref="ServiceManagerException">It stays frozen.</exception>
    Task ThawAsync(string unit, CancellationToken cancellationToken);

    /// <summary>Sends a signal to a unit's main process.</summary>
    /// <param name="unit">Which.</param>
    /// <param name="signal">Its name, <c>SIGUSR2</c>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ServiceManagerException">It has none, or systemd refused.</exception>
    Task SignalAsync(string unit, string signal, CancellationToken cancellationToken);

    /// <summary>The last lines of a unit's journal, oldest first.</summary>
    /// <param name="unit">Which.</param>
    /// <param name="query">How many, since when and of which priority.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ServiceManagerException">The journal cannot be read.</exception>
    Task<IReadOnlyList<JournalLine>> ReadJournalAsync(string unit, JournalQuery query, CancellationToken cancellationToken);
}

/// <summary>Which lines of a journal.</summary>
/// <param name="Count">At most so many, the newest.</param>
/// <param name="Since">Not older than this; null for any age.</param>
/// <param name="ErrorsOnly">Only priority err and worse.</param>
public sealed record JournalQuery(int Count, DateTimeOffset? Since = null, bool ErrorsOnly = false);

/// <summary>A line of the journal.</summary>
/// <param name="Time">When it was written.</param>
/// <param name="Priority">0 (emerg) to 7 (debug).</param>
/// <param name="Text">What it says.</param>
public sealed record JournalLine(DateTimeOffset Time, int Priority, string Text);

/// <summary>systemd could not do, or not be asked, what was wanted.</summary>
public sealed class ServiceManagerException(string message, string hint, Exception? innerException = null) : ExplainedException(message, hint, innerException);
