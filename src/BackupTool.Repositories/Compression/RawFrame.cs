using System.Buffers.Binary;

namespace BackupTool.Repositories.Compression;

/// <summary>A zstd frame of uncompressed blocks (RFC 8878 §3.1.1): what cannot be compressed is stored, and <c>zstd -d</c> still reads it.</summary>
public static class RawFrame
{
    private const int Header = 4 + 1 + 4, BlockHeader = 3, MaxBlock = 128 << 10;

    /// <summary>Length of the frame for this many bytes of content.</summary>
    public static int Size(int contentBytes) => Header + Blocks(contentBytes) * BlockHeader + contentBytes;

    /// <summary>Writes the frame; returns its length.</summary>
    public static int Write(ReadOnlySpan<byte> content, Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, 0xFD2FB528);
        destination[4] = 0b1010_0000;   // content size in 4 bytes, single segment, no checksum, no dictionary
        BinaryPrimitives.WriteUInt32LittleEndian(destination[5..], (uint)content.Length);
        int at = Header, left = Blocks(content.Length);
        do
        {
            int length = Math.Min(content.Length, MaxBlock);
            int header = (length << 3) | (--left == 0 ? 1 : 0);   // 3 bytes little-endian: last-block bit, type 0 (raw), size
            destination[at] = (byte)header;
            destination[at + 1] = (byte)(header >> 8);
            destination[at + 2] = (byte)(header >> 16);
            content[..length].CopyTo(destination[(at + BlockHeader)..]);
            content = content[length..];
            at += BlockHeader + length;
        }
        while (left > 0);
        return at;
    }

    private static int Blocks(int contentBytes) => Math.Max(1, (contentBytes + MaxBlock - 1) / MaxBlock);
}
