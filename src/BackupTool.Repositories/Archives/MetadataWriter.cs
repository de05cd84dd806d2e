using System.Buffers;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Compression;
using BackupTool.Repositories.Packs;

namespace BackupTool.Repositories.Archives;

/// <summary>Stores a stream of text — a catalog or a chunk list — as small content-defined chunks in metadata packs.</summary>
internal sealed class MetadataWriter(WriteSession session) : IDisposable
{
    private readonly ContentCutter _cutter = CutterFor(session.Repository.Format.Chunking);
    private readonly FrameCompressor _compressor = FrameCodec.CreateCompressor(session.Level);
    private readonly ArrayBufferWriter<byte> _pending = new();
    private readonly List<string> _ids = [];

    /// <summary>Where text is appended to. Call <see cref="StoreWholeChunksAsync"/> after each line or so.</summary>
    internal ArrayBufferWriter<byte> Text => _pending;

    internal ValueTask StoreWholeChunksAsync(CancellationToken cancellationToken) =>
        _pending.WrittenCount < 8 * _cutter.MaxBytes ? default : StoreAsync(_cutter.MaxBytes, cancellationToken);

    /// <summary>Stores the rest; returns the ids of all chunks, in order.</summary>
    internal async ValueTask<string[]> FinishAsync(CancellationToken cancellationToken)
    {
        await StoreAsync(1, cancellationToken);
        return [.. _ids];
    }

    private async ValueTask StoreAsync(int untilFewerThan, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> left = _pending.WrittenMemory;
        while (left.Length >= untilFewerThan)
        {
            int length = _cutter.FindCut(left.Span);
            await StoreChunkAsync(left[..length], cancellationToken);
            left = left[length..];
        }
        byte[] rest = left.ToArray();
        _pending.ResetWrittenCount();
        _pending.Write(rest);
    }

    private async ValueTask StoreChunkAsync(ReadOnlyMemory<byte> chunk, CancellationToken cancellationToken)
    {
        ChunkId id = session.Repository.Hasher.Compute(chunk.Span);
        _ids.Add(id.ToString());
        if (!session.Index.TryClaim(id, chunk.Length)) return;
        byte[] frame = ArrayPool<byte>.Shared.Rent(FrameCompressor.Bound(chunk.Length));
        int length = _compressor.Compress(chunk.Span, frame);
        await session.Append(PackKind.Metadata, id, chunk.Length, frame.AsMemory(0, length), cancellationToken);
        ArrayPool<byte>.Shared.Return(frame);
    }

    private static ContentCutter CutterFor(ChunkingParameters chunking) =>
        new(chunking.MetadataBytes / 4, chunking.MetadataBytes, chunking.MetadataBytes * 4);

    public void Dispose() => _compressor.Dispose();
}
