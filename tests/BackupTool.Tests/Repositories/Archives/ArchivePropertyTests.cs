using System.Collections.Concurrent;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Tests.TestSupport;
using CsCheck;

namespace BackupTool.Tests.Repositories.Archives;

/// <summary>
/// What holds for every tree and every way in which it changes: 5,120 random trees, made by some 19,000 edits, in 10,240 backups. In memory where that can be, for each backup
/// flushes to the disk several times.
/// </summary>
public class ArchivePropertyTests
{
    private const int Histories = 640;   // of eight trees each

    [Fact]
    public async Task Whatever_happens_to_a_tree_its_backups_restore_it_and_do_not_depend_on_what_was_reused()
    {
        // The histories share a few repositories, which they fill: so chunks of other trees are about.
        var idle = new ConcurrentBag<TreeBackup>();
        try
        {
            await TreeEdits.Histories.SampleAsync(
                async history =>
                {
                    if (!idle.TryTake(out TreeBackup? backup)) backup = await TreeBackup.CreateAsync(TemporaryDirectory.InMemory());
                    try
                    {
                        await CheckAsync(history, backup);
                    }
                    finally
                    {
                        Empty(backup);
                        idle.Add(backup);
                    }
                },
                iter: Histories, threads: 2);
            foreach (TreeBackup backup in idle) await CheckRebuiltIndexAsync(backup);
        }
        finally
        {
            foreach (TreeBackup backup in idle) backup.Dispose();
        }
    }

    private static async Task CheckAsync(TreeEdit[][] history, TreeBackup backup)
    {
        TreeBackupResult? last = null, first = null;
        byte[] firstStream = [];
        for (int i = 0; i < history.Length; i++)
        {
            foreach (TreeEdit edit in history[i]) TreeEdits.Apply(edit, backup.Tree);
            // Half of the trees have settled when they are backed up; the others have files of the very tick.
            if (i % 2 == 0) await TreeBackup.SettleAsync();
            last = await backup.RunAsync(last, isCommitted: i == history.Length - 1);
            last.Warnings.Should().BeEmpty();
            byte[] stream = backup.Read(last.Archive);
            if (i == 0) (first, firstStream) = (last, stream);
            else MustBeEqual((await backup.RunAsync(isCommitted: false)).Archive, last.Archive);
            backup.MustRestoreTo(last.Archive, backup.Fingerprint());
        }
        await CheckRevertedAsync(backup, first!, firstStream, last!);
    }

    /// <summary>The same stream in the same chunks. Catalogs may differ: they know when a file was looked at.</summary>
    private static void MustBeEqual(Archive afresh, Archive reused)
    {
        afresh.ChunkList.Should().Equal(reused.ChunkList, "it is the same archive when everything is read afresh");
        (afresh with { Catalog = [], ChunkList = [] }).Should().BeEquivalentTo(reused with { Catalog = [], ChunkList = [] });
    }

    /// <summary>The first tree, put back from its backup into its old place, is the first archive again.</summary>
    private static async Task CheckRevertedAsync(TreeBackup backup, TreeBackupResult first, byte[] firstStream, TreeBackupResult last)
    {
        string restored = backup.Restore(first.Archive, out _);
        PosixDirectory.Current.RemoveTree(BytePath.From(backup.Tree));
        PosixDirectory.Current.Rename(BytePath.From(restored), PosixDirectory.Current, BytePath.From(backup.Tree));
        PosixDirectory.Current.RemoveTree(BytePath.From(restored[..^backup.Tree.Length]));
        TreeBackupResult again = await backup.RunAsync(last, isCommitted: false);
        backup.Read(again.Archive).AsSpan().SequenceEqual(firstStream).Should().BeTrue("equal trees are equal archives");
    }

    private static async Task CheckRebuiltIndexAsync(TreeBackup backup)
    {
        ChunkIndex before = backup.Index;
        Directory.Delete(Path.Combine(backup.Place, "index"), recursive: true);
        (await IndexRepair.RunAsync(backup.Repository, static () => { }, Test.Token)).DamagedPacks.Should().BeEmpty();
        await backup.ReopenWithoutOrphansAsync();
        backup.Index.Count.Should().Be(before.Count);
        foreach (var snapshot in await backup.Repository.ListSnapshotsAsync(Test.Token))
            await ArchiveCheck.RunAsync(backup.Repository, backup.Index, snapshot.Snapshot.Services[0].Archive, "here", Test.Token);
    }

    private static void Empty(TreeBackup backup)
    {
        PosixDirectory.Current.RemoveTree(BytePath.From(backup.Tree));
        PosixDirectory.Current.CreateDirectory(BytePath.From(backup.Tree));
    }
}
