using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Pruning;

/// <summary>Finds every chunk that a snapshot needs: those of its catalogs and chunk lists, and those that the chunk lists name. Each must be in a pack.</summary>
internal sealed class ReferenceReader(Repository repository, PruneInventory inventory)
{
    private readonly List<StoredSnapshot> _snapshots = [];
    private readonly List<(string File, string Problem)> _problems = [];
    private readonly HashSet<string> _read = [];

    internal async Task ListSnapshotsAsync(IReadOnlySet<SnapshotId> forgotten, CancellationToken cancellationToken)
    {
        foreach (StoredFile file in await repository.Storage.ListAsync(SnapshotId.Folder, cancellationToken))
        {
            inventory.SnapshotFiles.Add(file.Name);
            try
            {
                if (SnapshotId.TryParseFileName(file.Name, out SnapshotId? id))
                {
                    if (!forgotten.Contains(id.Value)) _snapshots.Add(await repository.ReadSnapshotAsync(id.Value, cancellationToken));
                }
                else _problems.Add((file.Name, "it is no snapshot by its name, but may have been one"));
            }
            catch (RepositoryDamagedException e)
            {
                _problems.Add((e.FileName, e.Problem));
            }
            catch (Exception e) when (e is IOException or InvalidDataException)
            {
                _problems.Add((file.Name, e.Message));
            }
        }
        RequireNoProblem();
    }

    internal async Task ReadAsync(Dictionary<PackId, string> unusable, PruneProgress progress, CancellationToken cancellationToken)
    {
        var index = new ChunkIndex();
        foreach (PackUse pack in inventory.Packs)
            foreach (PackedChunk chunk in pack.Chunks) index.Add(pack.Id, chunk);
        progress.Begin("snapshots", null, _snapshots.Count);
        foreach (StoredSnapshot snapshot in _snapshots.OrderByDescending(static s => s.Snapshot.Time))
        {
            foreach (ServiceSnapshot service in snapshot.Snapshot.Services) await ReadAsync(index, service.Archive, $"{snapshot.Id.FileName} ({service.Name})", unusable, cancellationToken);
            progress.Advance(0, 1);
        }
        RequireNoProblem();
    }

    private async Task ReadAsync(ChunkIndex index, Archive archive, string where, Dictionary<PackId, string> unusable, CancellationToken cancellationToken)
    {
        // Unchanged services have the same lists in many snapshots.
        if (!_read.Add($"{archive.Bytes} {archive.ChunkCount} {string.Join(' ', archive.ChunkList)} {string.Join(' ', archive.Catalog)}")) return;
        try
        {
            ChunkId? missing = null;
            foreach (ChunkId id in ChunkReference.Parse(archive.ChunkList).Concat(ChunkReference.Parse(archive.Catalog)))
                if (!TryAdd(index, id, null)) missing ??= id;
            if (missing is null) missing = await ReadChunkListAsync(index, archive, where, cancellationToken);
            if (missing is not { } chunk) return;
            string known = unusable.Count == 0 ? "" : $" (not to be counted on: {string.Join("; ", unusable.Values.Take(3))}{(unusable.Count > 3 ? $" and {unusable.Count - 3} more" : "")})";
            _problems.Add((where, $"chunk {chunk} is in no pack{known}"));
        }
        catch (RepositoryDamagedException e)
        {
            _problems.Add((e.FileName, $"{e.Problem} (needed by {where})"));
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            _problems.Add((where, e.Message));
        }
    }

    /// <summary>Returns a chunk that is in no pack; null when all are there.</summary>
    private async Task<ChunkId?> ReadChunkListAsync(ChunkIndex index, Archive archive, string where, CancellationToken cancellationToken)
    {
        using var reader = new ArchiveReader(repository, index, archive);
        long bytes = 0, chunks = 0;
        await foreach (ChunkReference chunk in reader.ReadChunkListAsync(cancellationToken))
        {
            if (!TryAdd(index, chunk.Id, chunk.Size)) return chunk.Id;
            (bytes, chunks) = (bytes + chunk.Size, chunks + 1);
        }
        if (bytes != archive.Bytes || chunks != archive.ChunkCount) _problems.Add((where, "its chunk list is not the one that it was stored with"));
        return null;
    }

    private bool TryAdd(ChunkIndex index, ChunkId id, int? size)
    {
        if (!index.TryGet(id, out ChunkLocation at) || (size is not null && at.Size != size)) return false;
        inventory.Referenced.TryAdd(id, inventory.Referenced.Count);
        return true;
    }

    private void RequireNoProblem()
    {
        if (_problems is not [var first, ..]) return;
        string others = _problems.Count == 1 ? "" : $"; and {string.Join("; ", _problems.Skip(1).Take(4).Select(static p => $"{p.File}: {p.Problem}"))}{(_problems.Count > 5 ? $"; and {_problems.Count - 5} more" : "")}";
        throw new RepositoryDamagedException(first.File, $"{first.Problem}{others}",
            "Nothing was removed: what these need cannot be told. Run 'backup verify'; put the named files back from another copy of the repository, or move snapshots that are lost out of it ('backup repair index' mends the index).");
    }
}
