using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Index;

/// <summary>What rebuilding the index came to.</summary>
/// <param name="Packs">Packs whose tables were read.</param>
/// <param name="Chunks">Chunks that they hold.</param>
/// <param name="RemovedFiles">Index files that were there before and are no more.</param>
/// <param name="DamagedPacks">Packs that could not be read, and why.</param>
public sealed record IndexRepairResult(int Packs, long Chunks, int RemovedFiles, IReadOnlyList<RepositoryDamagedException> DamagedPacks);

/// <summary>
/// Rebuilds the index from the packs' own tables. The new files are durable before the old ones go. Where a table is damaged, old files that can be read stay: they may be
/// all that still knows where the chunks of that pack are.
/// </summary>
public static class IndexRepair
{
    /// <summary>Rebuilds; the caller holds the writer's lock. Packs that cannot be read are reported and left where they are.</summary>
    public static async Task<IndexRepairResult> RunAsync(Repository repository, Action onPack, CancellationToken cancellationToken)
    {
        IStorage storage = repository.Storage;
        var known = new ChunkIndex();
        (List<string> whole, List<string> spoilt) = await ReadOldAsync(storage, known, cancellationToken);
        var packs = new List<FinishedPack>();
        var damaged = new List<RepositoryDamagedException>();
        foreach (StoredFile file in await storage.ListAsync("packs/", cancellationToken))
        {
            if (!PackId.TryParseFileName(file.Name, out PackId? id)) continue;
            try
            {
                packs.Add(await ReadPackAsync(storage, id.Value, file.Bytes, known, cancellationToken));
            }
            catch (RepositoryDamagedException e)
            {
                damaged.Add(e);
            }
            onPack();
        }
        List<StoredFile> written = await IndexFile.WriteAsync(storage, packs, cancellationToken);
        IEnumerable<string> old = damaged.Count == 0 ? [.. whole, .. spoilt] : spoilt;
        int removed = 0;
        foreach (string name in old)
        {
            if (written.Exists(w => w.Name == name)) continue;
            await storage.DeleteAsync(name, cancellationToken);
            removed++;
        }
        return new IndexRepairResult(packs.Count, packs.Sum(static p => (long)p.Chunks.Count), removed, damaged);
    }

    private static async Task<(List<string> Whole, List<string> Spoilt)> ReadOldAsync(IStorage storage, ChunkIndex known, CancellationToken cancellationToken)
    {
        List<string> whole = [], spoilt = [];
        foreach (StoredFile file in await storage.ListAsync(IndexFile.Folder, cancellationToken))
        {
            try
            {
                if (IndexFile.DigestInName(file.Name) is null) continue;   // not ours: verify names it
                await IndexFile.ReadAsync(storage, file, known, cancellationToken);
                whole.Add(file.Name);
            }
            catch (Exception e) when (e is RepositoryDamagedException or InvalidDataException)
            {
                spoilt.Add(file.Name);
            }
        }
        return (whole, spoilt);
    }

    /// <summary>A table that does not say what the old index says is believed only when the whole pack is what its name says.</summary>
    private static async ValueTask<FinishedPack> ReadPackAsync(IStorage storage, PackId id, long bytes, ChunkIndex known, CancellationToken cancellationToken)
    {
        FinishedPack pack = await PackReader.ReadTableAsync(storage, id, bytes, cancellationToken);
        if (known.Contains(id) && !known.AgreesWith(id, pack.Chunks) && !await PackReader.IsWholeAsync(storage, id, bytes, cancellationToken))
            throw new RepositoryDamagedException(id.FileName, "its contents are not what its name says");
        return pack;
    }
}
