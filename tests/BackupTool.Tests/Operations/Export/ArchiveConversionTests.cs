using BackupTool.Operations;
using BackupTool.Operations.Export;
using BackupTool.Operations.Import;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Tests.Repositories.Archives.Tar;
using BackupTool.Tests.TestSupport;
using static BackupTool.Tests.Repositories.Archives.Tar.TarBuilder;

namespace BackupTool.Tests.Operations.Export;

public class ArchiveConversionTests
{
    private static readonly UnixTime Time = new(1_700_000_000, 0);

    [Fact]
    public void Gives_out_tar_as_it_is_and_gzip_that_tar_reads()
    {
        using var there = new TemporaryDirectory();
        byte[] tar = new TarBuilder().Add(Member("d", FileKind.Directory)).Add(File("d/f", 5) with { Uid = 1000, ModifiedAt = new UnixTime(5, 6) }, "hello"u8).Build();
        Convert(tar, ExportFormat.Tar, there.Below("a.tar")).Should().BeEmpty();
        Convert(tar, ExportFormat.TarGzip, there.Below("a.tar.gz")).Should().BeEmpty();
        System.IO.File.ReadAllBytes(there.Below("a.tar")).Should().Equal(tar);
        Tool.Run("tar", "--numeric-owner", "-xpf", there.Below("a.tar.gz"), "-C", there.Make("out"));
        TreeFingerprint.Of(there.Below("out")).Entries[1].Should().Match<TreeEntry>(e => e.Path == "d/f" && e.Size == 5 && e.Uid == 1000 && e.ModifiedAt == "5+000000006");
    }

    [Fact]
    public async Task Gives_zip_what_zip_can_hold()
    {
        using var there = new TemporaryDirectory();
        byte[] sparse = new byte[1024];
        Array.Fill(sparse, (byte)'s');
        byte[] tar = new TarBuilder()
            .Add(Member("d", FileKind.Directory) with { Mode = 0x1e8 /* 0750 */ })
            .Add(File("d/ä file", 5) with { Mode = 0x1a0 /* 0640 */ }, "hello"u8)
            .Add(Member("d/hard", FileKind.Regular) with { IsHardLink = true, LinkTarget = BytePath.From("d/ä file"), Mode = 0x1a0 })
            .Add(Member("d/link", FileKind.SymbolicLink) with { LinkTarget = BytePath.From("../elsewhere"), Mode = 0x1ff })
            .Add(Member("e", FileKind.Directory))
            .Add(Member("e/empty", FileKind.Directory))
            .Add(Member("e/hard", FileKind.Regular) with { IsHardLink = true, LinkTarget = BytePath.From("d/ä file"), Mode = 0x1a0 })
            .Add(File("sparse", 300_000) with { Sparse = [new(4096, 512), new(200_000, 512)] }, sparse)
            .Build();
        Convert(tar, ExportFormat.Zip, there.Below("a.zip")).Select(f => (f.Loss, f.Count, f.Example.ToString())).Should().Equal((ExportLoss.HardLinks, 2L, "d/hard"));

        string target = there.Make("out");
        Tool.Run("7z", "t", "-bd", there.Below("a.zip")).Should().Contain("Everything is Ok");
        using (PosixDirectory directory = PosixDirectory.Open(BytePath.From(target)))
        using (ForeignArchive archive = ForeignArchive.Open(BytePath.From(there.Below("a.zip"))))
            await archive.ExtractToAsync(directory, new SilentProgress(), TestContext.Current.CancellationToken);
        byte[] whole = new byte[300_000];
        whole.AsSpan(4096, 512).Fill((byte)'s');
        whole.AsSpan(200_000, 512).Fill((byte)'s');
        System.IO.File.ReadAllBytes(Path.Combine(target, "sparse")).Should().Equal(whole);
        TreeFingerprint.Of(target).Entries.Select(e => (e.Path, e.Kind, e.Mode, e.Target)).Should().Equal(
            ("d", FileKind.Directory, "750", ""), ("d/hard", FileKind.SymbolicLink, "777", "ä file"), ("d/link", FileKind.SymbolicLink, "777", "../elsewhere"),
            ("d/ä file", FileKind.Regular, "640", ""), ("e", FileKind.Directory, "755", ""), ("e/empty", FileKind.Directory, "755", ""),
            ("e/hard", FileKind.SymbolicLink, "777", "../d/ä file"), ("sparse", FileKind.Regular, "644", ""));
        long zone = (long)TimeZoneInfo.Local.GetUtcOffset(Time.ToDateTimeOffset()).TotalSeconds;
        TreeFingerprint.Of(target).Entries.Where(e => e.Kind == FileKind.Regular).Should().OnlyContain(e => e.ModifiedAt.StartsWith($"{1_700_000_000 - zone}+"));
    }

    [Fact]
    public void Counts_what_zip_cannot_hold()
    {
        using var there = new TemporaryDirectory();
        byte[] tar = new TarBuilder()
            .Add(File("a") with { Uid = 5 }).Add(File("b") with { Gid = 5 }).Add(Member("c", FileKind.Fifo)).Add(Member("d", FileKind.BlockDevice))
            .Add(File("e") with { ExtendedAttributes = [new(BytePath.From("user.x"), [1])] })
            .Add(File("f") with { ModifiedAt = new UnixTime(-5, 0) }).Add(File("g") with { ModifiedAt = new UnixTime(long.MaxValue, 0) })
            .Add(File("x") with { Path = new BytePath([0xff]) })
            .Build();
        IReadOnlyList<ExportFinding> findings = Convert(tar, ExportFormat.Zip, there.Below("a.zip"));
        findings.Select(f => (f.Loss, f.Count, f.Example.ToString())).Should().Equal(
            (ExportLoss.Owners, 2L, "a"), (ExportLoss.ExtendedAttributes, 1L, "e"), (ExportLoss.SpecialFiles, 2L, "c"), (ExportLoss.Names, 1L, @"\xff"),
            (ExportLoss.Times, 2L, "f"));
        findings.Should().OnlyContain(f => f.Message.StartsWith("zip holds no") || f.Message.StartsWith("zip holds names"));
        Tool.Run("7z", "l", "-slt", there.Below("a.zip")).Should().Contain(@"Path = \xff").And.Contain("Modified = 1980-01-01 00:00:00").And.Contain("Modified = 2107-12-31 23:59:58");
    }

    [Fact]
    public void Writes_zip_times_in_the_zone_it_is_given()
    {
        using var there = new TemporaryDirectory();
        byte[] tar = new TarBuilder().Add(File("f") with { ModifiedAt = Time }).Build();
        Convert(tar, ExportFormat.Zip, there.Below("a.zip"), TimeZoneInfo.CreateCustomTimeZone("test", TimeSpan.FromHours(5.5), null, null));
        Tool.Run("7z", "l", there.Below("a.zip")).Should().Contain("2023-11-15 03:43:20");
    }

    [Theory]
    [InlineData(ExportFormat.Zip)]
    public void Refuses_a_damaged_archive(ExportFormat format)
    {
        byte[] tar = new TarBuilder().Add(File("f", 5000), new byte[5000]).Build();
        Action act = () => ArchiveConversion.Convert(new MemoryStream(tar[..2000]), format, new MemoryStream(), TimeZoneInfo.Utc, default);
        act.Should().Throw<TarFormatException>();
    }

    private static IReadOnlyList<ExportFinding> Convert(byte[] tar, ExportFormat format, string path, TimeZoneInfo? zone = null)
    {
        using FileStream output = System.IO.File.Create(path);
        return ArchiveConversion.Convert(new MemoryStream(tar), format, new ForwardOnly(output), zone ?? TimeZoneInfo.Utc, default);
    }

    private sealed class SilentProgress : IProgressObserver
    {
        public void Begin(string phase, long? totalBytes, long? totalItems) { }
        public void Advance(long bytes, long items) { }
        public void Message(string text) { }
        public void Warn(string text) => throw new InvalidOperationException(text);
    }

    /// <summary>A pipe: it cannot seek.</summary>
    private sealed class ForwardOnly(Stream inner) : Stream
    {
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() => inner.Flush();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);
    }
}
