using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Index;

/// <summary>What rebuilding the index came to.</summary>
/// <param name="Packs">Packs whose tables were read.</param>
/// <param name="Chunks">Chunks that they hold.</param>
/// <param name="RemovedFiles">Index files that were there before and are no more.</param>
/// <param name="DamagedPacks">Packs that could not be read, and why.</param>
public sealed record IndexRepairResult(int Packs, long Chunks, int RemovedFiles, IReadOnlyList<RepositoryDamagedException> DamagedPacks);

/// <summary>Rebuilds the index from the packs' own tables. The new files are durable before the old ones go.</summary>
public static class IndexRepair
{
    /// <summary>Rebuilds; the caller holds the writer's lock. Packs that cannot be read are reported and left where they are.</summary>
    public static async Task<IndexRepairResult> RunAsync(Repository repository, Action onPack, CancellationToken cancellationToken)
    {
        IStorage storage = repository.Storage;
        IReadOnlyList<StoredFile> old = await storage.ListAsync(IndexFile.Folder, cancellationToken);
        var packs = new List<FinishedPack>();
        var damaged = new List<RepositoryDamagedException>();
        foreach (StoredFile file in await storage.ListAsync("packs/", cancellationToken))
        {
            if (!PackId.TryParseFileName(file.Name, out PackId? id)) continue;
            try
            {
                packs.Add(await PackReader.ReadTableAsync(storage, id.Value, file.Bytes, cancellationToken));
            }
            catch (RepositoryDamagedException e)
            {
                damaged.Add(e);
            }
            onPack();
        }
        List<StoredFile> written = await IndexFile.WriteAsync(storage, packs, cancellationToken);
        int removed = 0;
        foreach (StoredFile file in old)
        {
            if (written.Exists(w => w.Name == file.Name)) continue;
            await storage.DeleteAsync(file.Name, cancellationToken);
            removed++;
        }
        return new IndexRepairResult(packs.Count, packs.Sum(static p => (long)p.Chunks.Count), removed, damaged);
    }
}
