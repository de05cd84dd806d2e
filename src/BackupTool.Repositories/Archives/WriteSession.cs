using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// What one run writes into a repository: chunks into packs, each pack read back before it counts, and index files for
/// them. Nothing of it is visible to readers before a snapshot names it. One caller at a time appends.
/// </summary>
public sealed class WriteSession : IAsyncDisposable
{
    private readonly PackWriter _data, _metadata;
    private List<FinishedPack> _unindexed;
    private readonly Lock _lock = new();

    /// <summary>Opens a session. The caller holds the writer's lock.</summary>
    /// <param name="repository">Where to write.</param>
    /// <param name="index">Its index, which learns of what is written.</param>
    /// <param name="adopted">Packs that are in the index but in no index file: they get one.</param>
    /// <param name="level">zstd level.</param>
    /// <param name="cancellationToken">Ends what the session does in the background.</param>
    public WriteSession(Repository repository, ChunkIndex index, IReadOnlyList<FinishedPack> adopted, int level, CancellationToken cancellationToken)
    {
        (Repository, Index, Level) = (repository, index, level);
        _unindexed = [.. adopted];
        AdoptedPacks = adopted.Count;
        _data = new PackWriter(repository.Storage, PackKind.Data, OnFinishedAsync, cancellationToken);
        _metadata = new PackWriter(repository.Storage, PackKind.Metadata, OnFinishedAsync, cancellationToken);
    }

    /// <summary>The repository.</summary>
    public Repository Repository { get; }

    /// <summary>Its chunks, and those that this session has claimed.</summary>
    public ChunkIndex Index { get; }

    /// <summary>zstd level.</summary>
    public int Level { get; }

    /// <summary>Blocks of memory for this session.</summary>
    internal BufferPool Buffers { get; } = new();

    /// <summary>Packs that an interrupted run had left.</summary>
    public int AdoptedPacks { get; }

    /// <summary>Bytes that the repository has grown by: packs and, after <see cref="FinishAsync"/>, index files.</summary>
    public long StoredBytes { get; private set; }

    /// <summary>Chunks that were new.</summary>
    public long NewChunks { get; private set; }

    internal ValueTask Append(PackKind kind, ChunkId id, int size, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        NewChunks++;
        return (kind == PackKind.Data ? _data : _metadata).AppendAsync(id, size, frame, cancellationToken);
    }

    private async ValueTask OnFinishedAsync(FinishedPack pack, CancellationToken cancellationToken)
    {
        Index.Add(pack);
        List<FinishedPack>? full = null;
        lock (_lock)
        {
            StoredBytes += pack.Bytes;
            _unindexed.Add(pack);
            if (_unindexed.Sum(static p => p.Chunks.Count) >= IndexFile.LinesPerFile) (full, _unindexed) = (_unindexed, []);
        }
        if (full is not null) await WriteIndexAsync(full, cancellationToken);
    }

    private async ValueTask WriteIndexAsync(List<FinishedPack> packs, CancellationToken cancellationToken)
    {
        List<StoredFile> files = await IndexFile.WriteAsync(Repository.Storage, packs, cancellationToken);
        lock (_lock) StoredBytes += files.Sum(static file => file.Bytes);
    }

    /// <summary>Makes everything that was appended durable and findable. Commit the snapshot afterwards.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellationToken)
    {
        await _data.FinishAsync(cancellationToken);
        await _metadata.FinishAsync(cancellationToken);
        await WriteIndexAsync(_unindexed, cancellationToken);
        _unindexed = [];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _data.DisposeAsync();
        await _metadata.DisposeAsync();
        Buffers.Dispose();
    }
}
