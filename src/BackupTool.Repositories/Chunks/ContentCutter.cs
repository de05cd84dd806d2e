using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace BackupTool.Repositories.Chunks;

/// <summary>
/// Content-defined cutting: FastCDC (Xia et al., USENIX ATC 2016) with a 64-bit gear hash and normalisation level 2. Cuts depend on the
/// bytes since the last cut only, so equal runs of data are cut alike wherever they stand.
/// </summary>
public sealed class ContentCutter
{
    private static readonly ulong[] Gear = MakeGear();

    private readonly int _min, _average, _max;
    private readonly ulong _strict, _loose;

    /// <summary>Sizes in bytes; the average is a power of two.</summary>
    public ContentCutter(int min, int average, int max)
    {
        (_min, _average, _max) = (min, average, max);
        int bits = BitOperations.Log2((uint)average);
        (_strict, _loose) = (TopBits(bits + 2), TopBits(bits - 2));
    }

    /// <summary>The gear table of format 1.</summary>
    internal static ulong[] GearTable => [.. Gear];

    /// <summary>The most that <see cref="FindCut"/> needs to see.</summary>
    public int MaxBytes => _max;

    /// <summary>
    /// The length of the first chunk of <paramref name="data"/>. The caller gives at least <see cref="MaxBytes"/> bytes, or all that is left.
    /// </summary>
    public int FindCut(ReadOnlySpan<byte> data)
    {
        if (data.Length <= _min) return data.Length;
        int end = Math.Min(data.Length, _max), normal = Math.Min(end, _average);
        ulong hash = 0;
        int cut = Scan(data[_min..normal], _strict, ref hash);
        if (cut >= 0) return _min + cut;
        cut = Scan(data[normal..end], _loose, ref hash);
        return cut >= 0 ? normal + cut : end;
    }

    // One byte a step over a span: under this JIT faster than pointers and than two bytes a step.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Scan(ReadOnlySpan<byte> data, ulong mask, ref ulong state)
    {
        ulong hash = state;
        ReadOnlySpan<ulong> gear = Gear.AsSpan(0, 256);
        for (int i = 0; i < data.Length; i++)
        {
            hash = (hash << 1) + gear[data[i]];
            if ((hash & mask) == 0) return i + 1;
        }
        state = hash;
        return -1;
    }

    // The highest bits have seen the most bytes: a window of 64.
    private static ulong TopBits(int count) => ~0UL << (64 - count);

    /// <summary>The gear table of format 1: entry i is the first 8 bytes, little-endian, of SHA-256("backup gear 1" followed by byte i).</summary>
    private static ulong[] MakeGear()
    {
        var table = new ulong[256];
        byte[] seed = [.. "backup gear 1"u8, 0];
        for (int i = 0; i < table.Length; i++)
        {
            seed[^1] = (byte)i;
            table[i] = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(seed));
        }
        return table;
    }
}
