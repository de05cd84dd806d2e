using System.Numerics;
using System.Runtime.InteropServices;

namespace BackupTool.Benchmarks.Data;

/// <summary>
/// xoshiro256** by Blackman and Vigna, seeded through SplitMix64: the same numbers on every machine and version, and fast enough to fill
/// gigabytes (a seeded <see cref="Random"/> gives one byte at a time). Not thread-safe.
/// </summary>
internal sealed class SeededRandom
{
    private ulong _a, _b, _c, _d;

    /// <summary>An independent sequence for every pair of seed and stream.</summary>
    public SeededRandom(ulong seed, ulong stream = 0)
    {
        ulong state = seed * 0x9e3779b97f4a7c15 ^ stream * 0xd1b54a32d192ed03;
        (_a, _b, _c, _d) = (Mix(ref state), Mix(ref state), Mix(ref state), Mix(ref state));
    }

    public ulong Next()
    {
        ulong result = BitOperations.RotateLeft(_b * 5, 7) * 9, t = _b << 17;
        _c ^= _a;
        _d ^= _b;
        _b ^= _c;
        _a ^= _d;
        _c ^= t;
        _d = BitOperations.RotateLeft(_d, 45);
        return result;
    }

    /// <summary>0 to <paramref name="end"/> − 1.</summary>
    public long Next(long end) => (long)Math.BigMul(Next(), (ulong)end, out _);

    /// <summary>From <paramref name="start"/> to <paramref name="end"/> − 1.</summary>
    public int Next(int start, int end) => start + (int)Next(end - start);

    /// <summary>At least 0, less than 1.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Fills with random bytes.</summary>
    public void Fill(Span<byte> bytes)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        for (int i = 0; i < words.Length; i++) words[i] = Next();
        ulong last = Next();
        for (int i = words.Length * 8; i < bytes.Length; i++, last >>= 8) bytes[i] = (byte)last;
    }

    /// <summary>Between two lengths, evenly over their logarithms: many short, few long, as files are.</summary>
    public int NextLength(double shortest, double longest) => (int)(shortest * Math.Pow(longest / shortest, NextDouble()));

    private static ulong Mix(ref ulong state)
    {
        ulong z = state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
}
