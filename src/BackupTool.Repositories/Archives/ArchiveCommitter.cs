using System.Buffers.Binary;
using System.Security.Cryptography;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Packs;

namespace BackupTool.Repositories.Archives;

/// <summary>Collects what is committed, in order: frames into packs, references into the chunk list, members into the catalog.</summary>
internal sealed class ArchiveCommitter(WriteSession session) : IDisposable
{
    private readonly MetadataWriter _chunkList = new(session), _catalog = new(session);
    private readonly List<StoredChunk> _file = [];
    private long _bytes, _contentBytes, _entries, _files, _chunks;

    internal long ReusedEntries { get; private set; }

    internal ValueTask AppendFrameAsync(ChunkReference chunk, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken) =>
        session.Append(PackKind.Data, chunk.Id, chunk.Size, frame, cancellationToken);

    internal ValueTask AddAsync(ChunkReference chunk, CancellationToken cancellationToken)
    {
        chunk.AppendLine(_chunkList.Text);
        _bytes += chunk.Size;
        _chunks++;
        return _chunkList.StoreWholeChunksAsync(cancellationToken);
    }

    internal ValueTask AddAsync(CatalogEntry entry, bool reused, CancellationToken cancellationToken)
    {
        CatalogFormat.AppendLine(_catalog.Text, entry);
        _entries++;
        if (reused) ReusedEntries++;
        if (entry.Kind == FileKind.Regular && !entry.IsHardLink) _files++;
        _contentBytes += entry.Size;
        return _catalog.StoreWholeChunksAsync(cancellationToken);
    }

    internal void AddToFile(List<StoredChunk> chunks, bool leadsFile) => _file.InsertRange(leadsFile ? 0 : _file.Count, chunks);

    internal void DropFile() => _file.Clear();

    internal async ValueTask EndFileAsync(CatalogEntry entry, IReadOnlyList<SparseExtent>? sparse, CancellationToken cancellationToken)
    {
        foreach (StoredChunk chunk in _file) await AddAsync(chunk.Reference, cancellationToken);
        await AddAsync(entry with { ContentKey = ContentKeyOf(_file, entry.Size, sparse) }, reused: false, cancellationToken);
        _file.Clear();
    }

    internal async ValueTask EndStreamAsync(CancellationToken cancellationToken)
    {
        foreach (StoredChunk chunk in _file) await AddAsync(chunk.Reference, cancellationToken);
        _file.Clear();
    }

    /// <summary>Over the ids of the content's chunks; of a sparse file also over where its data stands, which its chunks do not say.</summary>
    private static string ContentKeyOf(List<StoredChunk> chunks, long size, IReadOnlyList<SparseExtent>? sparse)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        if (sparse is not null)
        {
            AppendNumbers(hash, size, sparse.Count);
            foreach (SparseExtent extent in sparse) AppendNumbers(hash, extent.Offset, extent.Length);
        }
        Span<byte> id = stackalloc byte[ChunkId.Size];
        foreach (StoredChunk chunk in chunks)
        {
            if (!chunk.IsContent) continue;
            chunk.Reference.Id.CopyTo(id);
            hash.AppendData(id);
        }
        return $"{(sparse is null ? 'c' : 'h')}:{Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }

    private static void AppendNumbers(IncrementalHash hash, long first, long second)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, first);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[8..], second);
        hash.AppendData(bytes);
    }

    internal async ValueTask<Snapshots.Archive> FinishAsync(CancellationToken cancellationToken) => new()
    {
        Bytes = _bytes,
        ContentBytes = _contentBytes,
        Entries = _entries,
        Files = _files,
        ChunkCount = _chunks,
        ChunkList = await _chunkList.FinishAsync(cancellationToken),
        Catalog = await _catalog.FinishAsync(cancellationToken),
    };

    public void Dispose()
    {
        _chunkList.Dispose();
        _catalog.Dispose();
    }
}
