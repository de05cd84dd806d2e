using BackupTool.Posix;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// The same service's archive in an earlier snapshot, for taking over what has not changed. Read front to back beside the walk, never wholly in memory.
/// </summary>
public sealed class ParentArchive : IAsyncDisposable
{
    private readonly ArchiveReader _entries, _list;
    private readonly IAsyncEnumerator<CatalogEntry> _catalog;
    private readonly IAsyncEnumerator<ChunkReference> _chunks;
    private readonly ChunkIndex _index;
    private bool _atEnd, _begun;
    private long _chunkOffset;

    /// <summary>Opens an archive whose chunks are in this index.</summary>
    public ParentArchive(Repository repository, ChunkIndex index, Archive archive, CancellationToken cancellationToken)
    {
        (_entries, _list, _index) = (new ArchiveReader(repository, index, archive), new ArchiveReader(repository, index, archive), index);
        _catalog = _entries.ReadCatalogAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        _chunks = _list.ReadChunkListAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
    }

    /// <summary>The entry of this name, or null. Asked for in tree order only: it goes forward.</summary>
    public async ValueTask<CatalogEntry?> FindAsync(BytePath memberPath)
    {
        if (!_begun) _atEnd = !await _catalog.MoveNextAsync();
        _begun = true;
        while (!_atEnd && _catalog.Current.Path < memberPath) _atEnd = !await _catalog.MoveNextAsync();
        return !_atEnd && _catalog.Current.Path == memberPath ? _catalog.Current : null;
    }

    /// <summary>
    /// The chunks of a stretch of the stream, or null when one of them is not in the repository any more. Asked for in ascending order only; begin and end lie
    /// between chunks.
    /// </summary>
    internal async ValueTask<List<ChunkReference>?> TakeChunksAsync(long start, long end)
    {
        var taken = new List<ChunkReference>();
        bool whole = true;
        while (_chunkOffset < end && await _chunks.MoveNextAsync())
        {
            long at = _chunkOffset;
            _chunkOffset += _chunks.Current.Size;
            if (at < start) continue;
            whole &= _index.TryGet(_chunks.Current.Id, out _);
            taken.Add(_chunks.Current);
        }
        return whole && taken.Sum(static c => (long)c.Size) == end - start ? taken : null;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _catalog.DisposeAsync();
        await _chunks.DisposeAsync();
        _entries.Dispose();
        _list.Dispose();
    }
}
