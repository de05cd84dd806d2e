using System.Buffers;
using System.Text;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Tests.TestSupport;
using static BackupTool.Tests.Repositories.Archives.Tar.TarBuilder;

namespace BackupTool.Tests.Repositories.Archives.Tar;

public class TarHeaderTests
{
    // user::rw- user:1234:r-- group::r-- mask::rw- other::--- (acl(5), linux/posix_acl_xattr.h: version 2, then tag, permissions, id)
    internal static readonly byte[] Acl = Convert.FromHexString(
        "02000000" + "01000600ffffffff" + "02000400d2040000" + "04000400ffffffff" + "10000600ffffffff" + "20000000ffffffff");

    [Fact]
    public void Gnu_tar_extracts_every_kind_exactly_and_silently()
    {
        byte[] content = Encoding.UTF8.GetBytes("content\n");
        var time = new UnixTime(1_712_345_678, 123_456_789);
        TarMember file = File("d/file", content.Length) with { Mode = 0x9a4 /* 04644 */, Uid = 1234, Gid = 5678, ModifiedAt = time, UserName = "nobody-here", GroupName = "gruppe-ä" };
        using var there = new TemporaryDirectory();
        byte[] archive = new TarBuilder()
            .Add(Member("d", FileKind.Directory) with { Mode = 0x5c0 /* 02700 */, Uid = 77, ModifiedAt = time })
            .Add(file, content)
            .Add(Member("d/fifo", FileKind.Fifo) with { Mode = 0x1b6, ModifiedAt = time })
            .Add(Member("d/hard", FileKind.Regular) with { IsHardLink = true, LinkTarget = BytePath.From("d/file"), Mode = file.Mode, Uid = file.Uid, Gid = file.Gid, ModifiedAt = time })
            .Add(Member("d/node-b", FileKind.BlockDevice) with { DeviceMajor = 253, DeviceMinor = 70_000, ModifiedAt = time })
            .Add(Member("d/node-c", FileKind.CharacterDevice) with { DeviceMajor = 1, DeviceMinor = 3, ModifiedAt = time })
            .Add(Member("d/symlink", FileKind.SymbolicLink) with { Mode = 0x1ff, LinkTarget = BytePath.From("nowhere/ß"), ModifiedAt = time })
            .Build();

        TreeFingerprint tree = Extract(archive, there);

        string sha = "434728a410a78f56fc1b5899c3593436e61ab0c731e9072d95e96db290205e53";
        string at = "1712345678+123456789";
        tree.Entries.Should().Equal(
            new TreeEntry("d", FileKind.Directory, "2700", 77, 0, at, 0, "", "", "", ""),
            new TreeEntry("d/fifo", FileKind.Fifo, "666", 0, 0, at, 0, "", "", "", ""),
            new TreeEntry("d/file", FileKind.Regular, "4644", 1234, 5678, at, 8, sha, "", "", ""),
            new TreeEntry("d/hard", FileKind.Regular, "4644", 1234, 5678, at, 8, sha, "", "", "d/file"),
            new TreeEntry("d/node-b", FileKind.BlockDevice, "644", 0, 0, at, 0, "", "253:70000", "", ""),
            new TreeEntry("d/node-c", FileKind.CharacterDevice, "644", 0, 0, at, 0, "", "1:3", "", ""),
            new TreeEntry("d/symlink", FileKind.SymbolicLink, "777", 0, 0, at, 10, "", "nowhere/ß", "", ""));
    }

    [Fact]
    public void Gnu_tar_restores_extended_attributes_and_acls()
    {
        using var there = new TemporaryDirectory();
        byte[] raw = [0, (byte)'\n', 0xff, (byte)'=', 0, 1];
        byte[] archive = new TarBuilder().Add(File("f") with
        {
            Mode = 0x1b0,
            ExtendedAttributes =
            [
                new(BytePath.From("security.capability"), Convert.FromHexString("0100000200040000000000000000000000000000")),
                new(BytePath.From("system.posix_acl_access"), Acl),
                new(BytePath.From("user.a=b%c"), raw),
                new(BytePath.From("user.empty"), []),
                new(BytePath.From("user.large"), Enumerable.Range(0, 3000).Select(i => (byte)i).ToArray()),
            ],
        }).Build();

        Extract(archive, there).Entries.Single().Attributes.Should().StartWith(
            $"security.capability=0100000200040000000000000000000000000000 system.posix_acl_access={Convert.ToHexStringLower(Acl)} "
            + "user.a=b%c=000aff3d0001 user.empty= user.large=000102");
    }

    [Fact]
    public void Gnu_tar_restores_long_names_and_names_that_are_not_text()
    {
        using var there = new TemporaryDirectory();
        // GNU tar hands whole paths to the kernel, which takes 4,095 bytes.
        string deep = string.Join('/', Enumerable.Range(0, 20).Select(i => $"{i}-{new string('x', 197)}"));
        var odd = new BytePath([.. "odd/"u8, 0xff, 0xfe, (byte)'\n', 0xc3, .. Enumerable.Repeat((byte)0xe4, 150)]);
        byte[] archive = new TarBuilder()
            .Add(File(deep + "/file", 1), "x"u8)
            .Add(File("placeholder") with { Path = odd })
            .Add(File("placeholder") with { Path = new BytePath([.. "odd/"u8, 0xff]) })
            .Add(Member("odd/link", FileKind.SymbolicLink) with { LinkTarget = new BytePath([.. Enumerable.Repeat((byte)0xe4, 150)]), Mode = 0x1ff })
            .Build();

        TreeFingerprint tree = Extract(archive, there);

        (deep + "/file").Length.Should().BeGreaterThan(4000);
        tree.Entries.Select(e => e.Path).Should().Contain(deep + "/file").And.Contain(odd.ToString()).And.Contain(@"odd/\xff");
        tree.Entries.Single(e => e.Kind == FileKind.SymbolicLink).Target.Should().Be(string.Concat(Enumerable.Repeat(@"\xe4", 150)));
    }

    [Theory]
    [InlineData(100, false)]
    [InlineData(101, false)]
    [InlineData(256, false)]
    [InlineData(257, false)]
    [InlineData(99, true)]
    [InlineData(100, true)]
    [InlineData(255, true)]
    [InlineData(256, true)]
    public void Gnu_tar_restores_names_at_the_limits_of_the_ustar_fields(int length, bool isDirectory)
    {
        using var there = new TemporaryDirectory();
        for (int split = 1; split < length - 1; split += split < 90 || split > 150 ? 13 : 1)
        {
            string path = new string('p', split) + "/" + new string('n', length - split - 1);
            if (split > 250 || length - split - 1 > 250) continue;
            TarMember member = Member(path, isDirectory ? FileKind.Directory : FileKind.Regular);
            string directory = there.Make($"{split}");
            Extract(new TarBuilder().Add(member).Build(), there, directory).Entries.Select(e => (e.Path, e.Kind)).Should().Contain((path, member.Kind));
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-1, 0)]
    [InlineData(-1, 500_000_000)]
    [InlineData(-2, 1)]
    [InlineData(-1_000_000_000, 999_999_999)]
    [InlineData(8_589_934_591, 0)]
    [InlineData(8_589_934_592, 100)]
    public void Gnu_tar_restores_times_before_1970_and_far_ahead(long seconds, int nanoseconds)
    {
        using var there = new TemporaryDirectory();
        byte[] archive = new TarBuilder().Add(File("f") with { ModifiedAt = new UnixTime(seconds, nanoseconds) }).Build();
        Extract(archive, there, option: "--warning=no-timestamp").Entries.Single().ModifiedAt.Should().Be($"{seconds}+{nanoseconds:D9}");
    }

    [Theory]
    [InlineData(2_097_151)]
    [InlineData(2_097_152)]
    [InlineData(4_000_000_000)]
    [InlineData(uint.MaxValue - 1)]
    public void Gnu_tar_restores_large_owner_numbers(uint id)
    {
        using var there = new TemporaryDirectory();
        TreeEntry entry = Extract(new TarBuilder().Add(File("f") with { Uid = id, Gid = id }).Build(), there).Entries.Single();
        (entry.Uid, entry.Gid).Should().Be((id, id));
    }

    public static TheoryData<long, long[]> SparseFiles => new()
    {
        { 1 << 20, [0, 4096, 524_288, 4096] },
        { 1 << 20, [8192, 512, (1 << 20) - 100, 100] },
        { 1 << 20, [] },
        { 0, [] },
        { 12L << 30, [9L << 30, 5] },
        { 12L << 30, [] },
        { 40L << 20, Enumerable.Range(0, 2000).SelectMany(i => new long[] { i * 16_384, 512 * (1 + (i % 8)) }).ToArray() },
    };

    [Theory]
    [MemberData(nameof(SparseFiles))]
    public void Gnu_tar_restores_sparse_files_with_their_holes(long size, long[] numbers)
    {
        using var there = new TemporaryDirectory();
        SparseExtent[] extents = [.. numbers.Chunk(2).Select(n => new SparseExtent(n[0], n[1]))];
        TarMember member = File("dir/some-name") with { Size = size, Sparse = extents, ModifiedAt = new UnixTime(1, 2) };
        byte[] data = [.. Enumerable.Range(0, (int)member.StoredSize).Select(i => (byte)(i % 250 + 1))];

        Extract(new TarBuilder().Add(member, data).Add(File("after")).Build(), there, hash: false);

        using PosixDirectory directory = PosixDirectory.Open(BytePath.From(there.Below("out/dir")));
        FileStatus status = directory.GetStatus(BytePath.From("some-name"));
        (status.Size, status.ModifiedAt).Should().Be((size, new UnixTime(1, 2)));
        status.AllocatedBytes.Should().BeLessThanOrEqualTo(extents.Length * 16_384);
        using var file = directory.OpenForReading(BytePath.From("some-name"));
        int at = 0;
        foreach (SparseExtent extent in extents)
        {
            var read = new byte[extent.Length + 1];
            PosixFile.ReadFully(file, read, extent.Offset, default);
            read.AsSpan(0, (int)extent.Length).SequenceEqual(data.AsSpan(at, (int)extent.Length)).Should().BeTrue();
            read[^1].Should().Be(0, "a hole follows");
            at += (int)extent.Length;
        }
        System.IO.File.Exists(there.Below("out/after")).Should().BeTrue();
    }

    [Fact]
    public void Gnu_tar_knows_where_a_member_of_more_than_8_GiB_ends()
    {
        using var there = new TemporaryDirectory();
        const long size = (8L << 30) + 5;
        var output = new ArrayBufferWriter<byte>();
        TarHeader.Write(File("big") with { Size = size }, output);
        using (var archive = new FileStream(there.Below("a.tar"), FileMode.CreateNew))
        {
            archive.Write(output.WrittenSpan);
            archive.Seek(size + TarHeader.PaddingAfter(size), SeekOrigin.Current);
            archive.Write(new TarBuilder().Add(File("small", 3), "abc"u8).Build());
        }
        Tool.Run("tar", "-tvf", there.Below("a.tar"), "--numeric-owner", "--utc").Should().Be(
            "-rw-r--r-- 0/0      8589934597 2023-11-14 22:13 big\n-rw-r--r-- 0/0               3 2023-11-14 22:13 small\n");
    }

    [Fact]
    public void Spends_one_block_on_a_member_that_ustar_can_hold()
    {
        var output = new ArrayBufferWriter<byte>();
        TarHeader.Write(File(new string('a', 150) + "/" + new string('b', 100)), output);
        output.WrittenCount.Should().Be(512);
    }

    [Fact]
    public void Writes_the_same_bytes_for_the_same_member()
    {
        TarMember member = File(new string('x', 300), 5) with { ModifiedAt = new UnixTime(5, 5) };
        new TarBuilder().Add(member, "12345"u8).Build().Should().Equal(new TarBuilder().Add(member with { }, "12345"u8).Build());
    }

    [Fact]
    public void Refuses_what_no_archive_can_hold()
    {
        var output = new ArrayBufferWriter<byte>();
        void ShouldRefuse(TarMember member) => ((Action)(() => TarHeader.Write(member, output))).Should().Throw<ArgumentException>();
        ShouldRefuse(Member("s", FileKind.Socket));
        ShouldRefuse(Member("d", FileKind.Directory) with { Size = 1 });
        ShouldRefuse(File("") with { Path = default });
        ShouldRefuse(File("f", 10) with { Sparse = [new(0, 4), new(4, 2)] });
        ShouldRefuse(File("f", 10) with { Sparse = [new(5, 6)] });
        ShouldRefuse(File("f", 10) with { Sparse = [new(5, 0)] });
        ShouldRefuse(File("f", 4096) with { Sparse = [new(0, 100), new(2048, 512)] });
        output.WrittenCount.Should().Be(0);
    }

    [Fact]
    public void Widens_extents_to_the_blocks_that_gnu_tar_thinks_in()
    {
        SparseExtent.AlignToBlocks([new(0, 512), new(1000, 24), new(1024, 1), new(2048, 512), new(4000, 90)], 4090)
            .Should().Equal(new SparseExtent(0, 1536), new SparseExtent(2048, 512), new SparseExtent(3584, 506));
        SparseExtent.AlignToBlocks([], 4090).Should().BeEmpty();
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 511)]
    [InlineData(511, 1)]
    [InlineData(512, 0)]
    [InlineData((1L << 40) + 1, 511)]
    public void Fills_data_up_to_whole_blocks(long stored, int padding) => TarHeader.PaddingAfter(stored).Should().Be(padding);

    private static TreeFingerprint Extract(byte[] archive, TemporaryDirectory there, string? target = null, bool hash = true, string option = "--warning=all")
    {
        System.IO.File.WriteAllBytes(there.Below("a.tar"), archive);
        target ??= there.Make("out");
        Tool.Run("tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", option, "-xpf", there.Below("a.tar"), "-C", target);
        return hash ? TreeFingerprint.Of(target) : TreeFingerprint.Of(there.Make("empty"));
    }
}
