using System.Buffers.Binary;
using SharpCompress.Common;
using SharpCompress.Providers;

namespace BackupTool.Repositories.Compression;

/// <summary>
/// The fallback without libzstd: SharpCompress's port. Its stream writes no content size, which format 1 asks for: the frame header is
/// written anew with it.
/// </summary>
internal sealed class ManagedFrameCompressor(int level) : FrameCompressor
{
    private const int MagicAndDescriptor = 5;

    public override int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        using var buffer = new MemoryStream();
        using (Stream zstd = CompressionProviderRegistry.Default.CreateCompressStream(CompressionType.ZStandard, new Unclosable(buffer), level))
            zstd.Write(source);
        ReadOnlySpan<byte> frame = buffer.GetBuffer().AsSpan(0, (int)buffer.Length);
        byte descriptor = frame[4];
        bool plain = (descriptor >> 6) == 0 && (descriptor & 0b10_0011) == 0;   // no content size, no single segment, no dictionary
        if (!plain || frame.Length + 4 >= RawFrame.Size(source.Length)) return RawFrame.Write(source, destination);
        frame[..(MagicAndDescriptor + 1)].CopyTo(destination);
        destination[4] = (byte)(descriptor | 0x80);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[(MagicAndDescriptor + 1)..], (uint)source.Length);
        frame[(MagicAndDescriptor + 1)..].CopyTo(destination[(MagicAndDescriptor + 5)..]);
        return frame.Length + 4;
    }

    public override void Dispose() { }

    /// <summary>The compression stream closes what it writes to; the buffer is still wanted.</summary>
    private sealed class Unclosable(MemoryStream inner) : Stream
    {
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => inner.Length;
        public override long Position { get => inner.Position; set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);
        public override void Write(ReadOnlySpan<byte> buffer) => inner.Write(buffer);
    }
}

internal sealed class ManagedFrameDecompressor : FrameDecompressor
{
    public override int Decompress(ReadOnlySpan<byte> frame, Span<byte> destination)
    {
        try
        {
            using var source = new MemoryStream(frame.ToArray(), writable: false);
            using Stream zstd = CompressionProviderRegistry.Default.CreateDecompressStream(CompressionType.ZStandard, source);
            int filled = zstd.ReadAtLeast(destination, destination.Length, throwOnEndOfStream: false);
            if (filled == destination.Length && zstd.ReadByte() >= 0) throw new InvalidDataException("zstd: the frame is larger than it should be");
            return filled;
        }
        catch (Exception e) when (e is SharpCompressException or EndOfStreamException or SharpCompress.Compressors.ZStandard.ZstdException)
        {
            throw new InvalidDataException($"zstd: {e.Message}", e);
        }
    }

    public override void Dispose() { }
}
