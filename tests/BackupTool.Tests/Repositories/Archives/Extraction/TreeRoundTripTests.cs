using BackupTool.Tests.TestSupport;
using CsCheck;

namespace BackupTool.Tests.Repositories.Archives.Extraction;

public class TreeRoundTripTests
{
    [Fact]
    public void Restores_random_trees_exactly() => RandomTree.Entries.Sample(
        entries =>
        {
            using var there = new TemporaryDirectory();
            RandomTree.Write(entries, there.Make("in"));
            byte[] archive = TreeArchiver.Archive(there.Below("in"));
            Extractor.Extract(archive, there.Make("out")).Should().BeEmpty();
            TreeFingerprint.Of(there.Below("out")).ShouldBe(TreeFingerprint.Of(there.Below("in")));
        },
        iter: 600, threads: 2);

    [Fact]
    public void Restores_random_trees_as_gnu_tar_does() => RandomTree.Entries.Sample(
        entries =>
        {
            using var there = new TemporaryDirectory();
            RandomTree.Write(entries, there.Make("in"));
            File.WriteAllBytes(there.Below("a.tar"), TreeArchiver.Archive(there.Below("in")));
            Tool.Run("tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--warning=no-timestamp", "-xpf", there.Below("a.tar"), "-C", there.Make("out"));
            TreeFingerprint.Of(there.Below("out")).ShouldBe(TreeFingerprint.Of(there.Below("in")));
        },
        iter: 200, threads: 2);

    [Fact]
    public void Archives_equal_trees_to_equal_bytes() => RandomTree.Entries.Sample(
        entries =>
        {
            using var there = new TemporaryDirectory();
            RandomTree.Write(entries, there.Make("a"));
            RandomTree.Write(entries, there.Make("b"));
            TreeArchiver.Archive(there.Below("a")).AsSpan().SequenceEqual(TreeArchiver.Archive(there.Below("b"))).Should().BeTrue();
        },
        iter: 200, threads: 2);
}
