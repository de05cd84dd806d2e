using System.Security.Cryptography;

namespace BackupTool.Benchmarks.Data;

/// <summary>Pictures and recordings: incompressible, 20 kB to 8 MB, named by their hash in 256 directories, as a media store keeps them.</summary>
internal static class MediaFiles
{
    public static void Generate(string directory, long bytes, ulong seed)
    {
        var random = new SeededRandom(seed, 1);
        var lengths = new List<int>();
        for (long planned = 0; planned < bytes; planned += lengths[^1]) lengths.Add((int)Math.Min(random.NextLength(20e3, 8e6), bytes));
        for (int i = 0; i < 256; i++) Directory.CreateDirectory(Path.Combine(directory, i.ToString("x2", null)));

        Parallel.For(0, lengths.Count, () => new byte[8_000_000], (i, _, buffer) =>
        {
            Span<byte> content = buffer.AsSpan(0, lengths[i]);
            new SeededRandom(seed, 1000 + (ulong)i).Fill(content);
            string name = Convert.ToHexStringLower(SHA256.HashData(content));
            File.WriteAllBytes(Path.Combine(directory, name[..2], name[2..34]), content);
            return buffer;
        }, _ => { });
    }

    /// <summary>One hundredth more.</summary>
    public static void Mutate(string directory, ulong seed) =>
        Generate(directory, DataSet.SizeOf(directory) / 100, seed ^ 0x6d75746174650000);
}
