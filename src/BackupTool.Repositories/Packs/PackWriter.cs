using System.Security.Cryptography;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Packs;

/// <summary>A pack that is durably stored.</summary>
public sealed record FinishedPack(PackId Id, PackKind Kind, long Bytes, IReadOnlyList<PackedChunk> Chunks);

/// <summary>
/// Appends frames to packs of about <see cref="TargetBytes"/>, each committed in the background when it is full, and reported when it is
/// durable. Not thread-safe: one caller appends. Dispose without <see cref="FinishAsync"/> to abandon what is not committed.
/// </summary>
/// <param name="storage">Where packs are stored.</param>
/// <param name="kind">What they hold.</param>
/// <param name="onFinished">Told of each pack once it is durable.</param>
/// <param name="runCancellation">Ends commits in the background, which outlive the calls that start them.</param>
public sealed class PackWriter(
    IStorage storage, PackKind kind, Func<FinishedPack, CancellationToken, ValueTask> onFinished, CancellationToken runCancellation) : IAsyncDisposable
{
    /// <summary>Size of a full pack: 8, 32 and 128 MiB made no difference to speed (figures).</summary>
    public const int TargetBytes = 32 << 20;

    /// <summary>A pack is full with so many chunks, too, however small they are: so that its table and its lines of the index stay small.</summary>
    public const int MaxChunks = 1 << 16;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private List<PackedChunk> _chunks = [];
    private IStorageUpload? _upload;
    private Task _committing = Task.CompletedTask;
    private long _length;

    /// <summary>Appends the frame of a chunk. The memory may be reused when this returns.</summary>
    public async ValueTask AppendAsync(ChunkId id, int size, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        _upload ??= await storage.BeginUploadAsync(cancellationToken);
        await _upload.AppendAsync(frame, cancellationToken);
        _hash.AppendData(frame.Span);
        _chunks.Add(new PackedChunk(id, _length, frame.Length, size));
        _length += frame.Length;
        if (_length >= TargetBytes || _chunks.Count == MaxChunks) await SealAsync(cancellationToken);
    }

    /// <summary>Commits what is left and waits for everything to be durable.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellationToken)
    {
        if (_upload is not null) await SealAsync(cancellationToken);
        await _committing;
    }

    private async ValueTask SealAsync(CancellationToken cancellationToken)
    {
        await _committing;   // at most one pack is being flushed while the next one fills
        byte[] table = PackTable.Write(kind, _chunks);
        await _upload!.AppendAsync(table, cancellationToken);
        _hash.AppendData(table);
        var pack = new FinishedPack(PackId.FromDigest(_hash.GetHashAndReset()), kind, _length + table.Length, _chunks);
        IStorageUpload upload = _upload;
        (_upload, _chunks, _length) = (null, [], 0);
        _committing = Task.Run(() => CommitAsync(upload, pack), CancellationToken.None);
    }

    private async Task CommitAsync(IStorageUpload upload, FinishedPack pack)
    {
        await using (upload) await upload.CommitAsync(pack.Id.FileName, runCancellation);
        await onFinished(pack, runCancellation);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _committing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);   // its failure was, or is being, thrown by the caller's own step
        if (_upload is not null) await _upload.DisposeAsync();
        _hash.Dispose();
    }
}
