using BackupTool.Operations.History;
using BackupTool.Repositories;

namespace BackupTool.Operations.Status;

/// <summary>How the backups are: from the repository's snapshots and evidence, the schedules, and what the local history still knows.</summary>
public sealed record StatusReport
{
    /// <summary>When it was looked.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>This machine.</summary>
    public required string Host { get; init; }

    /// <summary>Where the repository is.</summary>
    public required string Repository { get; init; }

    /// <summary>How much is in the repository; null when it cannot be read.</summary>
    public RepositoryContents? Contents { get; init; }

    /// <summary>Why the repository cannot be read; null when it can. Nothing is known of services then.</summary>
    public Exception? Failure { get; init; }

    /// <summary>Snapshots that cannot be read.</summary>
    public IReadOnlyList<RepositoryDamagedException> Damaged { get; init; } = [];

    /// <summary>The services of the configuration, in its order; without any, all of the repository, by name.</summary>
    public required IReadOnlyList<ServiceStatus> Services { get; init; }

    /// <summary>The schedules, in the order of the configuration.</summary>
    public required IReadOnlyList<ScheduleStatus> Schedules { get; init; }

    /// <summary>The last runs, the newest first.</summary>
    public required IReadOnlyList<RunRecord> Runs { get; init; }

    /// <summary>What else there is to know.</summary>
    public required IReadOnlyList<StatusNotice> Notices { get; init; }

    /// <summary>Services without a good snapshot of the age that is expected.</summary>
    public IEnumerable<ServiceStatus> NotGood => Services.Where(static service => service.State != BackupState.Good);

    /// <summary>Whether there is nothing to do about any of it.</summary>
    public bool IsWell => Failure is null && Damaged.Count == 0 && !NotGood.Any() && !Services.Any(static service => service.Trouble is not null) && !Notices.Any(static notice => notice.IsTrouble);
}

/// <summary>How much a repository holds.</summary>
/// <param name="Bytes">Of all its files.</param>
/// <param name="Snapshots">That can be read.</param>
public sealed record RepositoryContents(long Bytes, int Snapshots);

/// <summary>Whether a service's backups are as they should be.</summary>
public enum BackupState
{
    /// <summary>Its last good snapshot is as young as is expected, as far as anything is.</summary>
    Good,
    /// <summary>It is older.</summary>
    Stale,
    /// <summary>There is none.</summary>
    Never,
    /// <summary>The repository cannot be read.</summary>
    Unknown,
}

/// <summary>How the backups of a service are.</summary>
public sealed record ServiceStatus
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>In a word.</summary>
    public required BackupState State { get; init; }

    /// <summary>The last snapshot that one may rely on; null when there is none.</summary>
    public GoodSnapshot? LastGood { get; init; }

    /// <summary>How old that is.</summary>
    public TimeSpan? Age { get; init; }

    /// <summary>How old it may be: <c>max-age</c>, or what its schedules come to; null when neither says anything.</summary>
    public TimeSpan? ExpectedAge { get; init; }

    /// <summary>What became of it in a snapshot since, of which it is no part or a suspicious one; null when nothing did.</summary>
    public string? Trouble { get; init; }

    /// <summary>The last verification that looked at a snapshot of it and found nothing; null when there is none.</summary>
    public ServiceVerification? LastVerify { get; init; }

    /// <summary>When a schedule backs it up next; null when none does.</summary>
    public DateTimeOffset? NextRun { get; init; }
}

/// <summary>A service in a snapshot that one may rely on.</summary>
/// <param name="Id">The snapshot's, whole.</param>
/// <param name="Time">When it was cut.</param>
/// <param name="Bytes">Of its files.</param>
/// <param name="Files">Regular files.</param>
/// <param name="Downtime">How long the service was down for it; null when it was not.</param>
/// <param name="IsCrashCopy">It is what a crash would leave: the service had to be killed.</param>
public sealed record GoodSnapshot(string Id, DateTimeOffset Time, long Bytes, long Files, TimeSpan? Downtime, bool IsCrashCopy);

/// <summary>A verification that found nothing wrong.</summary>
/// <param name="Time">When.</param>
/// <param name="Level">structure, data or content; with the part, as in <c>data 2/7</c>.</param>
/// <param name="Snapshot">The newest snapshot of the service that it looked at, whole id.</param>
public sealed record ServiceVerification(DateTimeOffset Time, string Level, string Snapshot);

/// <summary>When a schedule runs.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Next">Its next run; null when there is none any more.</param>
/// <param name="Last">Its last run that the history knows.</param>
public sealed record ScheduleStatus(string Name, DateTimeOffset? Next, RunRecord? Last);

/// <summary>Something to know.</summary>
/// <param name="Text">A sentence without its full stop.</param>
/// <param name="IsTrouble">Whether something should be done about it.</param>
public sealed record StatusNotice(string Text, bool IsTrouble);
