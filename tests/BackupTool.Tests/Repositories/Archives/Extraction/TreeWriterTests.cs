using System.Text;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Tests.Repositories.Archives.Tar;
using BackupTool.Tests.TestSupport;
using static BackupTool.Tests.Repositories.Archives.Extraction.Extractor;
using static BackupTool.Tests.Repositories.Archives.Tar.TarBuilder;

namespace BackupTool.Tests.Repositories.Archives.Extraction;

public class TreeWriterTests
{
    private static readonly UnixTime Time = new(1_600_000_000, 987_654_321);

    [Fact]
    public void Takes_members_in_any_order()
    {
        using var there = new TemporaryDirectory();
        byte[] archive = new TarBuilder()
            .Add(File("a/b/c/file", 1), "x"u8)
            .Add(File("z/other"))
            .Add(File("a/b/second", 1), "y"u8)
            .Add(Member("a/b", FileKind.Directory) with { Mode = 0x140 /* 0500 */, ModifiedAt = Time })
            .Add(Member("a", FileKind.Directory) with { Mode = 0x1c9 /* 0711 */, ModifiedAt = Time, Uid = 7 })
            .Add(File("a/b/c/late"))
            .Build();
        Extract(archive, there.Make("out")).Should().BeEmpty();
        TreeFingerprint tree = TreeFingerprint.Of(there.Below("out"));
        tree.Entries.Select(e => e.Path).Should().Equal("a", "a/b", "a/b/c", "a/b/c/file", "a/b/c/late", "a/b/second", "z", "z/other");
        tree.Entries.Take(2).Select(e => (e.Mode, e.Uid, e.ModifiedAt)).Should().Equal(("711", 7u, "1600000000+987654321"), ("500", 0u, "1600000000+987654321"));
        tree.Entries.Single(e => e.Path == "z").Mode.Should().Be("755", "a directory that the archive does not name is made less the umask");
    }

    [Fact]
    public void Gives_a_member_named_dot_to_the_target_itself()
    {
        using var there = new TemporaryDirectory();
        byte[] archive = new TarBuilder()
            .Add(Member(".", FileKind.Directory) with { Mode = 0x1e8 /* 0750 */, ModifiedAt = Time }).Add(File("./a//./b", 1), "x"u8).Build();
        Extract(archive, there.Make("out"));
        TreeFingerprint.Of(there.Below("out"), includeRoot: true).Entries.Select(e => (e.Path, e.Mode, e.ModifiedAt == "1600000000+987654321"))
            .Should().Equal(("", "750", true), ("a", "755", false), ("a/b", "644", false));
    }

    [Fact]
    public void Reaches_paths_longer_than_the_kernel_takes_at_once()
    {
        using var there = new TemporaryDirectory();
        string deep = string.Join('/', Enumerable.Repeat("dir", 1300));
        string beside = string.Join('/', Enumerable.Repeat("dir", 700)) + "/beside";
        byte[] archive = new TarBuilder().Add(File(deep + "/file", 4), "deep"u8).Add(File(beside)).Add(Member("dir/dir", FileKind.Directory)).Build();
        Extract(archive, there.Make("out")).Should().BeEmpty();
        TreeFingerprint.Of(there.Below("out")).Entries.Where(e => e.Kind == FileKind.Regular).Select(e => (e.Path, e.Size)).Should()
            .Equal((beside, 0L), (deep + "/file", 4L));
    }

    [Fact]
    public void Restores_large_files_whatever_the_pieces_they_come_in()
    {
        using var there = new TemporaryDirectory();
        byte[] content = new byte[(40 << 20) + 12_345];
        new Random(1).NextBytes(content);
        using (PosixDirectory target = PosixDirectory.Open(there.Path))
        using (var writer = new TreeWriter(target, new ExtractionOptions(), _ => { }))
        {
            using FileWriter file = writer.BeginFile(File("large", content.Length));
            for (int at = 0, piece = 1; at < content.Length; at += piece, piece = Math.Min((piece * 3) + 1, content.Length - at)) file.Write(content.AsSpan(at, piece));
            file.Complete();
            writer.Complete();
        }
        System.IO.File.ReadAllBytes(there.Below("large")).AsSpan().SequenceEqual(content).Should().BeTrue();
    }

    [Fact]
    public void Restores_holes_as_holes()
    {
        using var there = new TemporaryDirectory();
        TarMember sparse = File("sparse") with { Size = 12L << 30, Sparse = [new(4096, 512), new(9L << 30, 5)] };
        byte[] data = Encoding.ASCII.GetBytes(new string('a', 512) + "hello");
        Extract(new TarBuilder().Add(sparse, data).Add(File("hole") with { Size = 1 << 30, Sparse = [] }).Build(), there.Make("out")).Should().BeEmpty();
        using PosixDirectory directory = PosixDirectory.Open(BytePath.From(there.Below("out")));
        FileStatus status = directory.GetStatus(BytePath.From("sparse")), hole = directory.GetStatus(BytePath.From("hole"));
        (status.Size, hole.Size, hole.AllocatedBytes).Should().Be((12L << 30, 1L << 30, 0L));
        status.AllocatedBytes.Should().BeLessThanOrEqualTo(16_384);
        using var file = directory.OpenForReading(BytePath.From("sparse"));
        var read = new byte[6];
        PosixFile.ReadFully(file, read, (9L << 30) - 1, default);
        read.Should().Equal("\0hello"u8.ToArray());
    }

    [Fact]
    public void Leaves_what_is_there_alone_unless_told_to_overwrite()
    {
        using var there = new TemporaryDirectory();
        System.IO.File.WriteAllText(there.Below("f"), "old");
        Action act = () => Extract(new TarBuilder().Add(File("f", 3), "new"u8).Build(), there.Text);
        act.Should().Throw<ExtractionException>().WithMessage("Cannot restore f: */f exists already.").Which.Hint.Should().Contain("--overwrite");
        System.IO.File.ReadAllText(there.Below("f")).Should().Be("old");
    }

    [Fact]
    public void Replaces_names_and_never_writes_into_what_had_them()
    {
        using var there = new TemporaryDirectory();
        System.IO.File.WriteAllText(there.Below("kept"), "old");
        string target = there.Make("out");
        Tool.Shell($"cd {target} && ln ../kept hard && ln -s ../kept soft && mkfifo fifo && mkdir empty && echo old > dir");
        TarBuilder archive = new TarBuilder().Add(Member("dir", FileKind.Directory));
        foreach (string name in new[] { "empty", "fifo", "hard", "soft" }) archive.Add(File(name, 3), "new"u8);
        Extract(archive.Build(), target, new ExtractionOptions { Overwrite = true }).Should().BeEmpty();
        System.IO.File.ReadAllText(there.Below("kept")).Should().Be("old");
        TreeFingerprint.Of(target).Entries.Select(e => (e.Path, e.Kind, e.Size)).Should().Equal(
            ("dir", FileKind.Directory, 0L), ("empty", FileKind.Regular, 3L), ("fifo", FileKind.Regular, 3L), ("hard", FileKind.Regular, 3L), ("soft", FileKind.Regular, 3L));
    }

    [Theory]
    [InlineData("d", "is a directory with contents")]
    [InlineData("d/f/g", "d/f is in the way: it is no directory")]
    public void Does_not_remove_trees_to_make_room(string name, string reason)
    {
        using var there = new TemporaryDirectory();
        there.Make("d");
        System.IO.File.WriteAllText(there.Below("d/f"), "old");
        Action act = () => Extract(new TarBuilder().Add(File(name)).Build(), there.Text, new ExtractionOptions { Overwrite = true });
        act.Should().Throw<ExtractionException>().WithMessage($"*{reason}*");
        System.IO.File.ReadAllText(there.Below("d/f")).Should().Be("old");
    }

    [Fact]
    public void Says_when_a_name_stands_in_the_archive_twice()
    {
        using var there = new TemporaryDirectory();
        Action act = () => Extract(new TarBuilder().Add(File("a/f")).Add(File("./a/f")).Build(), there.Text);
        act.Should().Throw<ExtractionException>().WithMessage("*more than once*");
    }

    [Fact]
    public void Names_a_hard_link_whose_file_is_not_there_and_restores_the_others()
    {
        using var there = new TemporaryDirectory();
        Extract(new TarBuilder().Add(Member("h", FileKind.Regular) with { IsHardLink = true, LinkTarget = BytePath.From("nowhere") }).Add(File("f")).Build(), there.Text)
            .Should().ContainSingle().Which.Message.Should().StartWith("It is a hard link to nowhere, which is not there");
        System.IO.File.Exists(there.Below("h")).Should().BeFalse();
        System.IO.File.Exists(there.Below("f")).Should().BeTrue("the others are restored");
    }

    [Fact]
    public void Removes_a_file_that_was_not_ended()
    {
        using var there = new TemporaryDirectory();
        using PosixDirectory target = PosixDirectory.Open(there.Path);
        using var writer = new TreeWriter(target, new ExtractionOptions(), _ => { });
        using (FileWriter file = writer.BeginFile(File("half", 10))) file.Write("12345"u8);
        target.ReadNames().Should().BeEmpty();
        using (FileWriter file = writer.BeginFile(File("half", 10)))
        {
            file.Write("12345"u8);
            ((Action)file.Complete).Should().Throw<InvalidOperationException>().WithMessage("*5 of the 10 bytes*");
            ((Action)(() => file.Write("678901"u8))).Should().Throw<ArgumentException>();
        }
        writer.BeginFile(File("left-open", 1));
        writer.Create(Member("d", FileKind.Directory));
        target.ReadNames().Should().Equal(BytePath.From("d"));
    }

    [Fact]
    public void Says_once_that_owners_are_left_out_and_drops_what_they_would_make_dangerous()
    {
        using var there = new TemporaryDirectory();
        byte[] archive = new TarBuilder().Add(File("a") with { Uid = 5, Mode = 0x9ed /* 04755 */ }).Add(File("b") with { Uid = 5, Mode = 0x3ed /* 01755 */ }).Build();
        List<ExtractionFinding> findings = Extract(archive, there.Make("out"), new ExtractionOptions { RestoreOwners = false });
        findings.Should().ContainSingle().Which.Message.Should().Contain("takes root");
        TreeFingerprint.Of(there.Below("out")).Entries.Select(e => (e.Mode, e.Uid)).Should().Equal(("755", 0u), ("1755", 0u));
    }

    [Fact]
    public void Reports_attributes_that_the_file_system_refuses_and_goes_on()
    {
        using var there = new TemporaryDirectory();
        TarMember file = File("f") with { ExtendedAttributes = [new(BytePath.From("nonsense.a"), [1]), new(BytePath.From("user.b"), [2])], ModifiedAt = Time };
        List<ExtractionFinding> findings = Extract(new TarBuilder().Add(file).Build(), there.Make("out"));
        findings.Should().ContainSingle().Which.Should().Match<ExtractionFinding>(f => f.Path == BytePath.From("f") && f.Message.Contains("nonsense.a"));
        TreeFingerprint.Of(there.Below("out")).Entries.Single().Should().Match<TreeEntry>(e => e.Attributes == "user.b=02" && e.ModifiedAt == "1600000000+987654321");
    }

    [Fact]
    public void Takes_over_no_acl_from_the_target()
    {
        using var there = new TemporaryDirectory();
        string target = there.Make("out");
        using (PosixDirectory parent = PosixDirectory.Open(there.Path))
            parent.SetExtendedAttribute(BytePath.From("out"), new ExtendedAttribute(BytePath.From("system.posix_acl_default"), TarHeaderTests.Acl));
        byte[] archive = new TarBuilder().Add(Member("d", FileKind.Directory)).Add(File("d/f")).Add(Member("d/p", FileKind.Fifo)).Build();
        Extract(archive, target).Should().BeEmpty();
        TreeFingerprint.Of(target).Entries.Select(e => (e.Path, e.Mode, e.Attributes)).Should().Equal(("d", "755", ""), ("d/f", "644", ""), ("d/p", "644", ""));
    }

    [Fact]
    public void Keeps_new_directories_to_their_owner_until_the_tree_is_complete()
    {
        using var there = new TemporaryDirectory();
        using PosixDirectory target = PosixDirectory.Open(there.Path);
        using var writer = new TreeWriter(target, new ExtractionOptions(), _ => { });
        writer.Create(Member("d", FileKind.Directory) with { Mode = 0x1ff });
        target.GetStatus(BytePath.From("d")).Mode.Should().Be(0x1c0u);
        writer.Complete();
        target.GetStatus(BytePath.From("d")).Mode.Should().Be(0x1ffu);
    }

    [Fact]
    public void Says_how_much_is_missing_when_the_disk_is_full()
    {
        using var there = new TemporaryDirectory();
        string disk = there.Make("disk");
        Tool.Run("mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", disk);
        try
        {
            byte[] archive = new TarBuilder().Add(File("first", 1000), new byte[1000]).Add(File("second", 3 << 20), new byte[3 << 20]).Build();
            Action act = () => Extract(archive, disk);
            DiskFullException e = act.Should().Throw<DiskFullException>().Which;
            e.Message.Should().MatchRegex($"^No space left to restore second: {disk} has \\d+ bytes free, and this file needs \\d+ more.$");
            Directory.GetFileSystemEntries(disk).Should().Equal(Path.Combine(disk, "first"));
        }
        finally
        {
            Tool.Run("umount", disk);
        }
    }

    [Fact]
    public void Stops_when_asked_to_and_leaves_no_half_file()
    {
        using var there = new TemporaryDirectory();
        using PosixDirectory target = PosixDirectory.Open(there.Path);
        using var writer = new TreeWriter(target, new ExtractionOptions(), _ => { });
        var cancelled = new CancellationToken(canceled: true);
        Action act = () => TarExtraction.ExtractAll(new TarParser(new MemoryStream(new TarBuilder().Add(File("f")).Build())), writer, cancelled);
        act.Should().Throw<OperationCanceledException>();
        target.ReadNames().Should().BeEmpty();
    }
}
