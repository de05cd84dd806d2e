namespace BackupTool.Repositories.Retention;

/// <summary>A schedule, as far as it says how long its snapshots are kept.</summary>
/// <param name="Keep">How long; null: for ever.</param>
/// <param name="TimeZone">Where its hours, days, weeks, months and years begin.</param>
public sealed record ScheduleRetention(RetentionPolicy? Keep, TimeZoneInfo TimeZone);

/// <summary>A policy that applies to a snapshot.</summary>
/// <param name="Key">Tells it from others that keep as much: each counts its own snapshots.</param>
/// <param name="Prefix">For a reason; empty where there is no doubt.</param>
/// <param name="Policy">What it keeps.</param>
/// <param name="TimeZone">Where its hours, days, weeks, months and years begin.</param>
internal sealed record AppliedPolicy(string Key, string Prefix, RetentionPolicy Policy, TimeZoneInfo TimeZone);

/// <summary>Which policies there are, and to which snapshots each applies.</summary>
public sealed record RetentionRules
{
    /// <summary>The schedules that are configured, by name.</summary>
    public IReadOnlyDictionary<string, ScheduleRetention> Schedules { get; init; } = new Dictionary<string, ScheduleRetention>();

    /// <summary>Labels that have a policy, by name.</summary>
    public IReadOnlyDictionary<string, RetentionPolicy> Labels { get; init; } = new Dictionary<string, RetentionPolicy>();

    /// <summary>For snapshots that neither a configured schedule nor such a label concerns; null: they are kept for ever.</summary>
    public RetentionPolicy? Keep { get; init; }

    /// <summary>Where days begin for all but schedules.</summary>
    public required TimeZoneInfo LocalTimeZone { get; init; }

    /// <summary>The policies that apply to a snapshot; or none, and why it is kept for ever.</summary>
    internal (IReadOnlyList<AppliedPolicy> Policies, string? WhyForEver) PoliciesFor(RetentionSnapshot snapshot)
    {
        var policies = new List<AppliedPolicy>();
        ScheduleRetention? schedule = snapshot.Schedule is { } name ? Schedules.GetValueOrDefault(name) : null;
        if (schedule is { Keep: null }) return ([], $"no policy: the schedule {snapshot.Schedule} has no keep");
        if (schedule is { Keep: { } keep }) policies.Add(new AppliedPolicy($"schedule {snapshot.Schedule}", "", keep, schedule.TimeZone));
        foreach (string label in snapshot.Labels.Distinct().Order(StringComparer.Ordinal))
            if (Labels.TryGetValue(label, out RetentionPolicy? policy)) policies.Add(new AppliedPolicy($"label {label}", $"label {label}: ", policy, LocalTimeZone));
        if (policies.Count == 0 && Keep is not null) policies.Add(new AppliedPolicy("rotation", "", Keep, LocalTimeZone));
        return policies.Count > 0 ? (policies, null) : ([], $"no policy: {WhyNone(snapshot)}, and [rotation] has no keep");
    }

    private static string WhyNone(RetentionSnapshot snapshot) =>
        snapshot.Schedule is { } name ? $"the schedule {name} is not configured any more" : "no schedule made it";
}
