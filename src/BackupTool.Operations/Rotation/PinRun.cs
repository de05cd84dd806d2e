using BackupTool.Operations.Snapshots;
using BackupTool.Repositories;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Rotation;

/// <summary>What pinning, or taking pins back, came to.</summary>
/// <param name="Changed">Snapshots of which it was said now.</param>
/// <param name="Unchanged">Snapshots of which it was true already.</param>
public sealed record PinReport(IReadOnlyList<StoredSnapshot> Changed, IReadOnlyList<StoredSnapshot> Unchanged);

/// <summary>Pins snapshots, so that nothing forgets them, or takes that back.</summary>
public sealed class PinRun(Repository repository, IProgressObserver progress, TimeProvider time)
{
    /// <summary>Says of snapshots whether they are pinned. One that is damaged keeps nobody from pinning others by their ids.</summary>
    /// <param name="selectors">Which, as <see cref="SnapshotSelector"/> reads them.</param>
    /// <param name="isPinned">What is said.</param>
    /// <param name="lockWait">How long to wait for who is removing.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="NotInRepositoryException">One is not there: nothing was said of any.</exception>
    public async Task<PinReport> RunAsync(IReadOnlyList<string> selectors, bool isPinned, TimeSpan lockWait, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(selectors);
        // A reader's lock: nobody removes the snapshot meanwhile, and a backup may go on.
        await using RepositoryLock held = await RepositoryLock.AcquireAsync(repository.Storage, LockMode.Read, isPinned ? "pin" : "unpin", lockWait, time, progress.Message, cancellationToken);
        var chosen = new List<StoredSnapshot>();
        foreach (string selector in selectors) chosen.Add(await SelectAsync(selector, cancellationToken));
        SnapshotPins pins = await SnapshotPins.ReadAsync(repository.Storage, cancellationToken);
        ILookup<bool, StoredSnapshot> byChange = chosen.DistinctBy(static one => one.Id).ToLookup(one => pins.IsPinned(one) != isPinned || pins.IsUnreadable(one.Id));
        foreach (StoredSnapshot one in byChange[true]) await SnapshotPins.SetAsync(repository.Storage, one, isPinned, time, cancellationToken);
        return new PinReport([.. byChange[true]], [.. byChange[false]]);
    }

    private async ValueTask<StoredSnapshot> SelectAsync(string selector, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredSnapshot> meant = SnapshotSelector.IsId(selector) ? await repository.ListSnapshotsAsync(selector, cancellationToken) : [];
        return SnapshotSelector.Select(meant.Count > 0 ? meant : await repository.ListSnapshotsAsync(cancellationToken), selector, time.LocalTimeZone);
    }
}
