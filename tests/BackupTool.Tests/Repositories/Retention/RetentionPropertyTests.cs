using BackupTool.Repositories.Retention;
using BackupTool.Repositories.Snapshots;
using CsCheck;
using static BackupTool.Tests.Repositories.Retention.RetentionStage;

namespace BackupTool.Tests.Repositories.Retention;

/// <summary>Whatever snapshots there are and whatever the policies say.</summary>
public sealed class RetentionPropertyTests
{
    private static readonly DateTimeOffset Start = new(2025, 12, 20, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeZoneInfo[] Zones = [TimeZoneInfo.Utc, Berlin, TimeZoneInfo.FindSystemTimeZoneById("America/New_York"), TimeZoneInfo.FindSystemTimeZoneById("Pacific/Apia"), TimeZoneInfo.FindSystemTimeZoneById("Australia/Lord_Howe")];

    private static readonly Gen<RetentionPolicy> GenPolicy = Gen.Select(Gen.Int[0, 3].Array[6], Gen.Int[0, 20], static (counts, days) => new RetentionPolicy
    {
        Last = counts[0],
        Hourly = counts[1],
        Daily = counts[2],
        Weekly = counts[3],
        Monthly = counts[4],
        Yearly = counts[5],
        Within = days == 0 ? null : TimeSpan.FromDays(days),
    });

    private static readonly Gen<RetentionSnapshot> GenSnapshot = Gen.Select(Gen.Int[1, 1_000_000], Gen.Int[0, 24 * 500], Gen.Int[0, 255], Gen.Int[0, 255], static (number, hours, flags, names) => new RetentionSnapshot
    {
        Id = Id(number),
        Time = Start.AddHours(hours),
        Host = flags % 8 == 0 ? "there" : "here",
        Schedule = names % 3 == 0 ? null : names % 3 == 1 ? "nightly" : "weekly",
        Labels = (names & 8) == 0 ? [] : (names & 16) == 0 ? ["release"] : ["release", "other"],
        IsPinned = flags % 16 == 1,
        IsVerified = flags % 7 == 2,
        IsSetAside = flags % 13 == 3,
        Suspicious = flags % 5 == 4 ? ["a"] : [],
        Services = (names >> 5) switch { 0 => ["a"], 1 => ["b"], 2 => ["a", "b", "c"], 3 => [], _ => ["a", "b"] },
    });

    private static readonly Gen<(List<RetentionSnapshot> Snapshots, RetentionRules Rules, DateTimeOffset Now)> GenCase =
        Gen.Select(GenSnapshot.List[0, 60], GenPolicy.Array[4], Gen.Int[0, 31], Gen.Int[24 * 300, 24 * 520], Gen.Int[0, Zones.Length - 1], static (snapshots, policies, missing, hours, zone) =>
            (snapshots, Rules(policies, missing, Zones[zone]), Start.AddHours(hours)));

    private static RetentionRules Rules(RetentionPolicy[] policies, int missing, TimeZoneInfo zone) => new()
    {
        Schedules = new Dictionary<string, ScheduleRetention> { ["nightly"] = new(missing == 1 ? null : policies[0], zone), ["weekly"] = new(policies[1], TimeZoneInfo.Utc) }
            .Where(pair => missing != 2 || pair.Key != "weekly").ToDictionary(),
        Labels = missing == 3 ? new Dictionary<string, RetentionPolicy>() : new() { ["release"] = policies[2] },
        Keep = missing is 4 or 5 ? null : policies[3],
        LocalTimeZone = zone,
    };

    private static HashSet<SnapshotId> Kept(IEnumerable<RetentionSnapshot> snapshots, RetentionRules rules, DateTimeOffset now) => [.. RetentionPlan.Decide(snapshots, rules, now, "here").KeptIds()];

    [Fact]
    public void The_order_of_the_input_does_not_matter() => Gen.Select(GenCase, Gen.Int[0, 1000]).Sample((one, seed) =>
    {
        List<RetentionSnapshot> distinct = [.. one.Snapshots.DistinctBy(static snapshot => snapshot.Id)];
        RetentionPlan plan = RetentionPlan.Decide(distinct, one.Rules, one.Now, "here");
        RetentionPlan other = RetentionPlan.Decide(distinct.OrderBy(snapshot => HashCode.Combine(snapshot.Id.Hex, seed)), one.Rules, one.Now, "here");
        return plan.Decisions.Select(Describe).SequenceEqual(other.Decisions.Select(Describe));
    }, iter: 2000);

    private static string Describe(RetentionDecision decision) => $"{decision.Snapshot.Id} {decision.IsKept} {string.Join("; ", decision.Reasons)}";

    [Fact]
    public void A_policy_that_keeps_more_never_keeps_less() => Gen.Select(GenCase, Gen.Int[0, 3].Array[6], Gen.Int[0, 30], Gen.Int[0, 3]).Sample((one, more, days, which) =>
    {
        RetentionRules wider = one.Rules;
        if (which == 0) wider = wider with { Schedules = wider.Schedules.ToDictionary(pair => pair.Key, pair => pair.Value with { Keep = Widen(pair.Value.Keep) }) };
        if (which == 1) wider = wider with { Labels = wider.Labels.ToDictionary(pair => pair.Key, pair => Widen(pair.Value)!) };
        if (which == 2) wider = wider with { Keep = Widen(wider.Keep) };
        if (which == 3) wider = wider with { Schedules = wider.Schedules.ToDictionary(pair => pair.Key, pair => pair.Value with { Keep = null }), Keep = null };
        return Kept(one.Snapshots, one.Rules, one.Now).IsSubsetOf(Kept(one.Snapshots, wider, one.Now));

        RetentionPolicy? Widen(RetentionPolicy? policy) => policy is null ? null : new RetentionPolicy
        {
            Last = policy.Last + more[0],
            Hourly = policy.Hourly + more[1],
            Daily = policy.Daily + more[2],
            Weekly = policy.Weekly + more[3],
            Monthly = policy.Monthly + more[4],
            Yearly = policy.Yearly + more[5],
            Within = policy.Within is { } within ? within + TimeSpan.FromDays(days) : days == 0 ? null : TimeSpan.FromDays(days),
        };
    }, iter: 3000);

    [Fact]
    public void Never_goes_below_the_floor() => GenCase.Sample(one =>
    {
        List<RetentionSnapshot> all = [.. one.Snapshots.DistinctBy(static snapshot => snapshot.Id)];
        HashSet<SnapshotId> kept = Kept(all, one.Rules, one.Now);
        if (all.Exists(snapshot => (snapshot.IsPinned || snapshot.Host != "here" || snapshot.Time > one.Now) && !kept.Contains(snapshot.Id))) return false;
        foreach (string service in new[] { "a", "b", "c" })
        {
            List<RetentionSnapshot> series = [.. all.Where(snapshot => snapshot.Host == "here" && snapshot.Services.Contains(service) && snapshot.Time <= one.Now && !snapshot.IsSetAside).OrderBy(static snapshot => snapshot.Time).ThenBy(static snapshot => snapshot.Id.Hex)];
            if (series.Count > 0 && !kept.Contains(series[^1].Id)) return false;
            int verified = series.FindLastIndex(snapshot => snapshot.IsVerified && !snapshot.Suspicious.Contains(service));
            if (verified < 0) verified = series.FindLastIndex(static snapshot => snapshot.IsVerified);
            if (verified >= 0 && series.Skip(verified).Any(snapshot => !kept.Contains(snapshot.Id))) return false;
        }
        return true;
    }, iter: 3000);

    [Fact]
    public void What_is_left_stays_when_it_is_decided_again() => GenCase.Sample(one =>
    {
        HashSet<SnapshotId> kept = Kept(one.Snapshots, one.Rules, one.Now);
        return Kept(one.Snapshots.Where(snapshot => kept.Contains(snapshot.Id)), one.Rules, one.Now).SetEquals(kept);
    }, iter: 2000);

    [Fact]
    public void Every_decision_has_a_reason() => GenCase.Sample(one =>
        RetentionPlan.Decide(one.Snapshots, one.Rules, one.Now, "here").Decisions.All(static decision =>
            decision.Reasons.Count > 0 && decision.Reasons.All(static reason => reason.Length > 0) && decision.IsKept == !decision.Reasons[0].StartsWith("no rule", StringComparison.Ordinal)), iter: 1000);
}
