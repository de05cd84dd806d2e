using System.Buffers;
using System.Globalization;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Tests.TestSupport;
using CsCheck;
using static BackupTool.Tests.Repositories.Archives.Tar.TarBuilder;

namespace BackupTool.Tests.Repositories.Archives.Tar;

public class TarParserTests
{
    [Fact]
    public void Reads_back_every_member_that_is_written() => TarGenerators.Member.Sample(
        member =>
        {
            byte[] data = Data(member);
            var parser = new TarParser(new MemoryStream(new TarBuilder().Add(File("before", 1), "b"u8).Add(member, data).Build()));
            parser.TryReadHeader(out _).Should().BeTrue();
            parser.TryReadHeader(out TarMember? read).Should().BeTrue();
            ShouldBeEqual(read!, member);
            parser.HeaderOffset.Should().Be(1024);
            parser.HeaderLength.Should().Be(HeaderLength(member));
            ReadAll(parser).Should().Equal(data);
            parser.TryReadHeader(out _).Should().BeFalse();
            parser.TryReadHeader(out _).Should().BeFalse();
            parser.ExpectNothingMore();
        },
        iter: 10_000);

    [Fact]
    public void Answers_damage_with_an_explanation_and_nothing_else()
    {
        byte[] archive = Sample();
        Gen.Select(Gen.Int[0, archive.Length - 1], Gen.Byte, Gen.Int[0, archive.Length - 1], Gen.Byte, Gen.Bool).Sample(
            (at, value, otherAt, otherValue, mendChecksums) =>
            {
                byte[] damaged = [.. archive];
                damaged[at] = value;
                damaged[otherAt] = otherValue;
                if (mendChecksums) MendChecksums(damaged);
                ShouldEndOrExplain(damaged);
            },
            iter: 30_000);
    }

    [Fact]
    public void Answers_random_bytes_with_an_explanation_and_nothing_else() => Gen.Byte.Array[0, 4096].Sample(
        bytes =>
        {
            ShouldEndOrExplain(bytes);
            for (int at = 0; at + 512 <= bytes.Length; at += 512) Ustar512(bytes.AsSpan(at, 512));
            ShouldEndOrExplain(bytes);
        },
        iter: 10_000);

    [Fact]
    public void Takes_an_archive_that_is_cut_off_anywhere_for_damaged()
    {
        byte[] archive = Sample();
        for (int length = 0; length < archive.Length - 1024 + 512; length += length % 512 is 0 or 511 ? 1 : 7)
        {
            Action act = () => Parse(archive[..length]);
            act.Should().Throw<TarFormatException>($"{length} of {archive.Length} bytes are there").Which.Offset.Should().BeLessThanOrEqualTo(length);
        }
    }

    [Fact]
    public void Refuses_claims_that_would_cost_memory()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (char type in "xgLK")
        {
            byte[] block = new byte[512 + 100];
            var output = new ArrayBufferWriter<byte>();
            TarHeader.Write(File("x") with { Size = 8L << 30 }, output);
            output.WrittenSpan[^512..].CopyTo(block);
            "77777777777\0"u8.CopyTo(block.AsSpan(124));
            block[156] = (byte)type;
            Ustar512(block.AsSpan(0, 512));
            Action act = () => Parse(block);
            act.Should().Throw<TarFormatException>().WithMessage("*claims 8589934591 bytes*");
        }
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(4 << 20);
    }

    [Fact]
    public void Finds_any_single_bit_that_is_flipped_in_a_header()
    {
        byte[] archive = new TarBuilder().Add(File("file", 3), "abc"u8).Build();
        for (int bit = 0; bit < 512 * 8; bit++)
        {
            byte[] damaged = [.. archive];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Action act = () => Parse(damaged);
            // Within the checksum's own field a leading zero may become a blank.
            if (bit / 8 is < 148 or >= 156) act.Should().Throw<TarFormatException>($"bit {bit} is flipped");
        }
    }

    [Fact]
    public void Refuses_an_extended_header_without_a_member()
    {
        byte[] archive = new TarBuilder().Add(File("f") with { ModifiedAt = new UnixTime(1, 2) }).Build();
        Action act = () => Parse([.. archive[..1024], .. new byte[1024]]);
        act.Should().Throw<TarFormatException>().WithMessage("*followed by no member*").Which.Offset.Should().Be(1024);
    }

    [Fact]
    public void Passes_over_the_label_of_a_volume()
    {
        using var there = new TemporaryDirectory();
        System.IO.File.WriteAllText(there.Below("f"), "x");
        Tool.Shell($"cd {there.Text} && tar --format=gnu -V 'nightly backup' -cf a.tar f");
        Parse(System.IO.File.ReadAllBytes(there.Below("a.tar"))).Single().Member.Path.ToString().Should().Be("f");
    }

    [Fact]
    public void Says_when_another_archive_follows()
    {
        var parser = new TarParser(new MemoryStream([.. Sample(), .. new byte[5120], .. Sample()]));
        while (parser.TryReadHeader(out _)) { }
        ((Action)parser.ExpectNothingMore).Should().Throw<TarFormatException>().WithMessage("*more data follows*").Which.Offset.Should().Be(Sample().Length + 5120);
    }

    [Theory]
    [InlineData("--format=v7")]
    [InlineData("--format=oldgnu", "--sparse")]
    [InlineData("--format=gnu", "--sparse")]
    [InlineData("--format=ustar")]
    [InlineData("--format=posix")]
    [InlineData("--format=posix", "--sparse", "--sparse-version=0.0")]
    [InlineData("--format=posix", "--sparse", "--sparse-version=0.1")]
    [InlineData("--format=posix", "--sparse", "--sparse-version=1.0")]
    [InlineData("--format=posix", "--pax-option=globexthdr.name=global,gid=4242,comment=hello", "--xattrs")]
    public void Reads_what_gnu_tar_writes(params string[] options)
    {
        using var there = new TemporaryDirectory();
        bool isV7 = options[0] == "--format=v7", longNames = options[0] is not ("--format=v7" or "--format=ustar");
        there.Make("in/dir");
        System.IO.File.WriteAllText(there.Below("in/dir/file"), "hello");
        System.IO.File.WriteAllText(there.Below($"in/dir/{new string('n', longNames ? 200 : 80)}"), "long");
        Tool.Shell($"""
            cd {there.Text}/in && chown 1000:1001 dir/file && chmod 4755 dir/file && touch -d @1234567890.123456789 dir/file && ln dir/file dir/hard
            mkfifo fifo; ln -s {new string('t', longNames ? 150 : 90)} link
            truncate -s 3M holes && printf start | dd of=holes conv=notrunc 2>/dev/null
            for i in 3 9 17 29 41 52 66 88 95 123 154; do printf "block $i" | dd of=holes bs=16K seek=$i conv=notrunc 2>/dev/null; done
            mknod node c 5 1
            """);
        SetAttribute(there.Below("in/dir"), "file", "user.note", "a=b"u8.ToArray());
        Tool.Shell($"cd {there.Text}/in && tar --sort=name --numeric-owner {string.Join(' ', options)} -cf ../a.tar dir holes link {(isV7 ? "" : "fifo node")}");

        List<(TarMember Member, byte[] Data)> members = Parse(System.IO.File.ReadAllBytes(there.Below("a.tar")));

        TarMember Find(string path) => members.Single(m => m.Member.Path == BytePath.From(path)).Member;
        members.Should().HaveCount(isV7 ? 6 : 8);
        Find("dir").Kind.Should().Be(FileKind.Directory);
        TarMember file = Find("dir/file");
        bool isPosix = options[0] == "--format=posix", hasXattrs = options.Contains("--xattrs");
        uint gid = hasXattrs ? 4242u : 1001u;
        (file.Mode, file.Uid, file.Gid, file.Size).Should().Be((0x9edu, 1000u, gid, 5L));
        file.ModifiedAt.Should().Be(new UnixTime(1_234_567_890, isPosix ? 123_456_789 : 0));
        file.ExtendedAttributes.Select(a => $"{a.Name}={System.Text.Encoding.UTF8.GetString(a.Value)}").Should().Equal(hasXattrs ? ["user.note=a=b"] : []);
        Find("dir/hard").Should().Match<TarMember>(m => m.IsHardLink && m.LinkTarget == BytePath.From("dir/file") && m.Size == 0);
        Find($"dir/{new string('n', longNames ? 200 : 80)}").Size.Should().Be(4);
        Find("link").LinkTarget.Length.Should().Be(longNames ? 150 : 90);
        if (!isV7) Find("node").Should().Match<TarMember>(m => m.Kind == FileKind.CharacterDevice && m.DeviceMajor == 5 && m.DeviceMinor == 1);
        (TarMember holes, byte[] data) = members.Single(m => m.Member.Path == BytePath.From("holes"));
        (holes.Sparse is not null).Should().Be(options.Contains("--sparse"));
        Expand(holes, data).Should().Equal(System.IO.File.ReadAllBytes(there.Below("in/holes")));
    }

    [Fact]
    public void Reads_large_and_negative_numbers_as_gnu_tar_writes_them()
    {
        using var there = new TemporaryDirectory();
        System.IO.File.WriteAllText(there.Below("f"), "");
        Tool.Shell($"cd {there.Text} && chown 4000000000:3000000000 f && tar --format=gnu --mtime=@-3600 --numeric-owner -cf a.tar f");
        TarMember member = Parse(System.IO.File.ReadAllBytes(there.Below("a.tar"))).Single().Member;
        (member.Uid, member.Gid, member.ModifiedAt.Seconds).Should().Be((4_000_000_000u, 3_000_000_000u, -3600L));
    }

    [Fact]
    public void Names_what_it_leaves_out()
    {
        using var there = new TemporaryDirectory();
        System.IO.File.WriteAllText(there.Below("f"), "");
        SetAttribute(there.Text, "f", "system.posix_acl_access", TarHeaderTests.Acl);
        Tool.Shell($"cd {there.Text} && tar --acls -cf a.tar f");
        var parser = new TarParser(new MemoryStream(System.IO.File.ReadAllBytes(there.Below("a.tar"))));
        while (parser.TryReadHeader(out _)) { }
        parser.UnreadKeywords.Should().Equal("SCHILY.acl.access");
    }

    private static void SetAttribute(string directory, string name, string attribute, byte[] value)
    {
        using PosixDirectory opened = PosixDirectory.Open(BytePath.From(directory));
        opened.SetExtendedAttribute(BytePath.From(name), new ExtendedAttribute(BytePath.From(attribute), value));
    }

    private static byte[] Sample() => new TarBuilder()
        .Add(Member("d", FileKind.Directory))
        .Add(File("d/" + new string('x', 200), 700) with { ModifiedAt = new UnixTime(1, 2), ExtendedAttributes = [new(BytePath.From("user.a"), [1, 2, 3])] }, new byte[700])
        .Add(File("s", 100_000) with { Sparse = [new(512, 512), new(4096, 1000)] }, new byte[1512])
        .Add(Member("l", FileKind.SymbolicLink) with { LinkTarget = BytePath.From("target") })
        .Build();

    private static List<(TarMember Member, byte[] Data)> Parse(byte[] archive)
    {
        var members = new List<(TarMember, byte[])>();
        var parser = new TarParser(new MemoryStream(archive));
        while (parser.TryReadHeader(out TarMember? member)) members.Add((member, ReadAll(parser)));
        parser.ExpectNothingMore();
        return members;
    }

    private static byte[] ReadAll(TarParser parser)
    {
        var data = new ArrayBufferWriter<byte>();
        for (int read; (read = parser.ReadData(data.GetSpan(1000))) > 0;) data.Advance(read);
        return data.WrittenSpan.ToArray();
    }

    private static void ShouldEndOrExplain(byte[] archive)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            Parse(archive);
        }
        catch (TarFormatException e)
        {
            e.Offset.Should().BeInRange(0, archive.Length);
            e.Message.Should().EndWith(".");
        }
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(1 << 20);
    }

    /// <summary>So that damage reaches what lies behind the checksum.</summary>
    private static void MendChecksums(byte[] archive)
    {
        for (int at = 0; at + 512 <= archive.Length; at += 512)
            if (archive.AsSpan(at + 257, 5).SequenceEqual("ustar"u8)) Ustar512(archive.AsSpan(at, 512));
    }

    private static void Ustar512(Span<byte> block)
    {
        int sum = 256;
        for (int i = 0; i < 512; i++) if (i is < 148 or >= 156) sum += block[i];
        System.Text.Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(block[148..]);
    }

    private static long HeaderLength(TarMember member)
    {
        var output = new ArrayBufferWriter<byte>();
        TarHeader.Write(member, output);
        return output.WrittenCount;
    }

    private static byte[] Data(TarMember member) => [.. Enumerable.Range(0, (int)member.StoredSize).Select(i => (byte)(i * 7))];

    private static byte[] Expand(TarMember member, byte[] data)
    {
        if (member.Sparse is null) return data;
        var whole = new byte[member.Size];
        int at = 0;
        foreach (SparseExtent extent in member.Sparse)
        {
            data.AsSpan(at, (int)extent.Length).CopyTo(whole.AsSpan((int)extent.Offset));
            at += (int)extent.Length;
        }
        return whole;
    }

    private static void ShouldBeEqual(TarMember read, TarMember written)
    {
        (read.Sparse ?? []).Should().Equal(written.Sparse ?? []);
        (read.Sparse is null).Should().Be(written.Sparse is null);
        read.ExtendedAttributes.Select(Show).Should().Equal(written.ExtendedAttributes.Select(Show));
        (read with { Sparse = null, ExtendedAttributes = [] }).Should().Be(written with { Sparse = null, ExtendedAttributes = [] });
        static string Show(ExtendedAttribute attribute) => string.Create(CultureInfo.InvariantCulture, $"{attribute.Name}={Convert.ToHexString(attribute.Value)}");
    }
}
