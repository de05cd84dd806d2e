using System.Text.Json;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories;

/// <summary>
/// An open repository: its format, its index, its snapshots. The order of writing is packs, index, snapshot; so whatever a snapshot names is there.
/// </summary>
public sealed class Repository
{
    private const int MaxSnapshotBytes = 64 << 20, MaxFixedBytes = 1 << 20;
    private static readonly string[] FixedFiles = ["README.txt", "restore.sh"];

    private Repository(IStorage storage, RepositoryFormat format)
    {
        (Storage, Format) = (storage, format);
        Hasher = new ChunkHasher();
    }

    /// <summary>Where it lives.</summary>
    public IStorage Storage { get; }

    /// <summary>What it is.</summary>
    public RepositoryFormat Format { get; }

    /// <summary>How its chunks are named.</summary>
    public ChunkHasher Hasher { get; }

    /// <summary>Makes a repository in an empty place. <c>repository.json</c> comes last: an interrupted init leaves none, and can be done again.</summary>
    /// <exception cref="RepositoryException">There is one already, or the place holds other files.</exception>
    public static async ValueTask<Repository> InitializeAsync(IStorage storage, TimeProvider time, string toolVersion, CancellationToken cancellationToken)
    {
        var files = FixedFiles.Select(static name => (Name: name, Content: ReadResource(name))).ToList();
        await RequireFreeAsync(storage, files, cancellationToken);
        await using RepositoryLock held = await RepositoryLock.AcquireAsync(storage, LockMode.Exclusive, "init", TimeSpan.FromSeconds(10), time, null, cancellationToken);
        await RequireFreeAsync(storage, files, cancellationToken);   // another process may have been first
        var format = RepositoryFormat.CreateNew(time, toolVersion);
        byte[] json = format.Serialize();
        foreach ((string name, byte[] content) in files) await storage.PutAsync(name, content, cancellationToken);
        byte[] sums = RepositoryFormat.Checksums([.. files, (RepositoryFormat.FileName, json)]);
        await storage.PutAsync(RepositoryFormat.ChecksumsFileName, sums, cancellationToken);
        if (!await storage.TryCreateAsync(RepositoryFormat.FileName, json, cancellationToken))
            throw new RepositoryException($"Another process has just made a repository at {storage.Description}.", "Use it as it is.");
        return new Repository(storage, format);
    }

    private static async ValueTask RequireFreeAsync(IStorage storage, IEnumerable<(string Name, byte[] Content)> files, CancellationToken cancellationToken)
    {
        if (await storage.GetSizeAsync(RepositoryFormat.FileName, cancellationToken) is not null)
            throw new RepositoryException($"There is a repository at {storage.Description} already.", "Use it as it is, or choose another path.");
        string? foreign = await storage.FindForeignAsync(cancellationToken);
        foreach ((string name, byte[] content) in files)
        {
            // What an interrupted init left is the same.
            if (await storage.GetSizeAsync(name, cancellationToken) is not { } size) continue;
            bool isOurs = size == content.Length && (await storage.ReadAllAsync(name, content.Length, cancellationToken)).AsSpan().SequenceEqual(content);
            if (!isOurs) foreign ??= $"another {name}";
        }
        if (foreign is not null)
            throw new RepositoryException($"{storage.Description} is not empty: it holds {foreign}.", "Choose an empty or new directory for the repository.");
    }

    /// <summary>Opens the repository.</summary>
    /// <exception cref="RepositoryNotFoundException">There is none.</exception>
    /// <exception cref="UnsupportedFormatException">It is newer than this version.</exception>
    public static async ValueTask<Repository> OpenAsync(IStorage storage, CancellationToken cancellationToken) =>
        new(storage, await RepositoryFormat.ReadAsync(storage, cancellationToken));

    /// <summary>The whole index.</summary>
    /// <exception cref="RepositoryDamagedException">An index file is damaged.</exception>
    public async ValueTask<ChunkIndex> LoadIndexAsync(CancellationToken cancellationToken)
    {
        var index = new ChunkIndex();
        foreach (StoredFile file in await Storage.ListAsync(IndexFile.Folder, cancellationToken))
            if (IndexFile.DigestInName(file.Name) is not null) await IndexFile.ReadAsync(Storage, file, index, cancellationToken);
        return index;
    }

    /// <summary>
    /// Takes packs into the index that no index file names: an interrupted run left them, whole. So the next run need not store their chunks again. One that is
    /// damaged (an interrupted copy of the repository leaves such) is told and passed over: nothing needs it.
    /// </summary>
    public async ValueTask<IReadOnlyList<FinishedPack>> AdoptOrphanPacksAsync(
        ChunkIndex index, Action<RepositoryDamagedException> onDamaged, CancellationToken cancellationToken)
    {
        var adopted = new List<FinishedPack>();
        foreach (StoredFile file in await Storage.ListAsync("packs/", cancellationToken))
        {
            if (!PackId.TryParseFileName(file.Name, out PackId? id) || index.Contains(id.Value)) continue;
            try
            {
                FinishedPack pack = await PackReader.ReadTableAsync(Storage, id.Value, file.Bytes, cancellationToken);
                index.Add(pack);
                adopted.Add(pack);
            }
            catch (RepositoryDamagedException e)
            {
                onDamaged(e);
            }
        }
        return adopted;
    }

    /// <summary>All snapshots, oldest first.</summary>
    /// <exception cref="RepositoryDamagedException">One is damaged.</exception>
    public ValueTask<IReadOnlyList<StoredSnapshot>> ListSnapshotsAsync(CancellationToken cancellationToken) => ListSnapshotsAsync("", cancellationToken);

    /// <summary>The snapshots whose ids begin so, oldest first. Damage of others does no harm.</summary>
    /// <exception cref="RepositoryDamagedException">One of them is damaged.</exception>
    public async ValueTask<IReadOnlyList<StoredSnapshot>> ListSnapshotsAsync(string idPrefix, CancellationToken cancellationToken)
    {
        var snapshots = new List<StoredSnapshot>();
        foreach (StoredFile file in await Storage.ListAsync(SnapshotId.Folder, cancellationToken))
            if (SnapshotId.TryParseFileName(file.Name, out SnapshotId? id) && id.Value.Hex.StartsWith(idPrefix, StringComparison.Ordinal)) snapshots.Add(await ReadSnapshotAsync(id.Value, cancellationToken));
        snapshots.Sort(static (a, b) => (a.Snapshot.Time, a.Id.Hex).CompareTo((b.Snapshot.Time, b.Id.Hex)));
        return snapshots;
    }

    /// <summary>Reads one snapshot.</summary>
    /// <exception cref="RepositoryDamagedException">Its bytes are not what its name says.</exception>
    public async ValueTask<StoredSnapshot> ReadSnapshotAsync(SnapshotId id, CancellationToken cancellationToken)
    {
        byte[] content = await Storage.ReadAllAsync(id.FileName, MaxSnapshotBytes, cancellationToken);
        if (SnapshotId.Of(content) != id) throw new RepositoryDamagedException(id.FileName, "its contents are not what its name says",
                "Put that file back from another copy of the repository. If there is none, move it away: only that snapshot is lost. The others can be restored meanwhile, named by their ids.");
        try
        {
            Snapshot snapshot = JsonSerializer.Deserialize(content, RepositoryJson.Default.Snapshot) ?? throw new JsonException("null");
            if (snapshot.FindProblem() is { } problem) throw new JsonException(problem);
            if (snapshot.RepositoryId != Format.Id) throw new RepositoryDamagedException(id.FileName, $"it belongs to another repository ({snapshot.RepositoryId})");
            return new StoredSnapshot(id, snapshot, content.Length);
        }
        catch (JsonException e)
        {
            // The digest is right, so it is as it was written: by something that knows more than this version.
            throw new UnsupportedFormatException($"{id.FileName} cannot be understood by this version: {e.Message}");
        }
    }

    /// <summary>The snapshots that can be read, oldest first, and what is wrong with the others: one damaged file must not hide the rest.</summary>
    public async ValueTask<(IReadOnlyList<StoredSnapshot> Snapshots, IReadOnlyList<RepositoryDamagedException> Damaged)> ListReadableSnapshotsAsync(CancellationToken cancellationToken)
    {
        var snapshots = new List<StoredSnapshot>();
        var damaged = new List<RepositoryDamagedException>();
        foreach (StoredFile file in await Storage.ListAsync(SnapshotId.Folder, cancellationToken))
        {
            if (!SnapshotId.TryParseFileName(file.Name, out SnapshotId? id)) continue;
            try
            {
                snapshots.Add(await ReadSnapshotAsync(id.Value, cancellationToken));
            }
            catch (RepositoryDamagedException e)
            {
                damaged.Add(e);
            }
        }
        snapshots.Sort(static (a, b) => (a.Snapshot.Time, a.Id.Hex).CompareTo((b.Snapshot.Time, b.Id.Hex)));
        return (snapshots, damaged);
    }

    /// <summary>The commit point of a run: everything that the snapshot names is durable before.</summary>
    public async ValueTask<StoredSnapshot> CommitAsync(Snapshot snapshot, CancellationToken cancellationToken)
    {
        byte[] content = [.. JsonSerializer.SerializeToUtf8Bytes(snapshot, RepositoryJson.Default.Snapshot), (byte)'\n'];
        var id = SnapshotId.Of(content);
        await Storage.PutAsync(id.FileName, content, cancellationToken);
        return new StoredSnapshot(id, snapshot, content.Length);
    }

    /// <summary>
    /// As above, for who holds a lock: a run that slept so long that its lock was taken over (another machine's, after days) may count on packs that were removed since. What it commits in
    /// the very moment is taken back.
    /// </summary>
    /// <exception cref="RepositoryLockedException">The lock was taken over: nothing was committed.</exception>
    public async ValueTask<StoredSnapshot> CommitAsync(Snapshot snapshot, RepositoryLock held, CancellationToken cancellationToken)
    {
        await held.RequireHeldAsync(cancellationToken);
        StoredSnapshot committed = await CommitAsync(snapshot, cancellationToken);
        try
        {
            await held.RequireHeldAsync(CancellationToken.None);
            return committed;
        }
        catch (RepositoryLockedException)
        {
            await Storage.DeleteAsync(committed.Id.FileName, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Checks the files whose names are not their digests. Where one and SHA256SUMS do not agree, both are named: nothing tells which is damaged.</summary>
    public async ValueTask<IReadOnlyList<RepositoryDamagedException>> CheckFixedFilesAsync(CancellationToken cancellationToken)
    {
        var problems = new List<RepositoryDamagedException>();
        byte[]? sums = await ReadFixedAsync(RepositoryFormat.ChecksumsFileName, problems, cancellationToken);
        var files = new List<(string Name, byte[] Content)>();
        foreach (string name in (string[])[.. FixedFiles, RepositoryFormat.FileName])
        {
            if (await ReadFixedAsync(name, problems, cancellationToken) is not { } content) continue;
            files.Add((name, content));
            if (sums is not null && !RepositoryFormat.Agrees(sums, name, content)) problems.Add(RepositoryFormat.Disagreement(name));
        }
        bool areAllRead = sums is not null && files.Count == FixedFiles.Length + 1;
        if (areAllRead && !RepositoryFormat.Checksums(files).AsSpan().SequenceEqual(sums))
            problems.Add(new RepositoryDamagedException(RepositoryFormat.ChecksumsFileName, "it does not say what sha256sum says of the other files: it or they are damaged"));
        return problems;
    }

    private async ValueTask<byte[]?> ReadFixedAsync(string name, List<RepositoryDamagedException> problems, CancellationToken cancellationToken)
    {
        try
        {
            return await Storage.ReadAllAsync(name, MaxFixedBytes, cancellationToken);
        }
        catch (FileNotFoundException e)
        {
            problems.Add(new RepositoryDamagedException(name, "it is missing", innerException: e));
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            problems.Add(new RepositoryDamagedException(name, e.Message, innerException: e));
        }
        return null;
    }

    private static byte[] ReadResource(string name)
    {
        using Stream stream = typeof(Repository).Assembly.GetManifestResourceStream(name)!;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}

/// <summary>A snapshot and its name.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Snapshot">What it says.</param>
/// <param name="Bytes">Size of its file.</param>
public sealed record StoredSnapshot(SnapshotId Id, Snapshot Snapshot, int Bytes);
