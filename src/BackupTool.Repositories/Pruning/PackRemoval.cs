using BackupTool.Posix;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Pruning;

/// <summary>
/// Removes packs. For each index file that lists one: a new one without it, then the old one goes, then the packs that no index file lists any more. So at every instant each chunk that
/// a snapshot needs is in an index file and in its pack, and no index file names a pack that is gone. What needs no room comes first: a full disk is no obstacle as long as
/// something can go whole.
/// </summary>
internal sealed class PackRemoval(Repository repository, RepositoryLock held, PruneInventory inventory, PrunePlan plan)
{
    private readonly HashSet<PackId> _removing = [];

    private IStorage Storage => repository.Storage;

    /// <summary>Packs that were removed.</summary>
    internal List<PackUse> Removed { get; } = [];

    /// <summary>Why packs that could be removed are not: the only other copy of one of their chunks is damaged.</summary>
    internal List<RepositoryDamagedException> Damage { get; } = [];

    /// <summary>Removes what the plan says.</summary>
    /// <param name="isProven">Packs whose frames this run has read back already.</param>
    /// <param name="progress">Who is told.</param>
    /// <param name="cancellationToken">Ends it between two files.</param>
    internal async Task RunAsync(Func<PackId, bool> isProven, PruneProgress progress, CancellationToken cancellationToken)
    {
        List<PackVerdict> verdicts = [.. plan.With(PackFate.Remove)];
        await ProveCopiesAsync(verdicts, isProven, progress, cancellationToken);
        await RequireNothingNewAsync(cancellationToken);
        if (_removing.Count > 0) progress.Begin("remove", null, _removing.Count);
        List<PackUse> packs = [.. verdicts.Select(static verdict => verdict.Pack).Where(pack => _removing.Contains(pack.Id))];
        foreach (PackUse orphan in packs.Where(static pack => !pack.IsIndexed)) await RemoveAsync(orphan, progress, cancellationToken);
        await IndexNeededOrphansAsync(cancellationToken);
        await RewriteIndexAsync(packs.Where(static pack => pack.IsIndexed).ToDictionary(static pack => pack.Id), progress, cancellationToken);
    }

    /// <summary>A pack that holds a copy of a needed chunk goes only when the copy that stays was read and is good.</summary>
    private async Task ProveCopiesAsync(List<PackVerdict> verdicts, Func<PackId, bool> isProven, PruneProgress progress, CancellationToken cancellationToken)
    {
        var wanted = new Dictionary<PackUse, HashSet<ChunkId>>();
        foreach (PackVerdict verdict in verdicts)
        {
            foreach (PackedChunk chunk in verdict.Pack.Chunks)
            {
                if (plan.HomeOf(chunk.Id) is not { } home || isProven(home.Id)) continue;
                if (!wanted.TryGetValue(home, out HashSet<ChunkId>? chunks)) wanted.Add(home, chunks = []);
                chunks.Add(chunk.Id);
            }
        }
        var unproven = new HashSet<ChunkId>();
        using var frames = new VerifiedFrames(repository);
        if (wanted.Count > 0) progress.Begin("check copies", null, wanted.Count);
        foreach ((PackUse home, HashSet<ChunkId> chunks) in wanted)
        {
            try
            {
                await frames.ReadAsync(home.Id, home.Chunks.Where(chunk => chunks.Contains(chunk.Id)), static (_, _) => default, static _ => { }, cancellationToken);
            }
            catch (RepositoryDamagedException e)
            {
                Damage.Add(e);
                unproven.UnionWith(home.Chunks.Select(static chunk => chunk.Id));
            }
            progress.Advance(0, 1);
        }
        _removing.UnionWith(verdicts.Where(verdict => !verdict.Pack.Chunks.Any(chunk => unproven.Contains(chunk.Id))).Select(static verdict => verdict.Pack.Id));
    }

    /// <summary>A run that believes in a lock it has lost (another machine's, after days) may have committed meanwhile; and we may be that run.</summary>
    private async Task RequireNothingNewAsync(CancellationToken cancellationToken)
    {
        await held.RequireHeldAsync(cancellationToken);
        foreach (StoredFile file in await Storage.ListAsync(SnapshotId.Folder, cancellationToken))
            if (!inventory.SnapshotFiles.Contains(file.Name))
                throw new RepositoryLockedException($"{file.Name} was committed while this run held the repository.", "Nothing was removed since. Run it again; if this happens again, find out which other machine writes to this repository.");
    }

    private async Task IndexNeededOrphansAsync(CancellationToken cancellationToken)
    {
        List<PackUse> needed = [.. plan.Verdicts.Where(static verdict => !verdict.Pack.IsIndexed && verdict.LiveBytes > 0).Select(static verdict => verdict.Pack)];
        if (needed.Count > 0) inventory.SetIndexed(needed, await IndexFile.WriteListedAsync(Storage, needed.Select(static pack => new IndexedPack(pack.Id, pack.Chunks)), cancellationToken));
    }

    private async Task RewriteIndexAsync(Dictionary<PackId, PackUse> packs, PruneProgress progress, CancellationToken cancellationToken)
    {
        List<IndexContent> affected = [.. inventory.IndexFiles.Where(file => file.Packs.Any(pack => packs.ContainsKey(pack.Id)))
            .OrderBy(file => file.Packs.Any(pack => !packs.ContainsKey(pack.Id)))   // first those that need no room
            .ThenByDescending(file => file.Packs.Sum(pack => packs.TryGetValue(pack.Id, out PackUse? dead) ? dead.Bytes : 0))
            .ThenBy(static file => file.File.Name, StringComparer.Ordinal)];
        var listings = affected.SelectMany(static file => file.Packs).Select(static pack => pack.Id).CountBy(static id => id).ToDictionary();
        while (affected.Count > 0)
        {
            List<IndexContent> tooLarge = [];
            PosixException? full = null;
            foreach (IndexContent file in affected)
            {
                try
                {
                    await RewriteAsync(file, packs, listings, progress, cancellationToken);
                }
                catch (PosixException e) when (e.IsOutOfSpace)
                {
                    full = e;
                    tooLarge.Add(file);   // what goes with the others may make room
                }
            }
            if (tooLarge.Count == affected.Count)
                throw new RepositoryException($"There is no room for the new index, without which {packs.Count - Removed.Count(pack => packs.ContainsKey(pack.Id)):N0} packs cannot be removed: {full!.Message}.",
                    "Nothing is lost, and what needed no room was removed. Free a few MiB on that file system and run it again.", full);
            affected = tooLarge;
        }
    }

    private async Task RewriteAsync(IndexContent file, Dictionary<PackId, PackUse> packs, Dictionary<PackId, int> listings, PruneProgress progress, CancellationToken cancellationToken)
    {
        await RequireNothingNewAsync(cancellationToken);
        IndexedPack[] kept = [.. file.Packs.Where(pack => !packs.ContainsKey(pack.Id))];
        List<StoredFile> written = await IndexFile.WriteListedAsync(Storage, kept, cancellationToken);
        if (!written.Exists(other => other.Name == file.File.Name)) await Storage.DeleteAsync(file.File.Name, cancellationToken);
        inventory.IndexFiles.Remove(file);
        inventory.IndexFiles.AddRange(written.Select(other => new IndexContent(other, kept)));
        foreach (IndexedPack pack in file.Packs)
            if (--listings[pack.Id] == 0 && packs.TryGetValue(pack.Id, out PackUse? dead)) await RemoveAsync(dead, progress, cancellationToken);
    }

    private async Task RemoveAsync(PackUse pack, PruneProgress progress, CancellationToken cancellationToken)
    {
        await Storage.DeleteAsync(pack.Id.FileName, cancellationToken);
        Removed.Add(pack);
        inventory.Packs.Remove(pack);
        progress.Advance(0, 1);
    }
}
