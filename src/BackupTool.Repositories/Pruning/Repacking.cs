using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Pruning;

/// <summary>
/// Copies the live frames of wasteful packs, as they are, into new packs: each is decompressed and checked first. Kinds are never mixed. The old packs stay; nothing needs them once the
/// new ones are indexed. Nothing of a repacking that fails stays; of one that is killed, packs that no index names.
/// </summary>
internal sealed class Repacking(Repository repository, PruneInventory inventory, PrunePlan plan)
{
    private readonly List<FinishedPack> _written = [];
    private readonly Lock _lock = new();

    /// <summary>The new packs: none when nothing was to be packed anew.</summary>
    internal IReadOnlyList<FinishedPack> Written => _written;

    /// <summary>Their index files.</summary>
    internal IReadOnlyList<StoredFile> IndexFiles { get; private set; } = [];

    /// <summary>The old packs whose live chunks have been copied.</summary>
    internal List<PackVerdict> Repacked { get; } = [];

    /// <summary>Packs that turned out to be damaged: they stay as they are.</summary>
    internal List<RepositoryDamagedException> Damage { get; } = [];

    internal async Task RunAsync(PruneProgress progress, CancellationToken cancellationToken)
    {
        List<PackVerdict> verdicts = [.. plan.With(PackFate.Repack).OrderBy(FirstUse)];
        if (verdicts.Count == 0) return;
        progress.Begin("repack", verdicts.Sum(static verdict => verdict.LiveBytes), null);
        try
        {
            await CopyAsync(verdicts, progress, cancellationToken);
        }
        catch (Exception e) when (e is IOException or ExplainedException or OperationCanceledException)
        {
            // No index names them: nobody can need them. Those that were there before this run are not ours to remove.
            foreach (FinishedPack pack in _written.Where(pack => !inventory.IsThere(pack.Id))) await repository.Storage.DeleteAsync(pack.Id.FileName, CancellationToken.None);
            throw;
        }
        IndexFiles = await IndexFile.WriteAsync(repository.Storage, _written, cancellationToken);
    }

    /// <summary>Packs in the order of the streams that use them, and frames as they stand in them: a restore still reads forwards.</summary>
    private int FirstUse(PackVerdict verdict) => LiveChunks(verdict).Min(chunk => inventory.Referenced[chunk.Id]);

    private IEnumerable<PackedChunk> LiveChunks(PackVerdict verdict) =>
        verdict.Pack.Chunks.Where(chunk => plan.HomeOf(chunk.Id)?.Id == verdict.Pack.Id).DistinctBy(static chunk => chunk.Id);

    private async Task CopyAsync(List<PackVerdict> verdicts, PruneProgress progress, CancellationToken cancellationToken)
    {
        using var frames = new VerifiedFrames(repository);
        await using var data = new PackWriter(repository.Storage, PackKind.Data, OnFinishedAsync, cancellationToken);
        await using var metadata = new PackWriter(repository.Storage, PackKind.Metadata, OnFinishedAsync, cancellationToken);
        foreach (PackVerdict verdict in verdicts)
        {
            try
            {
                PackUse pack = verdict.Pack;
                PackKind kind = (await PackReader.ReadTableAsync(repository.Storage, pack.Id, pack.Bytes, cancellationToken)).Kind;
                PackWriter writer = kind == PackKind.Data ? data : metadata;
                // What of it was copied before a damaged frame showed is another copy, and no harm.
                await frames.ReadAsync(pack.Id, LiveChunks(verdict), (chunk, frame) => writer.AppendAsync(chunk.Id, chunk.Size, frame, cancellationToken), bytes => progress.Advance(bytes, 0), cancellationToken);
                Repacked.Add(verdict);
            }
            catch (RepositoryDamagedException e) when (e.FileName == verdict.Pack.Id.FileName)
            {
                Damage.Add(e);
            }
        }
        await data.FinishAsync(cancellationToken);
        await metadata.FinishAsync(cancellationToken);
    }

    private ValueTask OnFinishedAsync(FinishedPack pack, CancellationToken cancellationToken)
    {
        lock (_lock) _written.Add(pack);
        return default;
    }
}
