using BackupTool.Repositories.Chunks;
using BackupTool.Tests.TestSupport;
using CsCheck;

namespace BackupTool.Tests.Repositories.Chunks;

public class ContentCutterTests
{
    private const int Min = 256, Average = 1024, Max = 4096;
    private static readonly ContentCutter Cutter = new(Min, Average, Max);

    // Runs of random bytes and of one byte, so that cuts by content, by the maximum and at the end all happen.
    private static readonly Gen<byte[]> Data = Gen.Select(Gen.Int[0, 12_000], Gen.ULong, Gen.Bool, (length, seed, isRandom) =>
        isRandom ? PseudoRandom.Bytes(length, seed) : [.. Enumerable.Repeat((byte)seed, length)]).Array[1, 4].Select(parts => parts.SelectMany(p => p).ToArray());

    [Fact]
    public void Cuts_are_a_partition_within_the_limits() => Data.Sample(
        data =>
        {
            List<int> sizes = Cut(data);
            sizes.Sum().Should().Be(data.Length);
            sizes.Should().NotContain(size => size <= 0 || size > Max);
            sizes.SkipLast(1).Should().NotContain(size => size <= Min);
        },
        iter: 300);

    [Fact]
    public void A_cut_depends_on_nothing_behind_the_longest_chunk() => Gen.Select(Data, Data, Gen.Int[0, 100]).Sample(
        (data, other, extra) =>
        {
            if (data.Length < Max) return;
            Cutter.FindCut(data.AsSpan(0, Math.Min(data.Length, Max + extra))).Should().Be(Cutter.FindCut([.. data.AsSpan(0, Max), .. other]));
        },
        iter: 300);

    [Fact]
    public void An_insertion_moves_only_the_cuts_around_it()
    {
        byte[] data = PseudoRandom.Bytes(400_000, 1);
        HashSet<string> before = [.. Contents(data)];
        for (int at = 0; at < data.Length; at += 40_001)
        {
            byte[] inserted = [.. data.AsSpan(0, at), .. "inserted"u8, .. data.AsSpan(at)];
            Contents(inserted).Count(chunk => !before.Contains(chunk)).Should().BeLessThan(12, $"{before.Count} chunks were there before, and 8 bytes came in at {at}");
        }
    }

    [Fact]
    public void Chunks_have_about_the_average_size_and_few_have_the_largest()
    {
        List<int> sizes = Cut(PseudoRandom.Bytes(4_000_000, 2));
        sizes.Average().Should().BeInRange(0.8 * Average, 1.6 * Average);
        sizes.Count(size => size == Max).Should().BeLessThan(sizes.Count / 100);
    }

    [Fact]
    public void A_run_of_one_byte_is_cut_at_the_largest_size() => Cut(new byte[3 * Max + 5]).Should().Equal(Max, Max, Max, 5);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Min - 1)]
    [InlineData(Min)]
    public void What_is_no_longer_than_the_smallest_chunk_is_one(int length) => Cutter.FindCut(new byte[length]).Should().Be(length);

    internal static List<int> Cut(ReadOnlySpan<byte> data, ContentCutter? cutter = null)
    {
        var sizes = new List<int>();
        while (!data.IsEmpty)
        {
            sizes.Add((cutter ?? Cutter).FindCut(data));
            data = data[sizes[^1]..];
        }
        return sizes;
    }

    private static List<string> Contents(ReadOnlySpan<byte> data)
    {
        var contents = new List<string>();
        foreach (int size in Cut(data))
        {
            contents.Add(Convert.ToHexString(data[..size]));
            data = data[size..];
        }
        return contents;
    }
}
