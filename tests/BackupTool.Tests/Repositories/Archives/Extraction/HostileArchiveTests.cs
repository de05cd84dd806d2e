using BackupTool.Posix;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Tests.Repositories.Archives.Tar;
using BackupTool.Tests.TestSupport;
using static BackupTool.Tests.Repositories.Archives.Extraction.Extractor;
using static BackupTool.Tests.Repositories.Archives.Tar.TarBuilder;

namespace BackupTool.Tests.Repositories.Archives.Extraction;

/// <summary>What an archive, or the target, can try in order to have something written outside.</summary>
public class HostileArchiveTests
{
    /// <summary>Beside the target "out" lies "outside" with the file "secret"; "out" holds "old-link" → ../outside and "old-file".</summary>
    public static TheoryData<string, TarMember[]> Attacks => new()
    {
        { "an absolute name", [Evil("/tmp/backup-test-evil")] },
        { "a name that climbs", [Evil("../outside/evil")] },
        { "a name that climbs later", [Evil("a/../../outside/evil")] },
        { "a name that climbs and comes back", [Evil("a/../b")] },
        { "a directory that climbs", [Directory("..")] },
        { "a directory that climbs further", [Directory("a/..")] },
        { "a file through a link of the archive", [Link("l", "../outside"), Evil("l/evil")] },
        { "a file through an absolute link of the archive", [Link("l", "/"), Evil("l/tmp/backup-test-evil")] },
        { "a file through links of links", [Link("a", "b"), Link("b", "../outside"), Evil("a/evil")] },
        { "a file through a link to a directory of the archive", [Directory("d"), Link("d/l", ".."), Evil("d/l/l/evil")] },
        { "a file through a link that was there", [Evil("old-link/evil")] },
        { "a directory through a link that was there", [Directory("old-link/d")] },
        { "a link through a link that was there", [Link("old-link/l", "x")] },
        { "a pipe through a link that was there", [Member("old-link/p", FileKind.Fifo)] },
        { "a file in the place of the target", [Evil(".")] },
        { "a hard link to an absolute name", [HardLink("h", "/etc/passwd")] },
        { "a hard link that climbs", [HardLink("h", "../outside/secret")] },
        { "a hard link below a link", [Evil("f"), Link("l", "../outside"), HardLink("l/h", "f")] },
    };

    [Theory]
    [MemberData(nameof(Attacks))]
    public void Nothing_outside_changes_and_the_archive_is_refused(string attack, TarMember[] members)
    {
        foreach (bool overwrite in new[] { false, true })
        {
            using var there = Prepare(out TreeFingerprint before);
            Action act = () => Extract(Archive(members), there.Below("out"), new ExtractionOptions { Overwrite = overwrite, FlushAtEnd = false });
            ExplainedException refusal = act.Should().Throw<ExplainedException>(attack).Which;
            (refusal is UnsafeArchiveException or ExtractionException).Should().BeTrue();
            refusal.Hint.Should().NotBeNullOrEmpty();
            ShouldBeUntouched(there, before);
        }
    }

    /// <summary>Links to what the archive did not write as a file: only the name is missing then.</summary>
    public static TheoryData<string, TarMember[]> Unlinkable => new()
    {
        { "a hard link through a link", [Link("l", "../outside"), HardLink("h", "l/secret")] },
        { "a hard link through a link that was there", [HardLink("h", "old-link/secret")] },
        { "a hard link to what was there", [HardLink("h", "old-file")] },
        { "a hard link to a directory", [Directory("d"), HardLink("h", "d")] },
    };

    [Theory]
    [MemberData(nameof(Unlinkable))]
    public void Nothing_outside_changes_and_the_link_is_left_out_and_named(string attack, TarMember[] members)
    {
        foreach (bool overwrite in new[] { false, true })
        {
            using var there = Prepare(out TreeFingerprint before);
            Extract(Archive(members), there.Below("out"), new ExtractionOptions { Overwrite = overwrite, FlushAtEnd = false })
                .Should().ContainSingle(attack).Which.Path.Should().Be(BytePath.From("h"));
            System.IO.File.Exists(Path.Combine(there.Below("out"), "h")).Should().BeFalse();
            ShouldBeUntouched(there, before);
        }
    }

    /// <summary>Extracted with overwriting, these succeed, but the link goes and what it led to stays.</summary>
    public static TheoryData<string, TarMember[]> Replacements => new()
    {
        { "a file in the place of a link", [Link("l", "../outside/secret"), Evil("l")] },
        { "a file in the place of a link that was there", [Evil("old-link")] },
        { "a directory in the place of a link", [Link("l", "../outside"), Directory("l"), Evil("l/evil")] },
        { "a directory in the place of a link that was there", [Directory("old-link"), Evil("old-link/evil")] },
        { "a link in the place of a directory", [Directory("d"), Link("d", "../outside")] },
        { "a link in the place of a directory that was there", [Link("old-directory", "../outside")] },
        { "a hard link to a link", [Link("l", "../outside/secret"), HardLink("h", "l"), Evil("h")] },
    };

    [Theory]
    [MemberData(nameof(Replacements))]
    public void Links_are_replaced_and_not_followed(string attack, TarMember[] members)
    {
        using var there = Prepare(out TreeFingerprint before);
        Extract(Archive(members), there.Below("out"), new ExtractionOptions { Overwrite = true, FlushAtEnd = false }).Should().BeEmpty(attack);
        ShouldBeUntouched(there, before);
    }

    private static TemporaryDirectory Prepare(out TreeFingerprint outside)
    {
        var there = new TemporaryDirectory();
        there.Make("outside");
        there.Make("out/old-directory");
        System.IO.File.WriteAllText(there.Below("outside/secret"), "secret");
        System.IO.File.WriteAllText(there.Below("out/old-file"), "old");
        System.IO.File.CreateSymbolicLink(there.Below("out/old-link"), "../outside");
        outside = TreeFingerprint.Of(there.Below("outside"), includeRoot: true);
        return there;
    }

    private static void ShouldBeUntouched(TemporaryDirectory there, TreeFingerprint before)
    {
        TreeFingerprint.Of(there.Below("outside"), includeRoot: true).ShouldBe(before);
        using PosixDirectory outside = PosixDirectory.Open(BytePath.From(there.Below("outside")));
        outside.GetStatus(BytePath.From("secret")).LinkCount.Should().Be(1, "no second name was made for it");
        System.IO.File.Exists("/tmp/backup-test-evil").Should().BeFalse();
        System.IO.Directory.GetFileSystemEntries(there.Text).Should().HaveCount(2);
    }

    private static byte[] Archive(TarMember[] members)
    {
        var archive = new TarBuilder();
        foreach (TarMember member in members) archive.AddUnchecked(member, member.StoredSize > 0 ? "evil"u8 : default);
        return archive.Build();
    }

    private static TarMember Evil(string path) => File(path, 4) with { Mode = 0x9ff };

    private static TarMember Directory(string path) => Member(path, FileKind.Directory) with { Mode = 0x1ff };

    private static TarMember Link(string path, string target) => Member(path, FileKind.SymbolicLink) with { LinkTarget = BytePath.From(target) };

    private static TarMember HardLink(string path, string target) => Member(path, FileKind.Regular) with { IsHardLink = true, LinkTarget = BytePath.From(target), Mode = 0x9ff };
}
