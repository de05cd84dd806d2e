using BackupTool.Repositories.Compression;
using BackupTool.Tests.TestSupport;
using CsCheck;

namespace BackupTool.Tests.Repositories.Compression;

public sealed class FrameCodecTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();

    public enum Maker { Native, Managed, Raw }

    public static TheoryData<Maker, int> MakersAndSizes
    {
        get
        {
            var all = new TheoryData<Maker, int>();
            foreach (Maker maker in Enum.GetValues<Maker>())
                foreach (int size in new[] { 1, 2, 255, 256, 257, 65_791, 65_792, 131_071, 131_072, 131_073, 262_144, 300_000, 1 << 20, (4 << 20) + 1 }) all.Add(maker, size);
            return all;
        }
    }

    public void Dispose() => _there.Dispose();

    [Fact]
    public void The_native_library_is_there_on_the_platforms_that_are_built() => FrameCodec.IsNative.Should().BeTrue();

    [Theory]
    [MemberData(nameof(MakersAndSizes))]
    public void Every_reader_reads_the_frames_of_every_maker(Maker maker, int size)
    {
        foreach (byte[] content in new[] { new byte[size], PseudoRandom.Bytes(size, 1), Text(size) })
        {
            byte[] frame = Make(maker, content);
            ZstdFrame.ContentSize(frame).Should().Be(size);
            foreach (FrameDecompressor reader in (FrameDecompressor[])[new NativeFrameDecompressor(), new ManagedFrameDecompressor()])
            {
                using (reader)
                {
                    byte[] read = new byte[size];
                    reader.Decompress(frame, read).Should().Be(size);
                    read.AsSpan().SequenceEqual(content).Should().BeTrue($"{reader.GetType().Name} reads {maker}");
                }
            }
        }
    }

    [Theory]
    [InlineData(Maker.Native)]
    [InlineData(Maker.Managed)]
    [InlineData(Maker.Raw)]
    public void The_real_zstd_reads_the_frames_one_by_one_and_end_to_end(Maker maker)
    {
        byte[] all = [];
        string files = "";
        using (FileStream together = File.Create(_there.Below("all.zst")))
        {
            foreach (int size in new[] { 1, 300, 131_072, 131_073, 500_000 })
            {
                byte[] content = size % 2 == 0 ? PseudoRandom.Bytes(size, 2) : Text(size), frame = Make(maker, content);
                File.WriteAllBytes(_there.Below($"{size}.zst"), frame);
                together.Write(frame);
                all = [.. all, .. content];
                files += $" {_there.Below($"{size}.zst")}";
                Tool.Shell($"zstd -lv {_there.Below($"{size}.zst")} 2>/dev/null | grep 'Decompressed Size'").Should().Contain($"({size} B)", "the frame states its content's size");
            }
        }
        Tool.Shell($"zstd -tq{files} {_there.Below("all.zst")}");
        Tool.Shell($"zstd -dqo {_there.Below("all")} {_there.Below("all.zst")}");
        File.ReadAllBytes(_there.Below("all")).AsSpan().SequenceEqual(all).Should().BeTrue();
    }

    [Theory]
    [InlineData(Maker.Native)]
    [InlineData(Maker.Managed)]
    public void Both_readers_read_what_the_real_zstd_makes(Maker reader)
    {
        byte[] content = Text(300_000);
        File.WriteAllBytes(_there.Below("a"), content);
        Tool.Shell($"zstd -q19 --check {_there.Below("a")}");
        using FrameDecompressor decompressor = reader == Maker.Native ? new NativeFrameDecompressor() : new ManagedFrameDecompressor();
        byte[] read = new byte[content.Length];
        decompressor.Decompress(File.ReadAllBytes(_there.Below("a.zst")), read).Should().Be(content.Length);
        read.Should().Equal(content);
    }

    [Fact]
    public void What_cannot_be_compressed_is_stored_with_nine_bytes_and_three_for_each_block()
    {
        byte[] content = PseudoRandom.Bytes(1 << 20, 3);
        Make(Maker.Native, content).Should().HaveCount(9 + (8 * 3) + content.Length).And.Equal(Make(Maker.Raw, content));
        Make(Maker.Managed, content).Should().Equal(Make(Maker.Raw, content));
        Make(Maker.Raw, []).Should().HaveCount(12);
    }

    [Fact]
    public void A_compressor_forgets_what_came_before()
    {
        using FrameCompressor fresh = new NativeFrameCompressor(3), used = new NativeFrameCompressor(3);
        Compress(used, PseudoRandom.Bytes(1 << 20, 4));
        Compress(used, Text(400_000));
        Compress(used, Text(1000)).Should().Equal(Compress(fresh, Text(1000)));
        Compress(used, Text(200_000)).Should().Equal(Compress(fresh, Text(200_000)), "after the probe at level 1, too");
    }

    [Theory]
    [InlineData(Maker.Native)]
    [InlineData(Maker.Managed)]
    public void A_damaged_frame_gives_wrong_bytes_or_an_error_and_nothing_else(Maker reader) => Gen.Select(Gen.Int[0, 3], Gen.Int, Gen.Int[0, 7]).Sample(
        (which, position, bit) =>
        {
            byte[] content = which == 0 ? PseudoRandom.Bytes(3000, 5) : Text(3000);
            byte[] frame = Make(which switch { 0 => Maker.Raw, 1 => Maker.Managed, _ => Maker.Native }, content);
            if (which == 3) frame = frame[..(int)((uint)position % frame.Length)];
            else frame[(uint)position % frame.Length] ^= (byte)(1 << bit);
            using FrameDecompressor decompressor = reader == Maker.Native ? new NativeFrameDecompressor() : new ManagedFrameDecompressor();
            try
            {
                decompressor.Decompress(frame, new byte[content.Length]).Should().BeInRange(0, content.Length);
            }
            catch (InvalidDataException e)
            {
                e.Message.Should().StartWith("zstd: ");
            }
        },
        iter: 4000, threads: 2);

    [Theory]
    [InlineData(Maker.Native)]
    [InlineData(Maker.Managed)]
    public void Content_that_does_not_fit_is_an_error(Maker reader)
    {
        using FrameDecompressor decompressor = reader == Maker.Native ? new NativeFrameDecompressor() : new ManagedFrameDecompressor();
        foreach (Maker maker in Enum.GetValues<Maker>())
            FluentActions.Invoking(() => decompressor.Decompress(Make(maker, Text(1000)), new byte[999])).Should().Throw<InvalidDataException>();
    }

    [Theory]
    [InlineData("")]
    [InlineData("28b52ffd")]
    [InlineData("28b52ffdff0000")]
    [InlineData("28b52ffd630000")]
    [InlineData("28b52ffde30000000000")]
    [InlineData("5d2a4d18000000000000")]
    public void A_frame_header_that_is_cut_short_or_none_states_no_size(string hex) => ZstdFrame.ContentSize(Convert.FromHexString(hex)).Should().BeLessThan(0);

    [Fact]
    public void Reads_the_content_size_in_all_its_widths()
    {
        foreach (string level in new[] { "-1", "-19", "-3 --no-check" })
        {
            foreach (int size in new[] { 1, 255, 256, 65_791, 65_792, 100_000 })
            {
                File.WriteAllBytes(_there.Below("w"), Text(size));
                Tool.Shell($"zstd -qf {level} {_there.Below("w")}");
                ZstdFrame.ContentSize(File.ReadAllBytes(_there.Below("w.zst"))).Should().Be(size);
            }
        }
    }

    internal static byte[] Make(Maker maker, byte[] content)
    {
        if (maker == Maker.Raw)
        {
            byte[] raw = new byte[RawFrame.Size(content.Length)];
            RawFrame.Write(content, raw).Should().Be(raw.Length);
            return raw;
        }
        using FrameCompressor compressor = maker == Maker.Native ? new NativeFrameCompressor(3) : new ManagedFrameCompressor(3);
        return Compress(compressor, content);
    }

    private static byte[] Compress(FrameCompressor compressor, byte[] content)
    {
        byte[] frame = new byte[FrameCompressor.Bound(content.Length)];
        return frame[..compressor.Compress(content, frame)];
    }

    private static byte[] Text(int size) =>
        [.. Enumerable.Range(0, (size / 8) + 1).SelectMany(i => System.Text.Encoding.ASCII.GetBytes($"{i * 2_654_435_761L % 9_999_991:D7} ")).Take(size)];
}
