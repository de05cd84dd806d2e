using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Retention;

/// <summary>Removes snapshots. What only they needed is no longer needed then; pruning removes it.</summary>
public static class Forgetting
{
    /// <summary>Removes the files of snapshots, each with its pin. The caller holds the exclusive lock. Ended in the middle, those before are gone and the others whole.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="snapshots">Which, in the order in which they go.</param>
    /// <param name="onForgotten">Is told of each that is gone.</param>
    /// <param name="cancellationToken">Ends it between two.</param>
    public static async ValueTask RunAsync(Repository repository, IEnumerable<SnapshotId> snapshots, Action<SnapshotId> onForgotten, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(snapshots);
        ArgumentNullException.ThrowIfNull(onForgotten);
        foreach (SnapshotId id in snapshots)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await repository.Storage.DeleteAsync(id.FileName, CancellationToken.None);
            // After the snapshot: a pin without one says nothing, a snapshot without its pin would say something else.
            await repository.Storage.DeleteAsync(SnapshotPins.NameFor(id), CancellationToken.None);
            onForgotten(id);
        }
    }
}
