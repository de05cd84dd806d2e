using BackupTool.Operations.Restore.InPlace;
using BackupTool.Operations.Sanity;
using BackupTool.Repositories;
using BackupTool.Repositories.Retention;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;
using BackupTool.Repositories.Verification;

namespace BackupTool.Operations.Rotation;

/// <summary>All that forgetting must know of a repository: its snapshots, which are pinned now, and which are proved.</summary>
internal sealed class RepositorySurvey
{
    private RepositorySurvey(IReadOnlyList<StoredSnapshot> stored, SnapshotPins pins, IReadOnlyDictionary<string, DateTimeOffset> verified, IReadOnlyList<string> warnings)
    {
        (Stored, Pins, Warnings) = (stored, pins, warnings);
        Snapshots = [.. stored.Select(one => RetentionSnapshot.From(one, SuspiciousIn(one.Snapshot), pins.IsPinned(one), verified.ContainsKey(one.Id.Hex), SafetySnapshot.Is(one.Snapshot)))];
    }

    private static string[] SuspiciousIn(Snapshot snapshot) => [.. snapshot.Services.Where(static service => SanityFacts.SuspicionOf(service) is not null).Select(static service => service.Name)];

    /// <summary>The snapshots, oldest first.</summary>
    internal IReadOnlyList<StoredSnapshot> Stored { get; }

    /// <summary>The same, as retention sees them.</summary>
    internal IReadOnlyList<RetentionSnapshot> Snapshots { get; }

    /// <summary>What is pinned.</summary>
    internal SnapshotPins Pins { get; }

    /// <summary>What could not be read, and what that means.</summary>
    internal IReadOnlyList<string> Warnings { get; }

    /// <summary>Reads all of it. The caller holds a lock.</summary>
    /// <exception cref="RepositoryDamagedException">A snapshot cannot be read: what it needs is unknown, so nothing may be removed.</exception>
    internal static async ValueTask<RepositorySurvey> ReadAsync(Repository repository, CancellationToken cancellationToken)
    {
        foreach (StoredFile file in await repository.Storage.ListAsync("snapshots/", cancellationToken))
            if (!SnapshotId.TryParseFileName(file.Name, out _)) throw Refused(file.Name, "it is no snapshot by its name, but may have been one", "Look at it, and move it out of the repository.", null);
        (IReadOnlyList<StoredSnapshot> stored, IReadOnlyList<RepositoryDamagedException> damaged) = await repository.ListReadableSnapshotsAsync(cancellationToken);
        if (damaged is [var first, ..])
        {
            string others = damaged.Count > 1 ? $" (and so are {damaged.Count - 1} more)" : "";
            throw Refused(first.FileName, $"{first.Problem}{others}", first.Hint, first);
        }
        SnapshotPins pins = await SnapshotPins.ReadAsync(repository.Storage, cancellationToken);
        EvidenceList evidence = await EvidenceReader.ReadAsync(repository.Storage, cancellationToken);
        return new RepositorySurvey(stored, pins, VerifiedSnapshots.From(evidence.Reports),
        [
            .. pins.Unreadable.Select(static problem => $"{problem}: its snapshot counts as pinned (say it anew with 'backup pin' or 'backup unpin')"),
            .. evidence.Unreadable.Select(static problem => $"{problem}: this report proves nothing"),
        ]);
    }

    private static RepositoryDamagedException Refused(string file, string problem, string? hint, Exception? cause) =>
        new(file, $"{problem}. What such a snapshot needs is unknown, so nothing was removed", hint, cause);
}
