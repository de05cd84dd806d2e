using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Compression;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Pruning;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;
using BackupTool.Repositories.Verification;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Pruning;

/// <summary>
/// A real repository of tiny chunks, and runs that write to it in the order in which a backup does: lock, index, orphans, packs, index, snapshot. A chunk is a number: its bytes follow from it.
/// </summary>
internal sealed class TinyRepository : IDisposable
{
    private static readonly BytePath Member = BytePath.From("file");
    private readonly TemporaryDirectory? _own;

    private TinyRepository(string place, TemporaryDirectory? own) => (Place, _own) = (place, own);

    internal string Place { get; }

    internal LocalStorage Storage => new(BytePath.From(Place));

    internal SettableTime Time { get; } = new(new DateTimeOffset(2026, 11, 23, 2, 30, 0, TimeSpan.Zero));

    internal static async Task<TinyRepository> CreateAsync()
    {
        var own = TemporaryDirectory.InMemory();
        var tiny = new TinyRepository(own.Below("repository"), own);
        await Repository.InitializeAsync(tiny.Storage, TimeProvider.System, "test", Test.Token);
        return tiny;
    }

    /// <summary>A copy of all its files.</summary>
    internal TinyRepository Copy()
    {
        var own = TemporaryDirectory.InMemory();
        var copy = new TinyRepository(own.Below("repository"), own);
        copy.Time.Now = Time.Now;
        foreach (string directory in Directory.GetDirectories(Place, "*", SearchOption.AllDirectories)) Directory.CreateDirectory(copy.Place + directory[Place.Length..]);
        foreach (string file in Directory.GetFiles(Place, "*", SearchOption.AllDirectories)) File.Copy(file, copy.Place + file[Place.Length..]);
        return copy;
    }

    internal ValueTask<RepositoryLock> LockAsync(LockMode mode, TimeProvider? time = null) =>
        RepositoryLock.AcquireAsync(Storage, mode, "test", TimeSpan.FromMinutes(2), time ?? TimeProvider.System, null, Test.Token);

    /// <summary>What <c>now</c> does, from the lock to the committed snapshot.</summary>
    internal async Task<StoredSnapshot> BackUpAsync(IReadOnlyList<int> chunks, TimeProvider? time = null)
    {
        await using RepositoryLock held = await LockAsync(LockMode.Write, time);
        return await BackUpAsync(chunks, held);
    }

    internal async Task<StoredSnapshot> BackUpAsync(IReadOnlyList<int> chunks, RepositoryLock held, Func<Task>? beforeCommit = null)
    {
        Repository repository = await Repository.OpenAsync(Storage, Test.Token);
        await Storage.RemoveStaleUploadsAsync(Test.Token);
        ChunkIndex index = await repository.LoadIndexAsync(Test.Token);
        IReadOnlyList<FinishedPack> adopted = await repository.AdoptOrphanPacksAsync(index, static _ => { }, Test.Token);
        Archive archive = await StoreAsync(repository, index, adopted, chunks);
        if (beforeCommit is not null) await beforeCommit();
        StoredSnapshot snapshot = await repository.CommitAsync(Describe(repository, archive, chunks), held, Test.Token);
        await ArchiveCheck.RunAsync(repository, index, archive, "test", Test.Token);
        return snapshot;
    }

    /// <summary>Stores chunks as a run does that knows nothing of what is there: so they are there twice.</summary>
    internal async Task StoreAgainAsync(IReadOnlyList<int> chunks) => await StoreAsync(await Repository.OpenAsync(Storage, Test.Token), new ChunkIndex(), [], chunks);

    /// <summary>Leaves packs that no index file names, as a run that was killed before its index.</summary>
    internal async Task StoreWithoutIndexAsync(IReadOnlyList<int> chunks)
    {
        HashSet<string> before = [.. Files("index")];
        await StoreAgainAsync(chunks);
        foreach (string file in Files("index").Where(file => !before.Contains(file))) File.Delete(file);
    }

    private static async Task<Archive> StoreAsync(Repository repository, ChunkIndex index, IReadOnlyList<FinishedPack> adopted, IReadOnlyList<int> chunks)
    {
        await using var session = new WriteSession(repository, index, adopted, 1, Test.Token);
        using var committer = new ArchiveCommitter(session);
        using FrameCompressor compressor = FrameCodec.CreateCompressor(1);
        long bytes = 0;
        foreach (int chunk in chunks)
        {
            byte[] content = Content(chunk);
            ChunkId id = repository.Hasher.Compute(content);
            if (index.TryClaim(id, content.Length))
            {
                byte[] frame = new byte[FrameCompressor.Bound(content.Length)];
                await committer.AppendFrameAsync(new ChunkReference(id, content.Length), frame.AsMemory(0, compressor.Compress(content, frame)), Test.Token);
            }
            await committer.AddAsync(new ChunkReference(id, content.Length), Test.Token);
            bytes += content.Length;
        }
        long stored = bytes - 1024 - 512;
        await committer.AddAsync(new CatalogEntry
        {
            Path = Member,
            Kind = FileKind.Regular,
            Placement = Placement.BundleStart,
            Mode = 0x180,
            Uid = 0,
            Gid = 0,
            UserName = "",
            GroupName = "",
            Size = stored,
            StoredSize = stored,
            HeaderBytes = 512,
            ModifiedAt = default,
            ChangedAt = null,
            Device = 0,
            Inode = 0,
            ContentKey = "",
        }, reused: false, Test.Token);
        Archive archive = await committer.FinishAsync(Test.Token);
        await session.FinishAsync(Test.Token);
        return archive;
    }

    /// <summary>The bytes of a chunk: 512 to 2,048 that do not compress.</summary>
    internal static byte[] Content(int chunk) => PseudoRandom.Bytes(512 * (1 + (chunk % 4)), 77_000 + (ulong)chunk);

    private static Snapshot Describe(Repository repository, Archive archive, IReadOnlyList<int> chunks) => new()
    {
        FormatVersion = Snapshot.CurrentVersion,
        RepositoryId = repository.Format.Id,
        Time = DateTimeOffset.UtcNow,
        FinishedAt = DateTimeOffset.UtcNow,
        Host = "test",
        Labels = [string.Join(' ', chunks)],
        Pinned = false,
        ToolVersion = "test",
        Services = [new ServiceSnapshot { Name = "tiny", Kind = "files", Quiesce = "online", Roots = ["/"], Facts = [], Archive = archive, LeftOut = [], Warnings = [] }],
        Failures = [],
        Statistics = new SnapshotStatistics { ReusedEntries = 0, ReadBytes = 0, NewChunks = 0, StoredBytes = 0, Seconds = 0 },
    };

    internal void Forget(StoredSnapshot snapshot) => File.Delete(Path.Combine(Place, snapshot.Id.FileName));

    internal async Task<PruneReport> PruneAsync(PruneOptions? options = null, IStorage? storage = null, TimeProvider? lockTime = null)
    {
        await using RepositoryLock held = await LockAsync(LockMode.Exclusive, lockTime);
        return await PruneAsync(held, options, storage);
    }

    internal async Task<PruneReport> PruneAsync(RepositoryLock? held, PruneOptions? options = null, IStorage? storage = null)
    {
        Repository repository = await Repository.OpenAsync(storage ?? Storage, Test.Token);
        return await new Pruner(repository, held, Time).RunAsync(options ?? new PruneOptions(), new PruneProgress(static (_, _, _) => { }, static (_, _) => { }, static _ => { }), Test.Token);
    }

    /// <summary>Everything is verified, and every snapshot restored as a reader does it, who adopts nothing. Returns how many there are.</summary>
    internal async Task<int> MustBeWholeAsync(string because = "")
    {
        Repository repository = await Repository.OpenAsync(Storage, Test.Token);
        var verifier = new RepositoryVerifier(repository, static _ => { });
        IReadOnlyList<StoredSnapshot> snapshots = await verifier.CheckStructureAsync(Test.Token);
        await verifier.CheckDataAsync(null, Test.Token);
        verifier.Problems.Select(static problem => problem.ToString()).Should().BeEmpty(because);
        foreach (StoredSnapshot snapshot in snapshots)
        {
            using var expected = new MemoryStream();
            foreach (string chunk in snapshot.Snapshot.Labels[0].Split(' ')) expected.Write(Content(int.Parse(chunk, System.Globalization.CultureInfo.InvariantCulture)));
            using var restored = new MemoryStream();
            await using ArchiveStream stream = ArchiveStream.Open(repository, verifier.Index, snapshot.Snapshot.Services[0].Archive, Test.Token);
            await stream.CopyToAsync(restored, Test.Token);
            restored.ToArray().AsSpan().SequenceEqual(expected.ToArray()).Should().BeTrue(because);
        }
        return snapshots.Count;
    }

    internal string[] Files(string folder) =>
        Directory.Exists(Path.Combine(Place, folder)) ? [.. Directory.GetFiles(Path.Combine(Place, folder), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)] : [];

    internal string[] Marks() => [.. Files("pruning").Where(static file => file.EndsWith(".json", StringComparison.Ordinal))];

    internal long PackBytes() => Files("packs").Sum(static file => new FileInfo(file).Length);

    public void Dispose() => _own?.Dispose();
}
