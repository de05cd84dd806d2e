using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Compression;
using BackupTool.Repositories.Pipelines;

namespace BackupTool.Repositories.Archives;

/// <summary>A piece of an archive on its way: worked on by any worker, in any order, then committed in the order of the stream.</summary>
internal abstract class ArchiveStep : PipelineStep<ChunkWorker>
{
    internal abstract ValueTask CommitAsync(ArchiveCommitter committer, CancellationToken cancellationToken);
}

/// <summary>What one worker needs: a compressor of its own, the claims, the memory.</summary>
internal sealed class ChunkWorker(WriteSession session) : IDisposable
{
    private readonly FrameCompressor _compressor = FrameCodec.CreateCompressor(session.Level);

    internal BufferPool Buffers => session.Buffers;

    /// <summary>Reads chunks that the repository has.</summary>
    internal ChunkReader Stored { get; } = new(session.Repository, session.Index);

    internal int MaxChunkBytes => session.Repository.Format.Chunking.MaxBytes;

    /// <summary>Names a chunk and, when nobody has it yet, appends its frame to the output.</summary>
    internal StoredChunk Store(ReadOnlySpan<byte> plaintext, bool isContent, NativeBufferWriter frames)
    {
        ChunkId id = session.Repository.Hasher.Compute(plaintext);
        int length = 0;
        if (session.Index.TryClaim(id, plaintext.Length))
        {
            length = _compressor.Compress(plaintext, frames.GetSpan(FrameCompressor.Bound(plaintext.Length)));
            frames.Advance(length);
        }
        return new StoredChunk(new ChunkReference(id, plaintext.Length), length, isContent);
    }

    public void Dispose()
    {
        _compressor.Dispose();
        Stored.Dispose();
    }
}

/// <summary>A chunk that a worker is through with; no frame when it was there already.</summary>
internal readonly record struct StoredChunk(ChunkReference Reference, int FrameBytes, bool IsContent);

/// <summary>A run of bytes that becomes one chunk.</summary>
internal readonly record struct ChunkSlice(NativeBuffer Buffer, int Start, int Length, bool IsContent);

/// <summary>Chunks of a file of its own: its header, some of its content, its padding.</summary>
/// <param name="slices">The chunks to be.</param>
/// <param name="leadsFile">They stand before what was committed of the file so far.</param>
internal sealed class ChunksStep(List<ChunkSlice> slices, bool leadsFile = false) : ArchiveStep
{
    private readonly long _held = slices.Sum(static s => (long)s.Length);
    private readonly List<StoredChunk> _stored = new(slices.Count);
    private NativeBufferWriter? _frames;

    internal override long HeldBytes => 2 * _held;

    internal override bool NeedsWork => true;

    protected override ValueTask WorkAsync(ChunkWorker worker, CancellationToken cancellationToken)
    {
        _frames = new NativeBufferWriter(worker.Buffers, (int)Math.Min(_held, 1 << 20));
        foreach (ChunkSlice slice in slices)
        {
            _stored.Add(worker.Store(slice.Buffer.GetSpan().Slice(slice.Start, slice.Length), slice.IsContent, _frames));
            slice.Buffer.Release();
        }
        return default;
    }

    internal override async ValueTask CommitAsync(ArchiveCommitter committer, CancellationToken cancellationToken)
    {
        NativeBuffer frames = _frames!.Detach();
        int at = 0;
        foreach (StoredChunk chunk in _stored)
        {
            if (chunk.FrameBytes > 0) await committer.AppendFrameAsync(chunk.Reference, frames.Memory.Slice(at, chunk.FrameBytes), cancellationToken);
            at += chunk.FrameBytes;
        }
        committer.AddToFile(_stored, leadsFile);
        frames.Release();
    }
}

/// <summary>The file whose chunks came before is whole: it takes its place in the archive.</summary>
internal sealed class FileEndStep(CatalogEntry entry, IReadOnlyList<SparseExtent>? sparse) : ArchiveStep
{
    internal override ValueTask CommitAsync(ArchiveCommitter committer, CancellationToken cancellationToken) =>
        committer.EndFileAsync(entry, sparse, cancellationToken);
}

/// <summary>The end-of-archive blocks came before: they belong to no member.</summary>
internal sealed class StreamEndStep : ArchiveStep
{
    internal override ValueTask CommitAsync(ArchiveCommitter committer, CancellationToken cancellationToken) => committer.EndStreamAsync(cancellationToken);
}

/// <summary>The file changed while it was read: what came of it so far has no place in the archive.</summary>
internal sealed class FileRestartStep : ArchiveStep
{
    internal override ValueTask CommitAsync(ArchiveCommitter committer, CancellationToken cancellationToken)
    {
        committer.DropFile();
        return default;
    }
}

/// <summary>Members that stand unchanged in the parent: their chunks and catalog lines are taken over.</summary>
internal sealed class ReusedStep(IReadOnlyList<ChunkReference> chunks, IReadOnlyList<CatalogEntry> entries) : ArchiveStep
{
    private const int EntryBytes = 700, ReferenceBytes = 40;

    internal override long HeldBytes => ((long)EntryBytes * entries.Count) + ((long)ReferenceBytes * chunks.Count);

    internal override async ValueTask CommitAsync(ArchiveCommitter committer, CancellationToken cancellationToken)
    {
        foreach (ChunkReference chunk in chunks) await committer.AddAsync(chunk, cancellationToken);
        foreach (CatalogEntry entry in entries) await committer.AddAsync(entry, reused: true, cancellationToken);
    }
}

/// <summary>Small members, read and put together by the worker.</summary>
internal sealed class BundleStep(long expectedBytes, Func<ChunkWorker, CancellationToken, ValueTask<BuiltBundle>> build) : ArchiveStep
{
    private readonly List<StoredChunk> _stored = [];
    private NativeBufferWriter? _frames;
    private List<CatalogEntry> _catalog = [];

    internal override long HeldBytes => 2 * expectedBytes;

    internal override bool NeedsWork => true;

    protected override async ValueTask WorkAsync(ChunkWorker worker, CancellationToken cancellationToken)
    {
        (NativeBufferWriter content, _catalog) = await build(worker, cancellationToken);
        _frames = new NativeBufferWriter(worker.Buffers, Math.Max(4096, content.Length / 2));
        for (int at = 0; at < content.Length; at += worker.MaxChunkBytes)   // more than one only where attributes are huge
            _stored.Add(worker.Store(content.Written.Slice(at, Math.Min(worker.MaxChunkBytes, content.Length - at)), isContent: false, _frames));
        content.Release();
    }

    internal override async ValueTask CommitAsync(ArchiveCommitter committer, CancellationToken cancellationToken)
    {
        NativeBuffer frames = _frames!.Detach();
        int at = 0;
        foreach (StoredChunk chunk in _stored)
        {
            if (chunk.FrameBytes > 0) await committer.AppendFrameAsync(chunk.Reference, frames.Memory.Slice(at, chunk.FrameBytes), cancellationToken);
            at += chunk.FrameBytes;
            await committer.AddAsync(chunk.Reference, cancellationToken);
        }
        frames.Release();
        foreach (CatalogEntry entry in _catalog) await committer.AddAsync(entry, reused: false, cancellationToken);
    }
}
