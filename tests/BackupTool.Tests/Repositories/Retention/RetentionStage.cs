using BackupTool.Repositories.Retention;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Tests.Repositories.Retention;

/// <summary>Snapshots out of thin air, and what becomes of them.</summary>
internal static class RetentionStage
{
    internal static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");

    internal static SnapshotId Id(int number) => SnapshotId.Of(BitConverter.GetBytes(number));

    internal static RetentionSnapshot Snapshot(int number, DateTimeOffset time, params string[] services) =>
        new() { Id = Id(number), Time = time, Host = "here", Schedule = "nightly", Services = services.Length == 0 ? ["maubot"] : services };

    internal static RetentionSnapshot Snapshot(int number, string time, params string[] services) => Snapshot(number, Time(time), services);

    internal static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal);

    /// <summary>One schedule, nightly, with this policy.</summary>
    internal static RetentionRules Nightly(RetentionPolicy? keep, TimeZoneInfo? zone = null) => new()
    {
        Schedules = new Dictionary<string, ScheduleRetention> { ["nightly"] = new(keep, zone ?? TimeZoneInfo.Utc) },
        LocalTimeZone = TimeZoneInfo.Utc,
    };

    internal static RetentionPlan Decide(IEnumerable<RetentionSnapshot> snapshots, RetentionRules rules, string now = "2030-01-01T00:00Z") => RetentionPlan.Decide(snapshots, rules, Time(now), "here");

    /// <summary>The days of what stays.</summary>
    internal static string[] KeptDays(this RetentionPlan plan) => [.. plan.Decisions.Where(static decision => decision.IsKept).Select(static decision => $"{decision.Snapshot.Time:yyyy-MM-dd}")];

    internal static IEnumerable<SnapshotId> KeptIds(this RetentionPlan plan) => plan.Decisions.Where(static decision => decision.IsKept).Select(static decision => decision.Snapshot.Id);

    internal static RetentionDecision Of(this RetentionPlan plan, int number) => plan.Decisions.Single(decision => decision.Snapshot.Id == Id(number));
}
