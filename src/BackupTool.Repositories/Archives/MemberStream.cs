using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Archives;

/// <summary>The content of one regular file of an archive, as a forward-only stream. Every byte was checked against its chunk's id.</summary>
public sealed class MemberStream : Stream
{
    private readonly ArchiveStream _archive;
    private readonly TarParser _parser;

    private MemberStream(ArchiveStream archive, TarParser parser) => (_archive, _parser) = (archive, parser);

    /// <summary>Opens a member.</summary>
    /// <exception cref="ArgumentException">It is no regular file that is stored whole.</exception>
    /// <exception cref="RepositoryDamagedException">The archive does not say what its catalog does.</exception>
    public static MemberStream Open(Repository repository, ChunkIndex index, Archive archive, CatalogEntry entry, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (entry.Kind != FileKind.Regular || entry.IsHardLink || entry.StoredSize != entry.Size) throw new ArgumentException($"{entry.Path} is no file that could be read as it is stored.", nameof(entry));
        ArchiveStream stream = ArchiveStream.Open(repository, index, archive, RangeOf(entry), cancellationToken);
        try
        {
            var parser = new TarParser(stream);
            if (!parser.TryReadHeader(out TarMember? member) || member.Path != entry.Path)
                throw new RepositoryDamagedException("an archive", $"there is no {entry.Path} where its catalog says");
            return new MemberStream(stream, parser);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private static async IAsyncEnumerable<StreamRange> RangeOf(CatalogEntry entry)
    {
        await Task.CompletedTask;
        yield return new StreamRange(entry.StreamOffset, entry.StreamOffset + entry.StreamBytes);
    }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer) => _parser.ReadData(buffer);

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

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
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _archive.Dispose();
        base.Dispose(disposing);
    }
}
