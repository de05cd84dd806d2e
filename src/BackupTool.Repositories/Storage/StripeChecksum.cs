using System.Numerics;
using System.Runtime.InteropServices;

namespace BackupTool.Repositories.Storage;

/// <summary>
/// Four CRC-32C side by side over stripes of 32 bytes, and the length: tells whether what is read back is what was written, at the speed of memory. For
/// comparing the two within one process; it is never stored.
/// </summary>
internal struct StripeChecksum
{
    private uint _a, _b, _c, _d;
    private long _length;
    private ulong _tail0, _tail1, _tail2, _tail3;

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        int held = (int)(_length % 32);
        _length += bytes.Length;
        Span<ulong> words = [_tail0, _tail1, _tail2, _tail3];
        if (held > 0)
        {
            Span<byte> tail = MemoryMarshal.AsBytes(words);
            int count = Math.Min(32 - held, bytes.Length);
            bytes[..count].CopyTo(tail[held..]);
            bytes = bytes[count..];
            if (held + count == 32) AddStripes(words);
            else (_tail0, _tail1, _tail2, _tail3) = (words[0], words[1], words[2], words[3]);
        }
        int whole = bytes.Length & ~31;
        AddStripes(MemoryMarshal.Cast<byte, ulong>(bytes[..whole]));
        if (bytes.Length == whole) return;
        words.Clear();
        bytes[whole..].CopyTo(MemoryMarshal.AsBytes(words));
        (_tail0, _tail1, _tail2, _tail3) = (words[0], words[1], words[2], words[3]);
    }

    private void AddStripes(ReadOnlySpan<ulong> words)
    {
        (uint a, uint b, uint c, uint d) = (_a, _b, _c, _d);
        for (; words.Length >= 4; words = words[4..])
        {
            a = BitOperations.Crc32C(a, words[0]);
            b = BitOperations.Crc32C(b, words[1]);
            c = BitOperations.Crc32C(c, words[2]);
            d = BitOperations.Crc32C(d, words[3]);
        }
        (_a, _b, _c, _d) = (a, b, c, d);
    }

    /// <summary>The value of everything appended so far.</summary>
    internal readonly (UInt128 Checks, long Length) Value
    {
        get
        {
            StripeChecksum end = this;
            int held = (int)(_length % 32);
            if (held > 0)
            {
                Span<ulong> words = [_tail0, _tail1, _tail2, _tail3];
                MemoryMarshal.AsBytes(words)[held..].Clear();
                end.AddStripes(words);
            }
            return (new UInt128(((ulong)end._a << 32) | end._b, ((ulong)end._c << 32) | end._d), _length);
        }
    }
}
