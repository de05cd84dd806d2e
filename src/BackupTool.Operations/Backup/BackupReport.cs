using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Backup;

/// <summary>What a run is to do.</summary>
public sealed record BackupRequest
{
    /// <summary>Names of services; empty for all.</summary>
    public IReadOnlyList<string> Services { get; init; } = [];

    /// <summary>Words for the snapshot.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>The schedule that asks; null when a person does.</summary>
    public string? Schedule { get; init; }

    /// <summary>Keep the snapshot for ever.</summary>
    public bool Pinned { get; init; }

    /// <summary>How long to wait for another run; null for the configured time.</summary>
    public TimeSpan? LockWait { get; init; }

    /// <summary>Say what would be stopped and read; stop and store nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>When a service cannot be backed up and others would have to be stopped: stop and back those up all the same.</summary>
    public bool KeepsGoing { get; init; }

    /// <summary>What is suspiciously small is meant to be so: it is stored without a warning, and what comes later is compared with it.</summary>
    public bool AcceptsSuspicious { get; init; }

    /// <summary>
    /// What is damaged or missing of a service does not fail it: it is stored as it lies, with a warning that names it. For keeping a broken state before it is replaced; not for a backup that
    /// somebody may rely on.
    /// </summary>
    public bool AcceptsDamage { get; init; }
}

/// <summary>What a service of a run came to.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Entries">Members of its archive.</param>
/// <param name="Bytes">Bytes of its files.</param>
/// <param name="ChangedBytes">Bytes of those that had to be read.</param>
/// <param name="LeftOut">What was left out on purpose.</param>
/// <param name="Warnings">What could not be stored as it should be.</param>
public sealed record ServiceReport(
    string Name, long Entries, long Bytes, long ChangedBytes, IReadOnlyList<LeftOut> LeftOut, IReadOnlyList<LeftOut> Warnings);

/// <summary>What a run came to.</summary>
/// <param name="Snapshot">What was committed; null in a dry run.</param>
/// <param name="Plan">What was, or would be, stopped and frozen.</param>
/// <param name="Outcome">What became of that; null in a dry run.</param>
/// <param name="Services">The services that could be backed up.</param>
/// <param name="Failures">Those that could not.</param>
/// <param name="Damaged">Earlier snapshots that cannot be read any more: this run does not need them, but somebody should know.</param>
public sealed record BackupReport(
    StoredSnapshot? Snapshot, QuiescePlan Plan, QuiesceOutcome? Outcome, IReadOnlyList<ServiceReport> Services, IReadOnlyList<ServiceFailure> Failures, IReadOnlyList<RepositoryDamagedException> Damaged)
{
    /// <summary>Whether something was skipped, or is damaged, that an operator may miss.</summary>
    public bool HasWarnings => Damaged.Count > 0 || Services.Any(static service => service.Warnings.Count > 0) || Outcome?.Services.Any(static service => service.CopyKind == CopyKind.Crash) == true;

    /// <summary>Services whose units had failed before the run, and what systemd says of them.</summary>
    public IReadOnlyDictionary<string, string> FailedBefore { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether something that the run stopped is not back, or a service is not well, whether or not it was before.</summary>
    public bool IsUnwell => FailedBefore.Count > 0 || Outcome is { IsWell: false } || Outcome?.Services.Any(static service => service.IsHealthy == false) == true;

    /// <summary>The worst of what went wrong, one line, for the history; null when nothing did.</summary>
    public string? FirstProblem =>
        Outcome?.Services.Where(static service => service.IsHealthy == false).Select(static service => $"{service.Name} is not healthy: {service.HealthReason}")
            .Concat(Outcome.Units.Where(static unit => unit.Problem is not null).Select(static unit => $"{unit.Unit}: {unit.Problem}"))
            .Concat(FailedBefore.Select(static failed => $"{failed.Key} was not running: {failed.Value}")).FirstOrDefault()
        ?? Failures.Select(static failure => $"{failure.Name} is not in the snapshot: {failure.Reason}")
            .Concat(Damaged.Select(static damage => damage.Message))
            .Concat(Outcome?.Services.Where(static service => service.CopyKind == CopyKind.Crash).Select(static service => $"{service.Name}: its copy is what a crash would leave: {service.CopyReason}") ?? [])
            .Concat(Services.SelectMany(static service => service.Warnings.Select(warning => $"{service.Name}: {warning.Path}: {warning.Reason}"))).FirstOrDefault();
}
