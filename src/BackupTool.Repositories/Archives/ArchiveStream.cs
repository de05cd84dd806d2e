using System.Collections.Concurrent;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// The tar stream of an archive, or those members of it that are wanted, as a forward-only stream for one reader. Every byte was checked against its chunk's id.
/// Decompression runs ahead in the background, by a bounded amount of memory.
/// </summary>
public sealed class ArchiveStream : Stream
{
    private readonly BlockingCollection<(NativeBuffer Buffer, int Length)> _pieces = new(boundedCapacity: 8);
    private readonly CancellationTokenSource _stop;
    private readonly ContentReader _reader;
    private readonly Task _filling;
    private NativeBuffer? _current;
    private int _position, _length;
    private bool _isDisposed;

    private ArchiveStream(
        Repository repository, ChunkIndex index, Archive archive, IAsyncEnumerable<StreamRange>? ranges, CancellationToken cancellationToken)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _reader = new ContentReader(repository, index);
        _filling = Task.Run(() => FillAsync(repository, index, archive, ranges), CancellationToken.None);
    }

    /// <summary>The whole archive.</summary>
    public static ArchiveStream Open(Repository repository, ChunkIndex index, Archive archive, CancellationToken cancellationToken) =>
        new(repository, index, archive, null, cancellationToken);

    /// <summary>Some stretches of it, ascending and apart, each of whole members; two zero blocks end the stream.</summary>
    public static ArchiveStream Open(
        Repository repository, ChunkIndex index, Archive archive, IAsyncEnumerable<StreamRange> ranges, CancellationToken cancellationToken) =>
        new(repository, index, archive, ranges, cancellationToken);

    /// <summary>Writes the archive as the zstd frames that it is stored in: a <c>.tar.zst</c>. Every frame was decompressed and checked.</summary>
    public static async Task CopyFramesAsync(Repository repository, ChunkIndex index, Archive archive, Stream output, CancellationToken cancellationToken)
    {
        using var list = new ArchiveReader(repository, index, archive);
        var reader = new ContentReader(repository, index);
        using BufferPool buffers = reader.Buffers;
        await reader.ReadAsync(list.ReadChunkListAsync(cancellationToken), null, wantFrames: true, output.WriteAsync, cancellationToken);
    }

    private async Task FillAsync(Repository repository, ChunkIndex index, Archive archive, IAsyncEnumerable<StreamRange>? ranges)
    {
        try
        {
            using var list = new ArchiveReader(repository, index, archive);
            await _reader.ReadAsync(list.ReadChunkListAsync(_stop.Token), ranges, wantFrames: false, Add, _stop.Token);
            if (ranges is not null) await Add(new byte[Tar.TarHeader.EndOfArchive.Length], _stop.Token);
        }
        finally
        {
            _pieces.CompleteAdding();
        }
    }

    private ValueTask Add(ReadOnlyMemory<byte> piece, CancellationToken cancellationToken)
    {
        NativeBuffer buffer = _reader.Buffers.Rent(piece.Length);
        piece.Span.CopyTo(buffer.GetSpan());
        _pieces.Add((buffer, piece.Length), cancellationToken);
        return default;
    }

    /// <summary>Bytes of memory off the heap; 0 once disposed.</summary>
    internal long AllocatedBytes => _reader.Buffers.AllocatedBytes;

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_position == _length && !TryTakeNext()) return 0;
        int count = Math.Min(buffer.Length, _length - _position);
        _current!.GetSpan().Slice(_position, count).CopyTo(buffer);
        _position += count;
        return count;
    }

    private bool TryTakeNext()
    {
        _current?.Release();
        _current = null;
        if (!_pieces.TryTake(out (NativeBuffer Buffer, int Length) next, Timeout.Infinite, _stop.Token))
        {
            _filling.GetAwaiter().GetResult();   // complete: throws what went wrong
            return false;
        }
        (_current, _length, _position) = (next.Buffer, next.Length, 0);
        return true;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing || _isDisposed) return;
        _isDisposed = true;
        _stop.Cancel();
        _filling.ContinueWith(static _ => { }, TaskScheduler.Default).GetAwaiter().GetResult();
        _current = null;
        _length = _position;
        _reader.Buffers.Dispose();
        _pieces.Dispose();
        _stop.Dispose();
        base.Dispose(disposing);
    }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <inheritdoc/>
    public override void Flush() { }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
