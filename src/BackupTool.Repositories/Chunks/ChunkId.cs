using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace BackupTool.Repositories.Chunks;

/// <summary>
/// Names a chunk: the SHA-256 of its plaintext (in a sealed repository the HMAC-SHA-256 under the repository's id key). 32 bytes,
/// written as 64 lower-case hexadecimal digits.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct ChunkId
{
    /// <summary>Length in bytes.</summary>
    public const int Size = 32;

    private readonly ulong _a, _b, _c, _d;

    /// <summary>Takes the 32 bytes of a digest.</summary>
    public ChunkId(ReadOnlySpan<byte> digest)
    {
        if (digest.Length != Size) throw new ArgumentException("A chunk id has 32 bytes.", nameof(digest));
        _a = BinaryPrimitives.ReadUInt64BigEndian(digest);
        _b = BinaryPrimitives.ReadUInt64BigEndian(digest[8..]);
        _c = BinaryPrimitives.ReadUInt64BigEndian(digest[16..]);
        _d = BinaryPrimitives.ReadUInt64BigEndian(digest[24..]);
    }

    /// <summary>Writes the 32 bytes.</summary>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, _a);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _b);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], _c);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], _d);
    }

    /// <summary>Writes the 64 hexadecimal digits as ASCII.</summary>
    public void FormatTo(Span<byte> destination)
    {
        Span<byte> digest = stackalloc byte[Size];
        CopyTo(digest);
        Convert.TryToHexStringLower(digest, destination, out _);
    }

    /// <summary>Reads exactly 64 lower-case hexadecimal digits; false for anything else.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out ChunkId id)
    {
        id = default;
        Span<byte> digest = stackalloc byte[Size];
        if (text.Length != 2 * Size || text.IndexOfAnyInRange((byte)'A', (byte)'F') >= 0) return false;
        if (Convert.FromHexString(text, digest, out _, out _) != System.Buffers.OperationStatus.Done) return false;
        id = new ChunkId(digest);
        return true;
    }

    /// <summary>Reads exactly 64 lower-case hexadecimal digits; false for anything else.</summary>
    public static bool TryParse(string? text, out ChunkId id) => TryParse(System.Text.Encoding.UTF8.GetBytes(text ?? ""), out id);

    /// <summary>Reads exactly 64 lower-case hexadecimal digits.</summary>
    /// <exception cref="FormatException">Anything else.</exception>
    public static ChunkId Parse(string text) =>
        TryParse(text, out ChunkId id) ? id : throw new FormatException($"'{text}' is not a chunk id");

    /// <summary>The digest is uniformly distributed: any of its words will do.</summary>
    public override int GetHashCode() => (int)_d;

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString()
    {
        Span<byte> digest = stackalloc byte[Size];
        CopyTo(digest);
        return Convert.ToHexStringLower(digest);
    }
}
