using System.Buffers.Binary;
using BackupTool.Repositories.Chunks;

namespace BackupTool.Repositories.Packs;

/// <summary>What a pack holds.</summary>
public enum PackKind : byte
{
    /// <summary>Chunks of archives.</summary>
    Data = 0,
    /// <summary>Chunks of catalogs and chunk lists: what a host reads again in every run.</summary>
    Metadata = 1,
}

/// <summary>One chunk in a pack.</summary>
/// <param name="Id">Which.</param>
/// <param name="Offset">Bytes from the start of the pack to its frame.</param>
/// <param name="Length">Bytes of the frame.</param>
/// <param name="Size">Bytes of the plaintext.</param>
public readonly record struct PackedChunk(ChunkId Id, long Offset, int Length, int Size);

/// <summary>
/// The table at the end of a pack, in a skippable zstd frame (RFC 8878 §3.1.2), so that <c>zstd -d</c> passes over it and the index can be
/// rebuilt from packs alone. Laid out in FORMAT.md: magic 0x184D2A5D, size, 40 bytes a chunk (id, frame length, plaintext size), 16 bytes of trailer.
/// </summary>
public static class PackTable
{
    /// <summary>Length of the trailer that every pack ends with.</summary>
    public const int TrailerBytes = 16;
    private const int FrameHeader = 8, RecordBytes = ChunkId.Size + 8;
    private const uint Magic = 0x184D2A5D;
    private const byte Version = 1;

    /// <summary>Bytes of the whole table, frame header included.</summary>
    public static int Bytes(int chunkCount) => FrameHeader + chunkCount * RecordBytes + TrailerBytes;

    /// <summary>Serializes the table.</summary>
    public static byte[] Write(PackKind kind, IReadOnlyList<PackedChunk> chunks)
    {
        var table = new byte[Bytes(chunks.Count)];
        Span<byte> at = table;
        BinaryPrimitives.WriteUInt32LittleEndian(at, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(at[4..], (uint)(table.Length - FrameHeader));
        at = at[FrameHeader..];
        foreach (PackedChunk chunk in chunks)
        {
            chunk.Id.CopyTo(at);
            BinaryPrimitives.WriteUInt32LittleEndian(at[ChunkId.Size..], (uint)chunk.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(at[(ChunkId.Size + 4)..], (uint)chunk.Size);
            at = at[RecordBytes..];
        }
        BinaryPrimitives.WriteUInt32LittleEndian(at, (uint)chunks.Count);
        at[4] = Version;
        at[5] = (byte)kind;
        "BKPTABLE"u8.CopyTo(at[8..]);
        return table;
    }

    /// <summary>How many bytes from the end of a pack with this trailer hold its table.</summary>
    /// <exception cref="RepositoryDamagedException">It is no trailer of a pack of this size.</exception>
    public static int BytesFromTrailer(string fileName, ReadOnlySpan<byte> trailer, long packBytes)
    {
        if (!trailer[8..].SequenceEqual("BKPTABLE"u8)) throw new RepositoryDamagedException(fileName, "it does not end with a pack's table");
        if (trailer[4] != Version) throw new RepositoryDamagedException(fileName, $"its table claims to be of version {trailer[4]}, which format 1 does not have");
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        long bytes = FrameHeader + (long)count * RecordBytes + TrailerBytes;
        return bytes <= packBytes && bytes <= int.MaxValue ? (int)bytes
            : throw new RepositoryDamagedException(fileName, $"its table claims {count:N0} chunks, more than the file can hold");
    }

    /// <summary>Reads a whole table and checks that its frames fill the pack exactly.</summary>
    /// <exception cref="RepositoryDamagedException">They do not, or the table is malformed.</exception>
    public static List<PackedChunk> Read(string fileName, ReadOnlySpan<byte> table, long packBytes, out PackKind kind)
    {
        ReadOnlySpan<byte> trailer = table[^TrailerBytes..];
        kind = (PackKind)trailer[5];
        if (BinaryPrimitives.ReadUInt32LittleEndian(table) != Magic || BinaryPrimitives.ReadUInt32LittleEndian(table[4..]) != table.Length - FrameHeader
            || kind > PackKind.Metadata || trailer[6] != 0 || trailer[7] != 0)
            throw new RepositoryDamagedException(fileName, "its table is malformed");
        int count = (table.Length - FrameHeader - TrailerBytes) / RecordBytes;
        var chunks = new List<PackedChunk>(count);
        long offset = 0;
        for (ReadOnlySpan<byte> at = table[FrameHeader..]; chunks.Count < count; at = at[RecordBytes..])
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(at[ChunkId.Size..]), size = BinaryPrimitives.ReadUInt32LittleEndian(at[(ChunkId.Size + 4)..]);
            if (size is 0 or > Chunk.MaxBytes || length is 0 or > 2u * Chunk.MaxBytes) throw new RepositoryDamagedException(fileName, "its table holds an impossible size");
            chunks.Add(new PackedChunk(new ChunkId(at[..ChunkId.Size]), offset, (int)length, (int)size));
            offset += length;
        }
        return offset + table.Length == packBytes ? chunks
            : throw new RepositoryDamagedException(fileName, $"its frames and table add up to {offset + table.Length:N0} bytes, but it has {packBytes:N0}");
    }
}
