using BackupTool.Repositories.Archives.Tar;
using SharpCompress.Compressors;
using SharpCompress.Compressors.BZip2;
using SharpCompress.Compressors.Xz;
using SharpCompress.Compressors.ZStandard;

namespace BackupTool.Operations.Import;

/// <summary>
/// Tar archives, compressed or not. Only the decompressors are SharpCompress's: its tar reader knows neither nanoseconds, attributes nor hard
/// links, and takes an archive without its end for a short one.
/// </summary>
internal static class ForeignTar
{
    /// <summary>The tar stream in a file.</summary>
    internal static Stream Decompress(Stream file, ForeignArchiveFormat format) => format switch
    {
        ForeignArchiveFormat.Tar => file,
        ForeignArchiveFormat.Gzip => new ConcatenatedStreams(file, [0x1f, 0x8b], static source => new GzipStreamReader(source)),
        ForeignArchiveFormat.Xz => new ConcatenatedStreams(file, [0xfd, .. "7zXZ\0"u8], static source => new XZStream(new Undisposed(source))),
        ForeignArchiveFormat.Bzip2 => BZip2Stream.Create(file, CompressionMode.Decompress, decompressConcatenated: true, leaveOpen: true),
        ForeignArchiveFormat.Zstandard => new DecompressionStream(file, bufferSize: 0, checkEndOfStream: true, leaveOpen: true),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Not a compressed tar archive."),
    };

    internal static IEnumerable<ForeignMember> Read(Stream tar, Action<string> warn)
    {
        var parser = new TarParser(tar);
        var content = new MemberContent(parser);
        while (parser.TryReadHeader(out TarMember? member)) yield return new ForeignMember(member, content);
        // To the end of the file, so that the last checksums are compared, too.
        parser.ExpectNothingMore();
        if (parser.UnreadKeywords.Count > 0)
            warn($"The archive says things about its files that are not taken over: {string.Join(", ", parser.UnreadKeywords.Order(StringComparer.Ordinal))}.");
    }

    private sealed class MemberContent(TarParser parser) : ForwardStream
    {
        public override int Read(Span<byte> buffer) => parser.ReadData(buffer);
    }

    /// <summary>Keeps the file open when a decompressor that sits on it is disposed.</summary>
    private sealed class Undisposed(Stream file) : ForwardStream
    {
        public override long Position { get => file.Position; set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer) => file.Read(buffer);
    }
}
