using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Verification;

/// <summary>Finds which snapshots need what was found damaged: a pack has no snapshot in its name, and a snapshot whose pack is lost proves nothing any more.</summary>
public static class AffectedSnapshots
{
    /// <summary>Those that cannot be restored whole, oldest first, each as a problem of its file.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="index">Its chunks.</param>
    /// <param name="snapshots">Those that could be read.</param>
    /// <param name="problems">What was found.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<IReadOnlyList<VerificationProblem>> FindAsync(
        Repository repository, ChunkIndex index, IReadOnlyList<StoredSnapshot> snapshots, IReadOnlyList<VerificationProblem> problems, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        ArgumentNullException.ThrowIfNull(problems);
        HashSet<PackId> damaged = [.. problems.Select(static problem => PackId.TryParseFileName(problem.FileName, out PackId? pack) ? pack : null).OfType<PackId>()];
        if (damaged.Count == 0) return [];
        // Unchanged services have the same lists in many snapshots.
        var known = new Dictionary<string, bool>();
        var affected = new List<VerificationProblem>();
        foreach (StoredSnapshot snapshot in snapshots)
        {
            foreach (ServiceSnapshot service in snapshot.Snapshot.Services)
            {
                string lists = $"{string.Join(' ', service.Archive.ChunkList)} {string.Join(' ', service.Archive.Catalog)}";
                if (!known.TryGetValue(lists, out bool needs)) known[lists] = needs = await NeedsAsync(repository, index, service.Archive, damaged, cancellationToken);
                if (needs) affected.Add(new VerificationProblem($"{snapshot.Id.FileName} ({service.Name})", "it needs a pack that is damaged"));
            }
        }
        return affected;
    }

    private static async Task<bool> NeedsAsync(Repository repository, ChunkIndex index, Archive archive, HashSet<PackId> damaged, CancellationToken cancellationToken)
    {
        bool IsLost(ChunkId chunk) => !index.TryGet(chunk, out ChunkLocation at) || damaged.Contains(at.Pack);

        if (ChunkReference.Parse(archive.ChunkList).Concat(ChunkReference.Parse(archive.Catalog)).Any(IsLost)) return true;
        try
        {
            using var reader = new ArchiveReader(repository, index, archive);
            await foreach (ChunkReference chunk in reader.ReadChunkListAsync(cancellationToken))
                if (IsLost(chunk.Id)) return true;
            return false;
        }
        catch (Exception e) when (e is RepositoryDamagedException or InvalidDataException or IOException)
        {
            return true;   // without its list nothing of it can be read
        }
    }
}
