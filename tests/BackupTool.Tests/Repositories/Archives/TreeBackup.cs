using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;
using BackupTool.Services.Sources.Files;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Archives;

/// <summary>What a backup of a tree came to. No snapshot: it was stored, but not committed.</summary>
internal sealed record TreeBackupResult(StoredSnapshot? Snapshot, ArchiveResult Archived, IReadOnlyList<ArchiveWarning> Warnings, long NewChunks, long StoredBytes)
{
    public Archive Archive => Archived.Archive;
}

/// <summary>
/// A repository in a directory, and trees that are backed up to it and restored from it as a run does it, without services. What the walk saw can be changed on its
/// way to the archive: that is where things happen between the cut and the reading.
/// </summary>
internal sealed class TreeBackup : IDisposable
{
    private TreeBackup(TemporaryDirectory there, Repository repository, ChunkIndex index) => (There, Repository, Index) = (there, repository, index);

    public TemporaryDirectory There { get; }

    public Repository Repository { get; private set; }

    public ChunkIndex Index { get; private set; }

    public LocalStorage Storage => (LocalStorage)Repository.Storage;

    public string Place => There.Below("repository");

    /// <summary>The tree that is backed up.</summary>
    public string Tree => There.Below("tree");

    public static async Task<TreeBackup> CreateAsync(TemporaryDirectory? place = null)
    {
        TemporaryDirectory there = place ?? new TemporaryDirectory();
        there.Make("tree");
        var storage = new LocalStorage(there.Path.Combine("repository"));
        Repository repository = await Repository.InitializeAsync(storage, TimeProvider.System, "test", Test.Token);
        return new TreeBackup(there, repository, await repository.LoadIndexAsync(Test.Token));
    }

    /// <summary>Opens the repository again, as the next run does; packs of an interrupted one are taken in.</summary>
    public async Task<IReadOnlyList<FinishedPack>> ReopenAsync()
    {
        Repository = await Repository.OpenAsync(new LocalStorage(There.Path.Combine("repository")), Test.Token);
        Index = await Repository.LoadIndexAsync(Test.Token);
        return await Repository.AdoptOrphanPacksAsync(Index, static damage => throw damage, Test.Token);
    }

    /// <summary>Opens the repository again as a reader does, who adopts nothing.</summary>
    public async Task ReopenWithoutOrphansAsync()
    {
        Repository = await Repository.OpenAsync(new LocalStorage(There.Path.Combine("repository")), Test.Token);
        Index = await Repository.LoadIndexAsync(Test.Token);
    }

    public async Task<TreeBackupResult> RunAsync(
        TreeBackupResult? parent = null, Func<IEnumerable<ArchiveEntry>, IEnumerable<ArchiveEntry>>? change = null, IReadOnlyList<FinishedPack>? adopted = null,
        CancellationToken? cancellationToken = null, bool isCommitted = true)
    {
        CancellationToken cancelled = cancellationToken ?? Test.Token;
        var warnings = new List<ArchiveWarning>();
        await using var session = new WriteSession(Repository, Index, adopted ?? [], 3, cancelled);
        ParentArchive? forWriter = Open(parent, cancelled);
        await using (forWriter)
        {
            ArchiveResult result = await new ArchiveWriter(session, forWriter, warnings.Add, static _ => { }).WriteAsync(WalkAsync(parent, change, cancelled), cancelled);
            await session.FinishAsync(cancelled);
            StoredSnapshot? snapshot = isCommitted ? await Repository.CommitAsync(Describe(Repository, result, parent), cancelled) : null;
            return new TreeBackupResult(snapshot, result, warnings, session.NewChunks, session.StoredBytes);
        }
    }

    private ParentArchive? Open(TreeBackupResult? parent, CancellationToken cancellationToken) =>
        parent is null ? null : new ParentArchive(Repository, Index, parent.Archive, cancellationToken);

    private async IAsyncEnumerable<ArchiveEntry> WalkAsync(
        TreeBackupResult? parent, Func<IEnumerable<ArchiveEntry>, IEnumerable<ArchiveEntry>>? change,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ParentArchive? old = Open(parent, cancellationToken);
        await using (old)
        {
            var entries = new List<ArchiveEntry>();
            foreach (WalkedEntry walked in FileTree.Walk(BytePath.From(Tree), static (_, _) => false, static _ => { }))
            {
                CatalogEntry? before = old is null ? null : await old.FindAsync(walked.Path.WithoutLeadingSlash());
                entries.Add(new ArchiveEntry
                {
                    Path = walked.Path,
                    Status = walked.Status,
                    LinkTarget = walked.LinkTarget,
                    Unchanged = before is not null && before.IsUnchanged(walked.Status, "") ? before : null,
                });
            }
            foreach (ArchiveEntry entry in change is null ? entries : change(entries)) yield return entry;
        }
    }

    private static Snapshot Describe(Repository repository, ArchiveResult result, TreeBackupResult? parent) => new()
    {
        FormatVersion = Snapshot.CurrentVersion,
        RepositoryId = repository.Format.Id,
        Time = DateTimeOffset.UtcNow,
        FinishedAt = DateTimeOffset.UtcNow,
        Host = "test",
        Labels = [],
        Pinned = false,
        ToolVersion = "test",
        Parent = parent?.Snapshot?.Id.Hex,
        Services =
        [
            new ServiceSnapshot { Name = "tree", Kind = "files", Quiesce = "online", Roots = ["/"], Facts = [], Archive = result.Archive, LeftOut = [], Warnings = [] },
        ],
        Failures = [],
        Statistics = new SnapshotStatistics { ReusedEntries = 0, ReadBytes = 0, NewChunks = 0, StoredBytes = 0, Seconds = 0 },
    };

    /// <summary>The tar stream.</summary>
    public byte[] Read(Archive archive)
    {
        using ArchiveStream stream = ArchiveStream.Open(Repository, Index, archive, Test.Token);
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }

    /// <summary>Restores into a fresh directory; returns where the tree now stands.</summary>
    public string Restore(Archive archive, out IReadOnlyList<ExtractionFinding> findings)
    {
        string target = There.Make($"restored-{Guid.NewGuid():N}");
        var found = new List<ExtractionFinding>();
        using (PosixDirectory directory = PosixDirectory.Open(BytePath.From(target)))
        using (ArchiveStream stream = ArchiveStream.Open(Repository, Index, archive, Test.Token))
        using (var writer = new TreeWriter(directory, new ExtractionOptions { FlushAtEnd = false }, found.Add))
            TarExtraction.ExtractAll(new TarParser(stream), writer, Test.Token);
        findings = found;
        return target + Tree;
    }

    public void MustRestoreTo(Archive archive, TreeFingerprint expected)
    {
        string restored = Restore(archive, out IReadOnlyList<ExtractionFinding> findings);
        findings.Should().BeEmpty();
        TreeFingerprint.Of(restored, includeRoot: true).ShouldBe(expected);
        PosixDirectory.Current.RemoveTree(BytePath.From(restored[..^Tree.Length]));
    }

    public TreeFingerprint Fingerprint() => TreeFingerprint.Of(Tree, includeRoot: true);

    public async Task<List<CatalogEntry>> CatalogAsync(Archive archive)
    {
        using var reader = new ArchiveReader(Repository, Index, archive);
        return await reader.ReadCatalogAsync(Test.Token).ToListAsync(Test.Token);
    }

    /// <summary>Waits until the file clock has gone on, so that what was written so far counts as settled.</summary>
    public static async Task SettleAsync()
    {
        // Kernels from 6.13 on stamp some changes finer than that clock ticks, and on a machine that stalls it lags by more than a tick.
        var now = UnixTime.From(DateTimeOffset.UtcNow.AddMilliseconds(1));
        while (PosixIdentity.FileClock() <= now) await Task.Delay(1, Test.Token);
    }

    public void Dispose() => There.Dispose();
}
