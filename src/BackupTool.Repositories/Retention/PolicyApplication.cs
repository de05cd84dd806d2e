using System.Globalization;

namespace BackupTool.Repositories.Retention;

/// <summary>One policy over one series of snapshots: those of a host to which it applies and which hold one service.</summary>
internal static class PolicyApplication
{
    /// <summary>Says of each snapshot that the policy keeps by which rules. Only those that were cut by <paramref name="now"/> take places.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="newestFirst">The series.</param>
    /// <param name="now">Now.</param>
    /// <param name="onKept">Is told of a snapshot and a reason to keep it.</param>
    internal static void Run(AppliedPolicy policy, IReadOnlyList<RetentionSnapshot> newestFirst, DateTimeOffset now, Action<RetentionSnapshot, string> onKept)
    {
        for (int i = 0; i < Math.Min(policy.Policy.Last, newestFirst.Count); i++) onKept(newestFirst[i], Reason(policy, "last", i + 1, policy.Policy.Last));
        foreach (PolicyRule rule in PolicyRule.Of(policy.Policy)) KeepNewestOfEach(policy, rule, newestFirst, onKept);
        if (policy.Policy.Within is not { } within) return;
        foreach (RetentionSnapshot snapshot in newestFirst.TakeWhile(snapshot => now - snapshot.Time <= within)) onKept(snapshot, $"{policy.Prefix}within {RetentionPolicy.Text(within)}");
    }

    private static void KeepNewestOfEach(AppliedPolicy policy, PolicyRule rule, IReadOnlyList<RetentionSnapshot> newestFirst, Action<RetentionSnapshot, string> onKept)
    {
        // A set, not the last one only: where a clock is put back, local time comes twice.
        var seen = new HashSet<string>();
        foreach (RetentionSnapshot snapshot in newestFirst)
        {
            string bucket = rule.BucketOf(TimeZoneInfo.ConvertTime(snapshot.Time, policy.TimeZone));
            if (!seen.Add(bucket)) continue;
            onKept(snapshot, $"{Reason(policy, rule.Name, seen.Count, rule.Count)} ({bucket})");
            if (seen.Count == rule.Count) return;
        }
    }

    private static string Reason(AppliedPolicy policy, string rule, int number, int count) => string.Create(CultureInfo.InvariantCulture, $"{policy.Prefix}{rule} {number} of {count}");
}
