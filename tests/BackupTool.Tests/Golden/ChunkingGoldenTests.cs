using System.Security.Cryptography;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Chunks;
using BackupTool.Tests.Repositories.Chunks;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Golden;

/// <summary>Freezes where format 1 cuts. Who changes one of these stores everything again in every repository there is.</summary>
public class ChunkingGoldenTests
{
    [Fact]
    public void The_gear_table_is_derived_as_the_format_says()
    {
        ulong[] gear = ContentCutter.GearTable;
        gear.Should().HaveCount(256);
        gear[..4].Should().Equal(0xb0c1455109b028a0, 0x3642843411353efd, 0x0c45058fe5526bbe, 0xde04f3c2d21ea7fe);
        gear[255].Should().Be(0xf84590888f5575ec);
        for (int i = 0; i < 256; i++) gear[i].Should().Be(BitConverter.ToUInt64(SHA256.HashData([.. "backup gear 1"u8, (byte)i])));
    }

    [Fact]
    public void Random_bytes_are_cut_at_these_places() =>
        ContentCutterTests.Cut(PseudoRandom.Bytes(12 << 20, 42), new ContentCutter(256 << 10, 1 << 20, 4 << 20)).Should().Equal(1200192, 1961219, 1075772, 546520, 1186243, 770240, 1951709, 1412954, 1295042, 1183021);

    [Fact]
    public void Metadata_is_cut_at_these_places() =>
        ContentCutterTests.Cut(PseudoRandom.Bytes(200_000, 43), new ContentCutter(8 << 10, 32 << 10, 128 << 10)).Should().Equal(34404, 41183, 33505, 37851, 42799, 10258);

    [Fact]
    public void Small_members_are_bundled_like_this()
    {
        var planner = new SegmentPlanner(ChunkingParameters.Default);
        var bundles = new List<int>();
        int members = 0;
        for (int i = 0; i < 2000; i++)
        {
            ArchiveEntry entry = Entry($"/var/lib/service/{i % 40:D2}/file-{i}", i * 7919 % 60_000);
            planner.IsOwn(entry).Should().BeFalse();
            if (planner.MustCloseBefore(entry)) Close();
            members++;
            if (planner.AddAndIsLast(entry)) Close();
        }
        bundles.Should().Equal(
            7, 6, 8, 14, 7, 4, 12, 3, 4, 17, 16, 33, 25, 18, 9, 11, 3, 5, 9, 6, 15, 10, 4, 25, 12, 33, 14, 2, 2, 26, 32, 9, 7, 7, 5, 28, 8, 31, 18,
            11, 28, 7, 32, 34, 21, 22, 35, 10, 28, 8, 9, 33, 33, 31, 26, 4, 16, 2, 7, 8, 4, 14, 4, 6, 16, 7, 8, 32, 17, 13, 22, 15, 15, 31, 5, 10,
            11, 12, 35, 11, 13, 20, 11, 23, 7, 6, 8, 17, 8, 15, 11, 7, 3, 33, 7, 5, 15, 3, 35, 8, 7, 22, 16, 3, 7, 7, 4, 33, 13, 24, 17, 35, 30, 31,
            3, 12, 32, 34, 16, 3, 8, 8, 8, 6, 16, 33, 12, 22, 21, 12, 5, 15);

        void Close()
        {
            bundles.Add(members);
            members = 0;
            planner.StartNext();
        }
    }

    [Fact]
    public void A_file_of_256_kib_and_every_database_has_chunks_of_its_own()
    {
        var planner = new SegmentPlanner(ChunkingParameters.Default);
        planner.IsOwn(Entry("/a", 262_143)).Should().BeFalse();
        planner.IsOwn(Entry("/a", 262_144)).Should().BeTrue();
        planner.IsOwn(Entry("/a", 0, isDatabase: true)).Should().BeTrue();
        planner.IsOwn(Entry("/a", 1 << 20, FileKind.Directory)).Should().BeFalse();
    }

    internal static ArchiveEntry Entry(string path, long size, FileKind kind = FileKind.Regular, bool isDatabase = false) => new()
    {
        Path = BytePath.From(path),
        Status = new FileStatus(kind, 0x1a4, 0, 0, size, size, default, default, 1, 1, 1, 0, 0),
        IsDatabase = isDatabase,
    };
}
