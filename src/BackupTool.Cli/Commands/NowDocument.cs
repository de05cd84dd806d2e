using BackupTool.Operations.Backup;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Quiescing;

namespace BackupTool.Cli.Commands;

/// <summary>The JSON of <c>now</c>.</summary>
public sealed record NowDocument(
    string? Snapshot, DateTimeOffset? Time, long StoredBytes, long ReadBytes, long ReusedEntries, double Seconds, double? WindowSeconds, string[] Plan, ServiceReport[] Services,
    QuiescedService[] Quiesced, SortedDictionary<string, string> FailedBefore, ServiceFailure[] Failures)
{
    internal static NowDocument From(BackupReport report)
    {
        Snapshot? snapshot = report.Snapshot?.Snapshot;
        SnapshotStatistics? statistics = snapshot?.Statistics;
        return new NowDocument(report.Snapshot?.Id.Hex, snapshot?.Time, statistics?.StoredBytes ?? 0, statistics?.ReadBytes ?? 0, statistics?.ReusedEntries ?? 0, statistics?.Seconds ?? 0,
            snapshot?.WindowSeconds, [.. report.Plan.Steps.Select(static step => step.Sentence)], [.. report.Services], [.. report.Outcome?.Services.Select(QuiescedService.From) ?? []],
            new SortedDictionary<string, string>(report.FailedBefore.ToDictionary(), StringComparer.Ordinal), [.. report.Failures]);
    }
}

/// <summary>What became of a service in the window.</summary>
public sealed record QuiescedService(
    string Name, string? Unit, string Mode, string Copy, string? CopyReason, double? DowntimeSeconds, bool WasHealthy, bool? IsHealthy, bool IsOwed, string? Reason, string[] Journal)
{
    internal static QuiescedService From(ServiceOutcome service) => new(service.Name, service.Unit, service.Mode.ToString().ToLowerInvariant(), service.CopyKind.ToString().ToLowerInvariant(), service.CopyReason, service.Downtime?.TotalSeconds,
        service.WasHealthy, service.IsHealthy, service.IsOwed, service.HealthReason, [.. service.JournalLines.Select(static line => line.Text)]);
}
