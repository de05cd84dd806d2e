using BackupTool.Cli.Output;
using BackupTool.Operations.History;
using BackupTool.Operations.Status;

namespace BackupTool.Cli.Commands;

/// <summary>The JSON of <c>status</c>.</summary>
public sealed record StatusDocument(
    DateTimeOffset Time, string Host, bool IsWell, RepositoryDocument Repository, ServiceStatusDocument[] Services, ScheduleStatusDocument[] Schedules, PastRunDocument[] Runs, NoticeDocument[] Notices)
{
    /// <summary>Of a report.</summary>
    internal static StatusDocument From(StatusReport status) => new(status.Time, status.Host, status.IsWell,
        new RepositoryDocument(status.Repository, status.Contents?.Bytes, status.Contents?.Snapshots, status.Failure is { } failure ? new ErrorBody(ErrorReport.From(failure).Message, ErrorReport.From(failure).Hint, (int)ErrorReport.From(failure).Code) : null,
            [.. status.Damaged.Select(static damage => damage.Message)]),
        [.. status.Services.Select(ServiceStatusDocument.From)],
        [.. status.Schedules.Select(static schedule => new ScheduleStatusDocument(schedule.Name, schedule.Next, schedule.Last is { } last ? PastRunDocument.From(last) : null))],
        [.. status.Runs.Select(PastRunDocument.From)], [.. status.Notices.Select(static notice => new NoticeDocument(notice.Text, notice.IsTrouble))]);
}

/// <summary>The repository; sizes are null when it cannot be read, and then why.</summary>
public sealed record RepositoryDocument(string Path, long? Bytes, int? Snapshots, ErrorBody? Problem, string[] Damaged);

/// <summary>A service's backups. <c>lastCopy</c> and <c>lastDrill</c> are always null in this version.</summary>
public sealed record ServiceStatusDocument(
    string Name, string State, LastGoodDocument? LastGood, double? AgeSeconds, double? ExpectedAgeSeconds, string? Trouble, LastVerifyDocument? LastVerify, DateTimeOffset? LastCopy, DateTimeOffset? LastDrill, DateTimeOffset? NextRun)
{
    internal static ServiceStatusDocument From(ServiceStatus service) => new(service.Name, service.State.ToString().ToLowerInvariant(),
        service.LastGood is { } good ? new LastGoodDocument(good.Id, good.Time, good.Bytes, good.Files, good.Downtime?.TotalSeconds, good.IsCrashCopy) : null, service.Age?.TotalSeconds, service.ExpectedAge?.TotalSeconds,
        service.Trouble, service.LastVerify is { } verify ? new LastVerifyDocument(verify.Time, verify.Level, verify.Snapshot) : null, null, null, service.NextRun);
}

/// <summary>A snapshot that one may rely on.</summary>
public sealed record LastGoodDocument(string Snapshot, DateTimeOffset Time, long Bytes, long Files, double? DowntimeSeconds, bool IsCrashCopy);

/// <summary>A verification that found nothing.</summary>
public sealed record LastVerifyDocument(DateTimeOffset Time, string Level, string Snapshot);

/// <summary>When a schedule runs.</summary>
public sealed record ScheduleStatusDocument(string Name, DateTimeOffset? Next, PastRunDocument? Last);

/// <summary>A run.</summary>
public sealed record PastRunDocument(string Action, string? Schedule, DateTimeOffset Started, double Seconds, int ExitCode, string? Snapshot, long? ReadBytes, long? StoredBytes, string? Problem)
{
    internal static PastRunDocument From(RunRecord run) => new(run.Action, run.Schedule, run.Started, (run.Finished - run.Started).TotalSeconds, run.ExitCode, run.Snapshot, run.ReadBytes, run.StoredBytes, run.Problem);
}

/// <summary>Something to know.</summary>
public sealed record NoticeDocument(string Text, bool IsTrouble);
