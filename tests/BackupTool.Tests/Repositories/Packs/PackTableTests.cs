using System.Buffers.Binary;
using BackupTool.Repositories;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Packs;
using BackupTool.Tests.TestSupport;
using CsCheck;

namespace BackupTool.Tests.Repositories.Packs;

public class PackTableTests
{
    private const string Name = "packs/ab/ab.zst";

    private static readonly Gen<PackedChunk[]> Chunks = Gen.Select(Gen.Byte.Array[32], Gen.Int[1, 1 << 25], Gen.Int[1, Chunk.MaxBytes])
        .Array[1, 40].Select(all =>
        {
            long offset = 0;
            return all.Select(c =>
            {
                var chunk = new PackedChunk(new ChunkId(c.Item1), offset, c.Item2, c.Item3);
                offset += c.Item2;
                return chunk;
            }).ToArray();
        });

    [Fact]
    public void A_table_comes_back_as_it_was_written() => Gen.Select(Chunks, Gen.Enum<PackKind>()).Sample(
        (chunks, kind) =>
        {
            byte[] table = PackTable.Write(kind, chunks);
            table.Should().HaveCount(PackTable.Bytes(chunks.Length));
            long packBytes = chunks.Sum(c => (long)c.Length) + table.Length;
            PackTable.BytesFromTrailer(Name, table.AsSpan(^PackTable.TrailerBytes..), packBytes).Should().Be(table.Length);
            PackTable.Read(Name, table, packBytes, out PackKind read).Should().Equal(chunks);
            read.Should().Be(kind);
        },
        iter: 500);

    [Fact]
    public void A_table_is_a_skippable_frame_laid_out_as_the_format_says()
    {
        var id = new ChunkId([.. Enumerable.Range(0, 32).Select(i => (byte)i)]);
        Convert.ToHexStringLower(PackTable.Write(PackKind.Metadata, [new PackedChunk(id, 0, 0x01020304, 0x00a0b0c0)])).Should().Be(
            "5d2a4d18" + "38000000"
            + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" + "04030201" + "c0b0a000"
            + "01000000" + "01" + "01" + "0000" + "424b505441424c45");
    }

    [Fact]
    public void No_bit_of_a_table_can_be_flipped_into_one_that_places_frames_elsewhere() => Gen.Select(Gen.Int[1, 40], Gen.Int, Gen.Int[0, 7]).Sample(
        (count, position, bit) =>
        {
            PackedChunk[] chunks = [.. Enumerable.Range(0, count).Select(i => new PackedChunk(default, i * 100, 100, 50))];
            byte[] table = PackTable.Write(PackKind.Data, chunks);
            int at = (int)((uint)position % table.Length);
            table[at] ^= (byte)(1 << bit);
            byte[] pack = [.. PseudoRandom.Bytes(count * 100, 7), .. table];
            try
            {
                // Only an id, a plaintext size or the kind can differ: whoever uses them notices by the digest.
                Read(pack).Select(c => (c.Offset, c.Length)).Should().Equal(chunks.Select(c => (c.Offset, c.Length)));
            }
            catch (RepositoryDamagedException e)
            {
                e.FileName.Should().Be(Name);
            }
        },
        iter: 3000);

    [Fact]
    public void A_trailer_that_claims_another_number_of_chunks_is_refused()
    {
        byte[] pack = [.. new byte[100], .. PackTable.Write(PackKind.Data, [new PackedChunk(default, 0, 100, 100)])];
        foreach (uint count in new uint[] { 0, 2, 3, 1 << 25, 53_687_091, 53_687_092, uint.MaxValue })
        {
            BinaryPrimitives.WriteUInt32LittleEndian(pack.AsSpan(pack.Length - 16), count);
            FluentActions.Invoking(() => Read(pack)).Should().Throw<RepositoryDamagedException>($"it says {count} chunks");
        }
    }

    private static List<PackedChunk> Read(byte[] pack) =>
        PackTable.Read(Name, pack.AsSpan(^PackTable.BytesFromTrailer(Name, pack.AsSpan(^PackTable.TrailerBytes..), pack.Length)..), pack.Length, out _);

    [Theory]
    [InlineData(0u, 1u)]
    [InlineData(1u, 0u)]
    [InlineData(1u, (16u << 20) + 1)]
    [InlineData((32u << 20) + 1, 1u)]
    [InlineData(uint.MaxValue, 1u)]
    public void Impossible_sizes_are_refused(uint length, uint size)
    {
        byte[] table = PackTable.Write(PackKind.Data, [new PackedChunk(default, 0, unchecked((int)length), unchecked((int)size))]);
        FluentActions.Invoking(() => PackTable.Read(Name, table, length + table.Length, out _)).Should().Throw<RepositoryDamagedException>();
    }

    [Fact]
    public void The_real_zstd_passes_over_a_table()
    {
        using var there = new TemporaryDirectory();
        byte[] table = PackTable.Write(PackKind.Data, [new PackedChunk(default, 0, 100, 100)]);
        byte[] frame = Compression.FrameCodecTests.Make(Compression.FrameCodecTests.Maker.Native, "content"u8.ToArray());
        File.WriteAllBytes(there.Below("p.zst"), [.. frame, .. table]);
        Tool.Shell($"zstd -tq {there.Below("p.zst")}");
        Tool.Shell($"zstd -dcq {there.Below("p.zst")}").Should().Be("content");
    }
}
