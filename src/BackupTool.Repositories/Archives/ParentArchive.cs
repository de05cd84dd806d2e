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
    private PlacedChunk _current;

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
        List<PlacedChunk>? covering = await CoverAsync(start, end);
        return covering is not null && covering[0].Start == start && covering[^1].End == end ? [.. covering.Select(static c => c.Chunk)] : null;
    }

    /// <summary>The chunks that hold a stretch of the stream, or null when one of them is not in the repository any more. Asked for in ascending order only.</summary>
    internal async ValueTask<List<PlacedChunk>?> CoverAsync(long start, long end)
    {
        var covering = new List<PlacedChunk>();
        while (_current.End <= start && await MoveNextChunkAsync()) { }
        if (_current.Start <= start && start < _current.End) covering.Add(_current);
        while (_current.End < end && await MoveNextChunkAsync()) covering.Add(_current);
        return covering.Count > 0 && covering[0].Start <= start && _current.End >= end && covering.TrueForAll(c => _index.TryGet(c.Chunk.Id, out _)) ? covering : null;
    }

    private async ValueTask<bool> MoveNextChunkAsync()
    {
        if (!await _chunks.MoveNextAsync()) return false;
        _current = new PlacedChunk(_chunks.Current, _current.End);
        return true;
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

/// <summary>A chunk and where it begins in the stream.</summary>
internal readonly record struct PlacedChunk(ChunkReference Chunk, long Start)
{
    internal long End => Start + Chunk.Size;
}
