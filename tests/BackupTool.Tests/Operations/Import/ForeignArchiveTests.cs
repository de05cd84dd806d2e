using System.IO.Compression;
using BackupTool.Operations;
using BackupTool.Operations.Import;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Tests.Repositories.Archives.Tar;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Import;

public sealed class ForeignArchiveTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();

    public ForeignArchiveTests()
    {
        _there.Make("in/dir/empty");
        var random = new Random(1);
        byte[] noise = new byte[50_000];
        random.NextBytes(noise);
        File.WriteAllBytes(_there.Below("in/dir/noise"), noise);
        File.WriteAllLines(_there.Below("in/text"), Enumerable.Range(0, 5000).Select(i => $"line {i} {random.Next(1000)}"));
        File.WriteAllText(_there.Below("in/nothing"), "");
        File.WriteAllText(_there.Below("in/dir/grüße"), "hallo");
        File.CreateSymbolicLink(_there.Below("in/link"), "dir/noise");
        Tool.Shell($"""
            cd {_there.Text}/in && ln text dir/hard && chmod 640 text && chmod 2750 dir && chown 1000:1001 text dir
            find . -exec touch -h -d '2020-02-03 04:05:06.123456789Z' '{"{}"}' +
            """);
    }

    public void Dispose() => _there.Dispose();

    public static TheoryData<string, string, ForeignArchiveFormat> Tars => new()
    {
        { "a.tar", "tar -cf ../a.tar *", ForeignArchiveFormat.Tar },
        { "a.tar.gz", "tar -czf ../a.tar.gz *", ForeignArchiveFormat.Gzip },
        { "a.tar.xz", "tar -cJf ../a.tar.xz *", ForeignArchiveFormat.Xz },
        { "a.tar.bz2", "tar -cjf ../a.tar.bz2 *", ForeignArchiveFormat.Bzip2 },
        { "a.tar.zst", "tar -cf ../a.tar.zst --zstd *", ForeignArchiveFormat.Zstandard },
        { "named.tar.gz", "tar -cf ../named.tar * && gzip -N ../named.tar", ForeignArchiveFormat.Gzip },
        { "twice.tar.gz", "tar -cf ../t * && split -n 2 ../t ../p && gzip -N ../paa ../pab && cat ../paa.gz ../pab.gz > ../twice.tar.gz", ForeignArchiveFormat.Gzip },
        { "wrong.zip", "tar -czf ../wrong.zip *", ForeignArchiveFormat.Gzip },
        { "parts.tar.gz", "tar -cf - * | split -b 30000 --filter='gzip -c' - > ../parts.tar.gz", ForeignArchiveFormat.Gzip },
        { "parts.tar.xz", "tar -cf - * | split -b 30000 --filter='xz -c' - > ../parts.tar.xz", ForeignArchiveFormat.Xz },
        { "parts.tar.bz2", "tar -cf - * | split -b 30000 --filter='bzip2 -c' - > ../parts.tar.bz2", ForeignArchiveFormat.Bzip2 },
        { "parts.tar.zst", "tar -cf - * | split -b 30000 --filter='zstd -qc' - > ../parts.tar.zst", ForeignArchiveFormat.Zstandard },
        { "blocks.tar.xz", "tar -cf - * | xz -T2 --block-size=50000 --check=sha256 > ../blocks.tar.xz", ForeignArchiveFormat.Xz },
        { "padded.tar.gz", "tar -czf ../padded.tar.gz * && head -c 3000 /dev/zero >> ../padded.tar.gz", ForeignArchiveFormat.Gzip },
    };

    [Theory]
    [MemberData(nameof(Tars))]
    public async Task Brings_in_a_tar_archive_exactly(string name, string command, ForeignArchiveFormat format)
    {
        Tool.Shell($"cd {_there.Text}/in && {command.Replace("tar -c", "tar --format=posix -c")}");
        (ForeignArchiveFormat detected, ForeignExtraction extraction) = await Extract(name);
        detected.Should().Be(format);
        TreeFingerprint.Of(_there.Below("out")).ShouldBe(TreeFingerprint.Of(_there.Below("in")));
        extraction.Members.Should().Be(8);
        extraction.Bytes.Should().Be(50_000 + new FileInfo(_there.Below("in/text")).Length + 5);
        _warnings.Should().BeEmpty();
    }

    [Theory]
    [InlineData("a.zip", "zip -qry ../a.zip .", ForeignArchiveFormat.Zip, 0)]
    [InlineData("z64.zip", "tar -cf - . >/dev/null; find . -type f -print | zip -qy -fz ../z64.zip -@ && zip -qry ../z64.zip .", ForeignArchiveFormat.Zip, 0)]
    [InlineData("bz.zip", "zip -qry -Z bzip2 ../bz.zip .", ForeignArchiveFormat.Zip, 0)]
    [InlineData("stored.zip", "zip -qry0 ../stored.zip .", ForeignArchiveFormat.Zip, 0)]
    [InlineData("a.7z", "7z a -bd -snl ../a.7z . >/dev/null", ForeignArchiveFormat.SevenZip, 123_456_700)]
    [InlineData("loose.7z", "7z a -bd -snl -ms=off -mx=1 -mhc=off ../loose.7z . >/dev/null", ForeignArchiveFormat.SevenZip, 123_456_700)]
    [InlineData("ppmd.7z", "7z a -bd -snl -m0=ppmd ../ppmd.7z . >/dev/null", ForeignArchiveFormat.SevenZip, 123_456_700)]
    public async Task Brings_in_what_zip_and_7z_hold(string name, string command, ForeignArchiveFormat format, int nanoseconds)
    {
        Tool.Shell($"cd {_there.Text}/in && TZ= {command}");
        (ForeignArchiveFormat detected, _) = await Extract(name);
        detected.Should().Be(format);
        TreeFingerprint expected = TreeFingerprint.Of(_there.Below("in")).Select(e => e with
        {
            Uid = 0,
            Gid = 0,
            SameFileAs = "",
            ModifiedAt = nanoseconds == 0 ? "1580702706+000000000" : $"1580702706+{nanoseconds:D9}",
        });
        TreeFingerprint.Of(_there.Below("out")).Select(e => e with { SameFileAs = "" }).ShouldBe(expected);
    }

    [Fact]
    public async Task Keeps_names_that_are_not_text()
    {
        using (PosixDirectory directory = PosixDirectory.Open(BytePath.From(_there.Below("in"))))
            directory.CreateFile(new BytePath([(byte)'b', 0xff, 0xfe])).Dispose();
        Tool.Shell($"cd {_there.Text}/in && tar -cf ../a.tar . && zip -qry ../a.zip . && 7z a -bd -snl ../a.7z . >/dev/null");
        foreach (string name in new[] { "a.tar", "a.zip", "a.7z" })
        {
            await Extract(name);
            TreeFingerprint.Of(_there.Below("out")).Entries.Select(e => e.Path).Should().Contain(@"b\xff\xfe").And.Contain("dir/grüße");
            PosixDirectory.Current.RemoveTree(BytePath.From(_there.Below("out")));
        }
    }

    public static TheoryData<string> Commands => new()
    {
        "tar -cf ../a.x *", "tar -czf ../a.x *", "tar -cJf ../a.x *", "tar -cjf ../a.x *", "tar --zstd -cf ../a.x *",
        "tar -cf - * | split -b 30000 --filter='gzip -c' - > ../a.x", "tar -cf - * | split -b 30000 --filter='xz -c' - > ../a.x",
        "tar -cf ../a * && gzip -N ../a && mv ../a.gz ../a.x", "zip -qry ../a.zip . && mv ../a.zip ../a.x", "7z a -bd -snl ../a.7z . >/dev/null && mv ../a.7z ../a.x",
        "7z a -bd -snl -ms=off ../a.7z . >/dev/null && mv ../a.7z ../a.x",
    };

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Never_takes_an_archive_that_is_cut_off_for_a_whole_one(string command)
    {
        Tool.Shell($"cd {_there.Text}/in && {command}");
        byte[] archive = File.ReadAllBytes(_there.Below("a.x"));
        // Plain tar is filled up with zeros to 10 KiB, which may be missing.
        int needed = Array.FindLastIndex(archive, b => b != 0) + 1;
        IEnumerable<int> lengths = Enumerable.Range(1, 30).Select(i => needed - i).Concat(Enumerable.Range(0, 40)).Concat(Enumerable.Range(1, 40).Select(i => (int)((long)needed * i / 41)));
        foreach (int length in lengths) await ShouldRefuse(archive[..length], $"{length} of {archive.Length} bytes are there");
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Never_brings_in_wrong_bytes_for_a_flipped_bit(string command)
    {
        Tool.Shell($"cd {_there.Text}/in && {command}");
        byte[] archive = File.ReadAllBytes(_there.Below("a.x"));
        bool isPlainTar = TarParser.IsStart(archive);
        string[] contents = [.. Contents("in")];
        var random = new Random(7);
        int refused = 0;
        for (int i = 0; i < 200; i++)
        {
            byte[] damaged = [.. archive];
            int at = i < 40 ? i : i < 100 ? archive.Length - 1 - random.Next(Math.Min(1500, archive.Length)) : random.Next(archive.Length);
            damaged[at] ^= (byte)(1 << random.Next(8));
            try
            {
                await Extract(damaged);
                // tar itself has no checksum over contents.
                if (!isPlainTar) Contents("out").Should().Equal(contents, $"byte {at} of {archive.Length} is damaged");
            }
            catch (ExplainedException)
            {
                refused++;
            }
            PosixDirectory.Current.RemoveTree(BytePath.From(_there.Below("out")));
        }
        if (!isPlainTar) refused.Should().BeGreaterThan(60);
    }

    [Theory]
    [InlineData("7z a -bd -psecret ../a.7z . >/dev/null", "a.7z")]
    [InlineData("7z a -bd -psecret -mhe ../a.7z . >/dev/null", "a.7z")]
    [InlineData("zip -qr -P secret ../a.zip .", "a.zip")]
    [InlineData("7z a -bd -tzip -mem=AES256 -psecret ../a.zip . >/dev/null", "a.zip")]
    public async Task Says_that_an_archive_is_encrypted(string command, string name)
    {
        Tool.Shell($"cd {_there.Text}/in && {command}");
        await ((Func<Task>)(() => Extract(name))).Should().ThrowAsync<ForeignArchiveException>().WithMessage("*encrypted*");
    }

    [Theory]
    [InlineData("echo hello > ../a", "*no archive that we know*")]
    [InlineData(": > ../a", "*is empty*")]
    [InlineData("head -c 10240 /dev/zero > ../a", "*holds nothing*")]
    [InlineData("gzip -c text > ../a", "*compressed by Gzip, but what is in it is no tar archive*")]
    [InlineData("printf x | xz -c > ../a", "*compressed by Xz, but what is in it is no tar archive*")]
    [InlineData("tar -cf ../a text && tar -cf - dir >> ../a", "*more data follows*")]
    [InlineData("tar -czf ../a text && echo garbage >> ../a", "*something else follows*")]
    [InlineData("tar -cJf ../a text && echo garbage >> ../a", "*something else follows*")]
    [InlineData("mkdir ../a", "*not a file*")]
    [InlineData("mkfifo ../a", "*not a file*")]
    [InlineData("true", "*No such file*")]
    public async Task Explains_what_is_no_archive(string command, string message)
    {
        Tool.Shell($"cd {_there.Text}/in && {command}");
        ForeignArchiveException e = (await ((Func<Task>)(() => Extract("a"))).Should().ThrowAsync<ForeignArchiveException>().WithMessage(message)).Which;
        e.Hint.Should().NotBeNullOrEmpty();
        e.Message.Should().StartWith($"Cannot import {_there.Below("a")}: ").And.EndWith(".").And.NotContain("..");
    }

    [Theory]
    [InlineData("/etc/backup-test")]
    [InlineData("../outside")]
    [InlineData("a/../../outside")]
    public async Task Refuses_unsafe_names(string name)
    {
        var tar = new TarBuilder();
        TarMember evil = TarBuilder.File(name, 4);
        File.WriteAllBytes(_there.Below("a.tar"), tar.AddUnchecked(evil, "evil"u8).Build());
        using (ZipArchive zip = ZipFile.Open(_there.Below("a.zip"), ZipArchiveMode.Create))
        using (Stream entry = zip.CreateEntry(name).Open()) entry.Write("evil"u8);
        foreach (string archive in new[] { "a.tar", "a.zip" })
        {
            await ((Func<Task>)(() => Extract(archive))).Should().ThrowAsync<UnsafeArchiveException>();
            Directory.GetFileSystemEntries(_there.Text).Select(Path.GetFileName).Should().BeEquivalentTo("a.tar", "a.zip", "in", "out");
            PosixDirectory.Current.RemoveTree(BytePath.From(_there.Below("out")));
        }
    }

    [Fact]
    public async Task Does_not_write_through_a_link_that_a_zip_brought()
    {
        using (ZipArchive zip = ZipFile.Open(_there.Below("a.zip"), ZipArchiveMode.Create))
        {
            ZipArchiveEntry link = zip.CreateEntry("l");
            link.ExternalAttributes = unchecked((int)0xa1ff0000);
            using (Stream target = link.Open()) target.Write("../in"u8);
            using (Stream entry = zip.CreateEntry("l/evil").Open()) entry.Write("evil"u8);
        }
        await ((Func<Task>)(() => Extract("a.zip"))).Should().ThrowAsync<UnsafeArchiveException>();
        File.Exists(_there.Below("in/evil")).Should().BeFalse();
    }

    [Fact]
    public async Task Says_when_a_name_stands_there_twice()
    {
        using (ZipArchive zip = ZipFile.Open(_there.Below("a.zip"), ZipArchiveMode.Create))
        {
            zip.CreateEntry("f");
            zip.CreateEntry("f");
        }
        Tool.Shell($"cd {_there.Text}/in && tar -cf ../a.tar text && tar -rf ../a.tar text");
        foreach (string name in new[] { "a.zip", "a.tar" })
            await ((Func<Task>)(() => Extract(name))).Should().ThrowAsync<ExtractionException>().WithMessage("*more than once*");
    }

    [Fact]
    public async Task Warns_of_what_it_does_not_take_over()
    {
        using (PosixDirectory directory = PosixDirectory.Open(BytePath.From(_there.Below("in"))))
            directory.SetExtendedAttribute(BytePath.From("text"), new ExtendedAttribute(BytePath.From("system.posix_acl_access"), TarHeaderTests.Acl));
        Tool.Shell($"cd {_there.Text}/in && tar --acls -czf ../a.tgz .");
        await Extract("a.tgz");
        _warnings.Should().ContainSingle().Which.Should().Contain("SCHILY.acl.access");
    }

    [Fact]
    public void Needs_little_memory_whatever_an_archive_grows_to()
    {
        Tool.Shell($"cd {_there.Text} && mkdir big && truncate -s 400M big/zeros && cd big && tar -czf ../a.tgz zeros && zip -q ../a.zip zeros");
        var buffer = new byte[128 * 1024];
        foreach (string name in new[] { "a.tgz", "a.zip" })
        {
            using ForeignArchive archive = ForeignArchive.Open(BytePath.From(_there.Below(name)));
            long read = 0, before = GC.GetAllocatedBytesForCurrentThread();
            foreach (ForeignMember member in archive.ReadMembers(_warnings.Add))
                for (int length; (length = member.Content.Read(buffer)) > 0;) read += length;
            read.Should().Be(400 << 20);
            (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(20 << 20, name);
        }
    }

    [Fact]
    public async Task Reads_gzip_headers_with_everything_that_they_may_hold()
    {
        Tool.Shell($"cd {_there.Text}/in && tar --format=posix -czf ../a.tgz *");
        byte[] plain = File.ReadAllBytes(_there.Below("a.tgz"));
        byte[] header = [.. plain[..10], 3, 0, 1, 2, 3, .. "name\0"u8, .. "comment\0"u8, 9, 9];
        header[3] = 2 | 4 | 8 | 16;
        await ShouldRefuse([.. header, .. plain[10..], .. header], "the second stream is cut off");
        await Extract([.. header, .. plain[10..]]);
        TreeFingerprint.Of(_there.Below("out")).ShouldBe(TreeFingerprint.Of(_there.Below("in")));
    }

    private readonly List<string> _warnings = [];

    private async Task<(ForeignArchiveFormat Format, ForeignExtraction Extraction)> Extract(string name)
    {
        using PosixDirectory target = PosixDirectory.Open(BytePath.From(_there.Make("out")));
        using ForeignArchive archive = ForeignArchive.Open(BytePath.From(_there.Below(name)));
        return (archive.Format, await archive.ExtractToAsync(target, new Observer(_warnings), default));
    }

    private Task<(ForeignArchiveFormat Format, ForeignExtraction Extraction)> Extract(byte[] archive)
    {
        File.WriteAllBytes(_there.Below("damaged"), archive);
        return Extract("damaged");
    }

    private async Task ShouldRefuse(byte[] archive, string because)
    {
        await ((Func<Task>)(() => Extract(archive))).Should().ThrowAsync<ExplainedException>(because);
        PosixDirectory.Current.RemoveTree(BytePath.From(_there.Below("out")));
    }

    private IEnumerable<string> Contents(string directory) =>
        TreeFingerprint.Of(_there.Below(directory)).Entries.Where(e => e.Kind == FileKind.Regular).Select(e => e.Sha256).Order(StringComparer.Ordinal);

    private sealed class Observer(List<string> warnings) : IProgressObserver
    {
        public void Begin(string phase, long? totalBytes, long? totalItems) { }
        public void Advance(long bytes, long items) { }
        public void Message(string text) { }
        public void Warn(string text) => warnings.Add(text);
    }
}
