using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Replacing;

/// <summary>Where replacements happen: this machine's systemd and our state directory.</summary>
/// <param name="stateDirectory">The tool's own.</param>
/// <param name="manager">systemd.</param>
/// <param name="progress">Who is told.</param>
/// <param name="time">The clock.</param>
public sealed class ReplacementWorld(BytePath stateDirectory, IServiceManager manager, IProgressObserver progress, TimeProvider time)
{
    /// <summary>What is known of replacements.</summary>
    public ReplacementJournal Journal { get; } = new(stateDirectory);

    internal RestartJournal Restarts { get; } = new(stateDirectory);

    internal IServiceManager Manager => manager;

    internal IProgressObserver Progress => progress;

    internal TimeProvider Time => time;

    /// <summary>Takes the journal for a replacement.</summary>
    /// <exception cref="ReplacementUnderWayException">Another process has it, or one that was killed left it.</exception>
    internal HeldReplacement Hold()
    {
        HeldReplacement held = Journal.TryHold()
            ?? throw new ReplacementUnderWayException($"Another restore, rollback or wipe is under way (it holds {Journal.Directory}).", "Wait for it to finish.");
        if (!Journal.IsUnderWay) return held;
        held.Dispose();
        throw new ReplacementUnderWayException($"An earlier restore, rollback or wipe was interrupted ({Journal.File}).", "Run 'backup recover' first: it finishes it or puts all back.");
    }

    /// <summary>What carrying one out needs.</summary>
    /// <param name="configuration">As it is now; null when it cannot be read: then services are asked as the journal says, and PostgreSQL databases cannot be reached.</param>
    internal ReplacementContext ContextOf(BackupConfiguration? configuration) =>
        new(manager, Restarts, service => CheckOf(configuration, service), service => ProbeOf(configuration, service), new LiveDatabases(configuration, time), progress, time);

    private static HealthProbe? ProbeOf(BackupConfiguration? configuration, AffectedService service) =>
        configuration?.Services.FirstOrDefault(each => each.Name == service.Name) is { } settings ? LiveCheck.ProbeOf(settings, service.Probe?.ToProbe()) : service.Probe?.ToProbe();

    private IHealthCheck CheckOf(BackupConfiguration? configuration, AffectedService service) =>
        configuration?.Services.FirstOrDefault(each => each.Name == service.Name) is { } settings ? new LiveCheck(settings, service.Unit, manager, service.Probe?.ToProbe())
            : HealthChecks.For(service.Probe?.ToProbe(), service.Unit, manager) ?? new NothingToAsk();

    /// <summary>Brings one that was killed to an end. Comes before owed restarts are paid.</summary>
    /// <param name="configuration">As it is now; null when it cannot be read.</param>
    /// <param name="payRestarts">Pays owed restarts.</param>
    /// <param name="cancellationToken">Stops waiting; the rest is the next recovery's.</param>
    /// <exception cref="ExplainedException">It cannot go on; the message says why.</exception>
    public Task<ReplacementRecoveryReport> RecoverAsync(BackupConfiguration? configuration, Func<CancellationToken, Task> payRestarts, CancellationToken cancellationToken)
    {
        ReplacementContext context = ContextOf(configuration);
        return new ReplacementRecovery(Journal, context, payRestarts).RunAsync((record, _, cancellation) => SameServer.FindProblemsAsync(record, context, cancellation), cancellationToken);
    }

    /// <summary>At boot, before the services: see <see cref="EarlyRecovery"/>.</summary>
    /// <param name="configuration">As it is now; null when it cannot be read.</param>
    /// <param name="cancellationToken">Cancels before anything is done.</param>
    /// <exception cref="ExplainedException">It cannot go on; the message says why.</exception>
    public Task<EarlyRecoveryReport> RecoverBeforeServicesAsync(BackupConfiguration? configuration, CancellationToken cancellationToken) =>
        new EarlyRecovery(Journal, ContextOf(configuration)).RunAsync(cancellationToken);

    private sealed class NothingToAsk : IHealthCheck
    {
        public Task<HealthAnswer> AskAsync(CancellationToken cancellationToken) => Task.FromResult(new HealthAnswer(true, false, "nothing to ask"));
    }
}

/// <summary>A replacement is under way, or was interrupted.</summary>
public sealed class ReplacementUnderWayException(string message, string hint) : OperationException(message, hint);
