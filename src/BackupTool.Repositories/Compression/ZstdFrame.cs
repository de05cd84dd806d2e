using System.Buffers.Binary;

namespace BackupTool.Repositories.Compression;

/// <summary>What the header of a zstd frame says (RFC 8878 §3.1.1.1).</summary>
public static class ZstdFrame
{
    /// <summary>The content size that the first frame states; −1 when it states none or is no frame.</summary>
    public static long ContentSize(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < 6 || BinaryPrimitives.ReadUInt32LittleEndian(frame) != 0xFD2FB528) return -1;
        byte descriptor = frame[4];
        bool singleSegment = (descriptor & 0x20) != 0;
        int dictionaryBytes = (descriptor & 3) switch { 0 => 0, 1 => 1, 2 => 2, _ => 4 };
        int before = 5 + (singleSegment ? 0 : 1) + dictionaryBytes;
        if (frame.Length < before) return -1;
        ReadOnlySpan<byte> at = frame[before..];
        return (descriptor >> 6) switch
        {
            0 => singleSegment && at.Length >= 1 ? at[0] : -1,
            1 => at.Length >= 2 ? BinaryPrimitives.ReadUInt16LittleEndian(at) + 256 : -1,
            2 => at.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(at) : -1,
            _ => at.Length >= 8 ? BinaryPrimitives.ReadInt64LittleEndian(at) : -1,
        };
    }
}
