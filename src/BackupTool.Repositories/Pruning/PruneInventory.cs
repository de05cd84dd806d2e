using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Pruning;

/// <summary>An index file and what it lists.</summary>
internal sealed record IndexContent(StoredFile File, IReadOnlyList<IndexedPack> Packs);

/// <summary>Everything that a prune decides from, as it was when it was read.</summary>
internal sealed class PruneInventory
{
    private readonly HashSet<PackId> _there = [];

    /// <summary>The packs that are whole, as far as their sizes tell.</summary>
    internal List<PackUse> Packs { get; } = [];

    internal List<IndexContent> IndexFiles { get; } = [];

    /// <summary>Chunks that snapshots need, with the place of the first use: newest snapshot first, in the order of its streams.</summary>
    internal Dictionary<ChunkId, int> Referenced { get; } = [];

    /// <summary>The names in <c>snapshots/</c>.</summary>
    internal HashSet<string> SnapshotFiles { get; } = [];

    internal List<string> Warnings { get; } = [];

    internal bool IsThere(PackId pack) => _there.Contains(pack);

    internal PrunePlan Plan(DateTimeOffset now, PruneOptions options) => PrunePlan.Make(Packs, Referenced.Keys, Referenced.ContainsKey, now, options);

    /// <summary>Reads it.</summary>
    /// <exception cref="RepositoryDamagedException">A snapshot or its chunk list cannot be read, or a chunk that one needs is in no pack: nothing may be removed then.</exception>
    internal static async Task<PruneInventory> ReadAsync(Repository repository, IReadOnlySet<SnapshotId> forgotten, PruneProgress progress, CancellationToken cancellationToken)
    {
        var inventory = new PruneInventory();
        Dictionary<PackId, DateTimeOffset> marks = await PackMarks.ReadAsync(repository.Storage, inventory.Warnings.Add, cancellationToken);
        var references = new ReferenceReader(repository, inventory);
        await references.ListSnapshotsAsync(forgotten, cancellationToken);
        Dictionary<PackId, string> unusable = await inventory.ReadPacksAsync(repository.Storage, marks, progress, cancellationToken);
        await references.ReadAsync(unusable, progress, cancellationToken);
        inventory.Warnings.AddRange(unusable.Values);
        return inventory;
    }

    /// <summary>Returns packs that cannot be counted on, and why.</summary>
    private async Task<Dictionary<PackId, string>> ReadPacksAsync(
        IStorage storage, Dictionary<PackId, DateTimeOffset> marks, PruneProgress progress, CancellationToken cancellationToken)
    {
        var unusable = new Dictionary<PackId, string>();
        Dictionary<PackId, List<PackedChunk>> indexed = await ReadIndexAsync(storage, progress, cancellationToken);
        foreach (StoredFile file in await storage.ListAsync("packs/", cancellationToken))
        {
            if (!PackId.TryParseFileName(file.Name, out PackId? id)) continue;
            _there.Add(id.Value);
            DateTimeOffset? markedAt = marks.TryGetValue(id.Value, out DateTimeOffset at) ? at : null;
            if (indexed.TryGetValue(id.Value, out List<PackedChunk>? chunks))
            {
                long whole = chunks.Max(static chunk => chunk.Offset + chunk.Length) + PackTable.Bytes(chunks.Count);
                if (file.Bytes == whole) Packs.Add(new PackUse(id.Value, file.Bytes, true, markedAt, chunks));
                else unusable.Add(id.Value, $"{file.Name}: it has {file.Bytes:N0} bytes, where its frames and its table have {whole:N0}");
            }
            else if (await TryReadOrphanAsync(storage, id.Value, file.Bytes, unusable, cancellationToken) is { } orphan)
            {
                Packs.Add(new PackUse(id.Value, file.Bytes, false, markedAt, orphan));
            }
        }
        foreach (PackId id in indexed.Keys)
            if (!_there.Contains(id)) unusable.Add(id, $"{id.FileName}: it is missing");
        return unusable;
    }

    /// <summary>The chunks of each pack: what any index file lists, once.</summary>
    private async Task<Dictionary<PackId, List<PackedChunk>>> ReadIndexAsync(IStorage storage, PruneProgress progress, CancellationToken cancellationToken)
    {
        List<StoredFile> files = [.. (await storage.ListAsync(IndexFile.Folder, cancellationToken)).Where(static file => IndexFile.DigestInName(file.Name) is not null)];
        progress.Begin("index", files.Sum(static file => file.Bytes), null);
        var indexed = new Dictionary<PackId, List<PackedChunk>>();
        foreach (StoredFile file in files)
        {
            List<IndexedPack> packs = await IndexFile.ReadPacksAsync(storage, file, cancellationToken);
            IndexFiles.Add(new IndexContent(file, packs));
            foreach (IndexedPack pack in packs)
            {
                if (indexed.TryAdd(pack.Id, [.. pack.Chunks])) continue;
                var known = new HashSet<PackedChunk>(indexed[pack.Id]);
                indexed[pack.Id].AddRange(pack.Chunks.Where(known.Add));
            }
            progress.Advance(file.Bytes, 0);
        }
        return indexed;
    }

    private static async Task<IReadOnlyList<PackedChunk>?> TryReadOrphanAsync(
        IStorage storage, PackId id, long bytes, Dictionary<PackId, string> unusable, CancellationToken cancellationToken)
    {
        try
        {
            return (await PackReader.ReadTableAsync(storage, id, bytes, cancellationToken)).Chunks;
        }
        catch (RepositoryDamagedException e)
        {
            unusable.Add(id, $"{e.FileName}: {e.Problem}; it is left where it is");
            return null;
        }
    }

    /// <summary>What is there after these packs, which no index file named, got one.</summary>
    internal void SetIndexed(IReadOnlyList<PackUse> packs, IReadOnlyList<StoredFile> indexFiles)
    {
        foreach (PackUse pack in packs) Packs[Packs.IndexOf(pack)] = pack with { IsIndexed = true };
        Add([.. packs.Select(static pack => new IndexedPack(pack.Id, pack.Chunks))], indexFiles);
    }

    /// <summary>What is there after these packs were written and indexed. What was needed before loses its mark: it would get a new one.</summary>
    internal void Add(IReadOnlyList<FinishedPack> written, IReadOnlyList<StoredFile> indexFiles, Func<PackUse, bool> wasNeeded)
    {
        var known = written.Select(static pack => pack.Id).ToHashSet();
        Packs.RemoveAll(pack => known.Contains(pack.Id));
        for (int i = 0; i < Packs.Count; i++)
            if (wasNeeded(Packs[i])) Packs[i] = Packs[i] with { MarkedAt = null };
        Packs.AddRange(written.Select(static pack => new PackUse(pack.Id, pack.Bytes, true, null, pack.Chunks)));
        Add([.. written.Select(static pack => new IndexedPack(pack.Id, pack.Chunks))], indexFiles);
        _there.UnionWith(known);
    }

    /// <summary>Which of several new files lists which pack is not known: each may list all, so it is not removed while one of them is needed.</summary>
    private void Add(IndexedPack[] listed, IReadOnlyList<StoredFile> files) => IndexFiles.AddRange(files.Select(file => new IndexContent(file, listed)));
}
