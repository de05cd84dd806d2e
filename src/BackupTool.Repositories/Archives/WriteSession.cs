using System.Security.Cryptography;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// What one run writes into a repository: chunks into packs, each pack read back from the disk and compared with its name once it is durable, and at the end
/// the index files for them. Nothing of it is visible to readers before a snapshot names it. One caller at a time appends.
/// </summary>
public sealed class WriteSession : IAsyncDisposable
{
    private const int ReadBackBytes = 1 << 20;
    private readonly PackWriter _data, _metadata;
    private readonly List<FinishedPack> _finished = [];
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
        _finished.AddRange(adopted);
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
        await ReadBackAsync(pack, cancellationToken);
        Index.Add(pack);
        lock (_lock)
        {
            _finished.Add(pack);
            StoredBytes += pack.Bytes;
        }
    }

    private async ValueTask ReadBackAsync(FinishedPack pack, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        NativeBuffer buffer = Buffers.Rent(ReadBackBytes);
        for (long offset = 0; offset < pack.Bytes; offset += ReadBackBytes)
        {
            Memory<byte> part = buffer.Memory[..(int)Math.Min(ReadBackBytes, pack.Bytes - offset)];
            await Repository.Storage.ReadAsync(pack.Id.FileName, offset, part, cancellationToken);
            hash.AppendData(part.Span);
        }
        buffer.Release();
        if (PackId.FromDigest(hash.GetHashAndReset()) != pack.Id)
        {
            throw new RepositoryDamagedException(pack.Id.FileName, "what was read back is not what was written",
                $"Check the disk, the memory and the connection of {Repository.Storage.Description}; this run has committed nothing.");
        }
    }

    /// <summary>Makes everything that was appended durable and findable. Commit the snapshot afterwards.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellationToken)
    {
        await _data.FinishAsync(cancellationToken);
        await _metadata.FinishAsync(cancellationToken);
        foreach (StoredFile file in await IndexFile.WriteAsync(Repository.Storage, _finished, cancellationToken)) StoredBytes += file.Bytes;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _data.DisposeAsync();
        await _metadata.DisposeAsync();
        Buffers.Dispose();
    }
}
