using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Retention;

/// <summary>What becomes of one snapshot.</summary>
/// <param name="Snapshot">It.</param>
/// <param name="IsKept">Whether it stays.</param>
/// <param name="Reasons">Why: every rule that keeps it, or the one sentence that says why none does.</param>
public sealed record RetentionDecision(RetentionSnapshot Snapshot, bool IsKept, IReadOnlyList<string> Reasons);

/// <summary>
/// Which snapshots stay, and why. Decided for each host, policy and service, and united: a snapshot stays when a rule keeps it for any of its services, so one that lacks a service never
/// takes the place of the last that has it, nor does one in which it is suspiciously small. Pure: the order of the input does not matter, a policy that keeps more never keeps less, and what a plan keeps the next plan of that instant keeps too.
/// </summary>
public sealed class RetentionPlan
{
    private RetentionPlan(IReadOnlyList<RetentionDecision> decisions, IReadOnlyList<RetentionFloor> floors) => (Decisions, Floors) = (decisions, floors);

    /// <summary>One for each snapshot, oldest first.</summary>
    public IReadOnlyList<RetentionDecision> Decisions { get; }

    /// <summary>What is never removed of the services of the hosts that were decided on.</summary>
    public IReadOnlyList<RetentionFloor> Floors { get; }

    /// <summary>Those that go, oldest first.</summary>
    public IEnumerable<RetentionSnapshot> Removed => Decisions.Where(static decision => !decision.IsKept).Select(static decision => decision.Snapshot);

    /// <summary>Decides.</summary>
    /// <param name="snapshots">All snapshots of the repository.</param>
    /// <param name="rules">The policies.</param>
    /// <param name="now">Now. Snapshots that are dated later stay, and take no place from others: a clock was wrong.</param>
    /// <param name="onlyHost">The machine on whose snapshots is decided; those of others stay. Null for all.</param>
    public static RetentionPlan Decide(IEnumerable<RetentionSnapshot> snapshots, RetentionRules rules, DateTimeOffset now, string? onlyHost)
    {
        ArgumentNullException.ThrowIfNull(rules);
        List<RetentionSnapshot> all = [.. snapshots.DistinctBy(static snapshot => snapshot.Id)];
        all.Sort(RetentionSnapshot.CompareAge);
        var findings = all.ToDictionary(static snapshot => snapshot.Id, snapshot => new RetentionFindings(snapshot, rules));
        List<RetentionSnapshot> mine = all.FindAll(snapshot => onlyHost is null || snapshot.Host == onlyHost);
        IReadOnlyList<RetentionFloor> floors = RetentionFloor.Of(mine, now);
        foreach (RetentionSnapshot snapshot in all)
        {
            if (snapshot.IsPinned) findings[snapshot.Id].Keep("pinned");
            if (snapshot.Time > now) findings[snapshot.Id].Keep("dated in the future");
            if (onlyHost is not null && snapshot.Host != onlyHost) findings[snapshot.Id].Keep($"of another host ({snapshot.Host})");
            else if (findings[snapshot.Id].WhyForEver is { } reason) findings[snapshot.Id].Keep(reason);
        }
        ApplyPolicies(mine.FindAll(snapshot => snapshot.Time <= now), findings, now);
        ApplyFloors(mine, floors, findings);
        return new RetentionPlan([.. all.Select(snapshot => findings[snapshot.Id].Decide())], floors);
    }

    private static void ApplyPolicies(List<RetentionSnapshot> snapshots, Dictionary<SnapshotId, RetentionFindings> findings, DateTimeOffset now)
    {
        var series = snapshots.SelectMany(snapshot => findings[snapshot.Id].Policies.SelectMany(policy => snapshot.Services.Distinct().Select(service => (Snapshot: snapshot, Policy: policy, Service: service))))
            .GroupBy(static held => (held.Snapshot.Host, held.Snapshot.IsSetAside, IsSuspicious: held.Snapshot.IsSuspicious(held.Service), held.Policy, held.Service), static held => held.Snapshot);
        foreach (var one in series)
            PolicyApplication.Run(one.Key.Policy, [.. one.Reverse()], now, (snapshot, reason) => findings[snapshot.Id].Keep(reason, one.Key.Service));
    }

    private static void ApplyFloors(List<RetentionSnapshot> snapshots, IReadOnlyList<RetentionFloor> floors, Dictionary<SnapshotId, RetentionFindings> findings)
    {
        var floorOf = floors.ToDictionary(static floor => (floor.Host, floor.Service));
        foreach (RetentionSnapshot snapshot in snapshots)
            foreach (string service in snapshot.Services.Distinct())
                if (floorOf[(snapshot.Host, service)].WhyKept(snapshot) is { } reason) findings[snapshot.Id].Keep(reason, service);
    }
}
