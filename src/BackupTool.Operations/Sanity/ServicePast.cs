using BackupTool.Operations.Restore.InPlace;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Sanity;

/// <summary>How large a service was.</summary>
/// <param name="Bytes">Of its files.</param>
/// <param name="Files">Regular files.</param>
/// <param name="Databases">Bytes of its databases, by path: those that are known.</param>
internal sealed record ServiceSize(long Bytes, long Files, IReadOnlyDictionary<string, long> Databases)
{
    internal static ServiceSize Of(ServiceSnapshot service) => new(service.Archive.ContentBytes, service.Archive.Files, SanityFacts.DatabasesOf(service));
}

/// <summary>What a service is compared with: its last good snapshots on this host.</summary>
/// <param name="Sizes">At most <see cref="Count"/>, the newest last.</param>
/// <param name="DamagedBefore">The databases that were damaged already in the last good one; null when there is none.</param>
/// <param name="ReplacedAt">When a restore or wipe was about to replace its state, if no good snapshot came after: then it may have another size for a good reason.</param>
internal sealed record ServicePast(IReadOnlyList<ServiceSize> Sizes, IReadOnlySet<string>? DamagedBefore, DateTimeOffset? ReplacedAt)
{
    /// <summary>How many snapshots are compared with.</summary>
    internal const int Count = 7;

    internal static ServicePast None { get; } = new([], null, null);

    /// <summary>
    /// Reads it off the snapshots, oldest first. What was before a restore or wipe counts until the first good snapshot after it; what was before a state that the operator has accepted counts no more.
    /// </summary>
    internal static ServicePast Of(IEnumerable<StoredSnapshot> snapshots, string host, string service)
    {
        var sizes = new List<ServiceSize>();
        IReadOnlySet<string>? damagedBefore = null;
        DateTimeOffset? replacedAt = null;
        foreach (Snapshot snapshot in snapshots.Select(static stored => stored.Snapshot).Where(snapshot => snapshot.Host == host))
        {
            if (snapshot.Services.FirstOrDefault(other => other.Name == service) is not { } found) continue;
            if (SafetySnapshot.Is(snapshot)) replacedAt = snapshot.Time;
            if (!SanityFacts.IsGood(snapshot, found)) continue;
            if (replacedAt is not null || found.Facts.ContainsKey(SanityFacts.Accepted)) sizes.Clear();
            replacedAt = null;
            sizes.Add(ServiceSize.Of(found));
            damagedBefore = SanityFacts.DamagedIn(found).ToHashSet();
        }
        return new ServicePast([.. sizes.TakeLast(Count)], damagedBefore, replacedAt);
    }
}
