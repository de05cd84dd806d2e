using System.Globalization;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Files;
using BackupTool.Services.Sources.RocksDb;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Backup;

/// <summary>
/// One moment of one service: its listing with every status, its SQLite databases pinned, its RocksDB linked. Nothing is copied that grows with the data; that comes
/// when the archive is written. Disposing lets everything go.
/// </summary>
internal sealed class ServiceCut : IAsyncDisposable
{
    private readonly ServiceSettings _settings;
    private readonly CutContext _context;
    private readonly CutListing _listing;
    private readonly StagedDatabases _databases;
    private readonly List<StagedRocksDb> _rocksDbs = [];
    private readonly HashSet<BytePath> _databasePaths = [];
    private readonly HashSet<string> _warnedBefore;
    private readonly PluginFacts _plugins;
    private HashSet<BytePath> _expectedDatabases = [];

    private ServiceCut(ServiceSettings settings, ServiceLayout layout, CutContext context, ServiceSnapshot? parent)
    {
        (_settings, Layout, _context) = (settings, layout, context);
        _listing = new CutListing(context.StagingDirectory);
        _databases = new StagedDatabases(context.StagingDirectory.Combine(settings.Name), Warn);
        _warnedBefore = [.. parent?.Warnings.Select(static warning => warning.Path) ?? []];
        _plugins = new PluginFacts(layout, parent, Warn);
        PosixDirectory.Current.CreateDirectory(context.StagingDirectory.Combine(settings.Name), 0x1c0);
    }

    internal ServiceLayout Layout { get; }

    /// <summary>What was left out on purpose.</summary>
    internal List<LeftOut> LeftOut { get; } = [];

    /// <summary>What is not in the cut as it should be.</summary>
    internal List<LeftOut> Warnings { get; } = [];

    /// <summary>Entries of the listing.</summary>
    internal long Entries => _listing.Count;

    /// <summary>Bytes of all files in the listing.</summary>
    internal long Bytes { get; private set; }

    /// <summary>Bytes of those files that will be read.</summary>
    internal long ChangedBytes { get; private set; }

    /// <summary>What the profile and the plugins say.</summary>
    internal SortedDictionary<string, string> Facts { get; } = new(StringComparer.Ordinal);

    /// <summary>Takes the cut of a service.</summary>
    /// <exception cref="ExplainedException">The service cannot be taken: nothing of it is held.</exception>
    internal static async Task<ServiceCut> MakeAsync(ServiceSettings settings, CutContext context, ServiceSnapshot? parent, CancellationToken cancellationToken)
    {
        ServiceProfile profile = ServiceProfiles.For(settings.Kind) ?? throw new OperationException($"There is no kind '{settings.Kind}'.");
        ServiceLayout layout = profile.Describe(settings.ToFacts(), note => context.Progress.Message($"{settings.Name}: {note}"));
        var cut = new ServiceCut(settings, layout, context, parent);
        try
        {
            await cut.TakeAsync(parent?.Archive, cancellationToken);
            return cut;
        }
        catch
        {
            await cut.DisposeAsync();
            throw;
        }
    }

    private async Task TakeAsync(Archive? parentArchive, CancellationToken cancellationToken)
    {
        var tree = new ServiceTree(_settings, Layout, _context.Repository, OnFinding, AddLeftOut);
        _expectedDatabases = [.. Layout.ExpectedDatabases.Select(static path => SymlinkChain.Resolve(path).Target)];
        foreach (BytePath database in tree.RocksDbDirectories) Stage(database, cancellationToken);
        Dictionary<BytePath, StagedFile> staged = _rocksDbs.SelectMany(static db => db.Files).ToDictionary(static file => file.OriginalPath);
        ParentArchive? parent = parentArchive is null ? null : _context.OpenParent(parentArchive, cancellationToken);
        await using (parent)
        {
            foreach (WalkedEntry entry in tree.List(staged.Values))
            {
                cancellationToken.ThrowIfCancellationRequested();
                CatalogEntry? old = parent is null ? null : await parent.FindAsync(MemberPathOf(entry.Path));
                if (Classify(entry, old, staged, cancellationToken) is { } listed) Add(listed);
            }
        }
        CheckExpectations();
        foreach ((string key, string value) in Layout.Facts) Facts.Add(key, value);
        foreach ((string key, string value) in _plugins.Facts) Facts.Add(key, value);
        _databases.StartCopying();
    }

    private void Stage(BytePath database, CancellationToken cancellationToken)
    {
        foreach (BytePath stale in StaleStaging.Remove(database.Parent)) _context.Progress.Message($"removed {stale}, which an interrupted run had left");
        BytePath directory = StagingDirectory.Create(database, _context.StagingDirectory);
        StagedRocksDb rocksDb = RocksDbStaging.Stage(database, directory, OnFinding, _context.Time, cancellationToken);
        _rocksDbs.Add(rocksDb);
        if (rocksDb.ImmutableFilesStagedBy == StagingMeans.Copy) _context.Progress.Message($"{_settings.Name}: {database} had to be copied: its file system cannot link to {directory.Parent}");
    }

    private CutEntry? Classify(WalkedEntry entry, CatalogEntry? old, Dictionary<BytePath, StagedFile> staged, CancellationToken cancellationToken)
    {
        FileStatus status = entry.Status;
        if (status.Kind != FileKind.Regular) return Listed(entry, old, CutFlags.None, "");
        if (staged.TryGetValue(entry.Path, out StagedFile? file)) return ClassifyStaged(file, old);
        if (IsSidecar(entry.Path)) return null;
        if (old is { IsDatabase: true } && old.IsUnchanged(status, DatabaseKeyOf(entry))) return ClassifyDatabase(entry, old, cancellationToken);
        if (old is { IsDatabase: false } && old.IsUnchanged(status, "") && !WasWarnedOf(entry)) return Listed(entry, old, CutFlags.None, "", isPlugin: true);
        try
        {
            if (SqliteHeader.IsDatabase(entry.Path)) return ClassifyDatabase(entry, old, cancellationToken);
        }
        catch (PosixException e)
        {
            Warn(entry.Path, e.IsNotFound ? "vanished while the backup ran" : e.Message);
            return null;
        }
        return Listed(entry, old, CutFlags.None, "", isPlugin: true);
    }

    private CutEntry ClassifyDatabase(WalkedEntry entry, CatalogEntry? old, CancellationToken cancellationToken)
    {
        string key = DatabaseKeyOf(entry);
        _databasePaths.Add(entry.Path);
        bool unchanged = old is not null && old.IsUnchanged(entry.Status, key) && !WasWarnedOf(entry);
        if (unchanged || TryPin(entry.Path, cancellationToken)) return Listed(entry, unchanged ? old : null, CutFlags.Database, key);
        _databasePaths.Remove(entry.Path);
        return Listed(entry, old, CutFlags.None, "");
    }

    /// <summary>What the service cannot do without must be a sound database. For anything else that looks like one, whoever may put files there decides what it is: it must not cost the backup.</summary>
    private bool TryPin(BytePath path, CancellationToken cancellationToken)
    {
        bool isExpected = _expectedDatabases.Contains(path);
        try
        {
            _databases.Pin(path, isExpected, _context.Time, cancellationToken);
            return true;
        }
        catch (Exception e) when (!isExpected && e is NotADatabaseException or DatabaseDamagedException)
        {
            Warn(path, $"stored as a plain file: {e.Message}");
            return false;
        }
    }

    /// <summary>Whether the snapshot before told of it: then it is looked at again, so that the warning does not fall silent.</summary>
    private bool WasWarnedOf(WalkedEntry entry) => _warnedBefore.Count > 0 && _warnedBefore.Contains(entry.Path.ToString());

    private static string DatabaseKeyOf(WalkedEntry entry) =>
        string.Create(CultureInfo.InvariantCulture, $"size {entry.Status.Size}; {SqliteChangeKey.Describe(PosixDirectory.Current, entry.Path)}");

    /// <summary>Linking moves the ctime of a table file, which never changes otherwise: its mtime, owner and mode tell instead.</summary>
    private static CutEntry ClassifyStaged(StagedFile file, CatalogEntry? old)
    {
        FileStatus status = file.OriginalStatus;
        string key = "";
        if (file.IsImmutable)
        {
            key = string.Create(CultureInfo.InvariantCulture, $"immutable {status.Mode},{status.Uid},{status.Gid}");
            status = status with { ChangedAt = status.ModifiedAt, LinkCount = 1 };
        }
        CutFlags unchanged = old is not null && old.IsUnchanged(status, key) ? CutFlags.Unchanged : CutFlags.None;
        return new CutEntry(file.OriginalPath, status, default, unchanged, key, file.StagedPath);
    }

    private CutEntry Listed(WalkedEntry entry, CatalogEntry? old, CutFlags flags, string key, bool isPlugin = false)
    {
        bool unchanged = old is not null && old.IsDatabase == flags.HasFlag(CutFlags.Database) && old.IsUnchanged(entry.Status, key);
        if (isPlugin) _plugins.Look(entry.Path, unchanged);
        return new CutEntry(entry.Path, entry.Status, entry.LinkTarget, flags | (unchanged ? CutFlags.Unchanged : CutFlags.None), key, default);
    }

    /// <summary>The files beside a database are in its copy; as files they would only do harm.</summary>
    private bool IsSidecar(BytePath path)
    {
        return IsBeside("-wal"u8) || IsBeside("-shm"u8) || IsBeside("-journal"u8);
        bool IsBeside(ReadOnlySpan<byte> suffix) => path.Bytes.EndsWith(suffix) && _databasePaths.Contains(new BytePath(path.Bytes[..^suffix.Length]));
    }

    private void Add(CutEntry entry)
    {
        _listing.Add(entry);
        if (entry.Status.Kind != FileKind.Regular) return;
        Bytes += entry.Status.Size;
        if (!entry.Flags.HasFlag(CutFlags.Unchanged)) ChangedBytes += entry.Status.Size;
    }

    private void CheckExpectations()
    {
        foreach (BytePath expected in _expectedDatabases)
        {
            if (_databasePaths.Contains(expected)) continue;
            throw new OperationException($"{expected} of the service {_settings.Name} is not a SQLite database, or is left out: a backup without it is worth nothing.",
                "Check the path in the service's configuration, and `exclude` in this tool's.");
        }
    }

    /// <summary>The entries for the archive. What the parent has is looked up again, in the same order.</summary>
    internal async IAsyncEnumerable<ArchiveEntry> ReadEntriesAsync(
        Archive? parentArchive, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ParentArchive? parent = parentArchive is null ? null : _context.OpenParent(parentArchive, cancellationToken);
        await using (parent)
        {
            foreach (CutEntry entry in _listing.ReadAll())
            {
                bool unchanged = entry.Flags.HasFlag(CutFlags.Unchanged);
                yield return new ArchiveEntry
                {
                    Path = entry.Path,
                    Status = entry.Status,
                    LinkTarget = entry.LinkTarget,
                    IsDatabase = entry.Flags.HasFlag(CutFlags.Database),
                    ChangeKey = entry.ChangeKey,
                    Unchanged = unchanged ? await parent!.FindAsync(MemberPathOf(entry.Path)) : null,
                    StagedPath = entry.StagedPath,
                    DatabaseCopy = entry.Flags.HasFlag(CutFlags.Database) ? CopyOf(entry) : null,
                };
            }
        }
    }

    private Func<CancellationToken, Task<DatabaseContent>> CopyOf(CutEntry entry) => cancellationToken =>
        _databases.Contains(entry.Path)
            ? _databases.CopyOf(entry.Path).WaitAsync(cancellationToken)
            // It has not changed, so nothing was pinned; but its chunks have gone from the repository meanwhile.
            : throw new OperationException($"The stored copy of {entry.Path} is no longer whole in the repository.", "Run 'backup verify', then 'backup repair index', then this again.");

    private static BytePath MemberPathOf(BytePath path) => path.WithoutLeadingSlash();

    private void OnFinding(SourceFinding finding)
    {
        if (finding.IsWarning) Warn(finding.Path, finding.Reason);
        else AddLeftOut(finding.Path, finding.Reason);
    }

    private void AddLeftOut(BytePath path, string reason) => LeftOut.Add(new LeftOut(path.ToString(), reason));

    internal void Warn(BytePath path, string reason)
    {
        lock (Warnings) Warnings.Add(new LeftOut(path.ToString(), reason));
        _context.Progress.Warn($"{path}: {reason}");
    }

    public async ValueTask DisposeAsync()
    {
        await _databases.DisposeAsync();
        foreach (StagedRocksDb rocksDb in _rocksDbs) rocksDb.Dispose();
        _listing.Dispose();
    }
}
