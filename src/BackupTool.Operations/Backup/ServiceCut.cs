using System.Globalization;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Quiescing;
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
    /// <summary>Facts of a snapshot: <see cref="RocksDbShapeFacts"/> as staged.</summary>
    internal const string RocksDbIdentity = "rocksdb: identity", RocksDbColumnFamilies = "rocksdb: column-families";

    private static readonly TimeSpan CapturePatience = TimeSpan.FromMilliseconds(20);

    private readonly PreparedService _prepared;
    private readonly CutContext _context;
    private readonly BytePath _copies;
    private readonly CutListing _listing;
    private readonly CutDatabases _databases;
    private readonly List<StagedRocksDb> _rocksDbs = [];
    private readonly List<CutEntry> _plugins = [];
    private readonly PluginFacts _pluginFacts;
    private readonly SmallFileCapture? _capture;
    private readonly DamagedFiles? _damaged;
    private IEnumerator<CutEntry> _before = Enumerable.Empty<CutEntry>().GetEnumerator();
    private bool _isBeforeOver;
    private long _newer;

    private ServiceCut(PreparedService prepared, CutContext context)
    {
        (_prepared, _context) = (prepared, context);
        Findings = new CutFindings(context.Progress.Warn);
        _listing = new CutListing(context.StagingDirectory);
        _copies = context.StagingDirectory.Combine(Settings.Name);
        PosixDirectory.Current.CreateDirectory(_copies, 0x1c0);
        _pluginFacts = new PluginFacts(Layout, prepared.Parent);
        if (context.AcceptsDamage) _damaged = new DamagedFiles(prepared.Damaged, _copies, Findings);
        _databases = new CutDatabases(prepared, context, Findings, _copies, _damaged);
        foreach (LayoutDamage lost in prepared.Lost) Findings.Warn(lost.Path, lost.Reason);
        if (IsQuiesced) _capture = new SmallFileCapture(_copies, CapturePatience, context.Time);
    }

    internal ServiceSettings Settings => _prepared.Settings;

    internal ServiceLayout Layout => _prepared.Layout;

    /// <summary>The service in the parent snapshot; null for a first one.</summary>
    internal ServiceSnapshot? Parent => _prepared.Parent;

    /// <summary>What is not in the cut, or not as it should be.</summary>
    internal CutFindings Findings { get; }

    /// <summary>Entries of the listing.</summary>
    internal long Entries => _listing.Count;

    /// <summary>Bytes of all files in the listing.</summary>
    internal long Bytes { get; private set; }

    /// <summary>Bytes of those files that will be read.</summary>
    internal long ChangedBytes { get; private set; }

    /// <summary>What the profile and the plugins say. Complete after <see cref="FinishAsync"/>.</summary>
    internal SortedDictionary<string, string> Facts { get; } = new(StringComparer.Ordinal);

    /// <summary>Bytes of its RocksDB and of the SQLite databases that it cannot do without, as they are stored. Complete when the archive is written; one of which they are not known is not there.</summary>
    internal IReadOnlyDictionary<BytePath, long> DatabaseBytes => _databases.Bytes;

    /// <summary>SQLite databases, not among those it cannot do without, that are damaged, or none any more, and are stored all the same. Complete when the archive is written.</summary>
    internal IReadOnlyCollection<BytePath> DamagedDatabases => _databases.Damaged;

    private bool IsQuiesced => Settings.Quiesce != QuiesceMode.Online;

    /// <summary>Takes the cut: in the window.</summary>
    /// <exception cref="ExplainedException">The service cannot be taken: nothing of it is held.</exception>
    internal static async Task<ServiceCut> TakeAsync(PreparedService prepared, CutContext context, CancellationToken cancellationToken)
    {
        var cut = new ServiceCut(prepared, context);
        try
        {
            Task pinning = prepared.Dumps.PinAsync(cancellationToken);
            try
            {
                cut.Take(cancellationToken);
            }
            finally
            {
                await pinning;
            }
            return cut;
        }
        catch
        {
            await cut.DisposeAsync();
            throw;
        }
    }

    private void Take(CancellationToken cancellationToken)
    {
        ServiceTree tree = _prepared.MakeTree(Findings);
        using var walk = new ReadAhead<WalkedEntry>(tree.Walk());
        // At rest nothing moves, so both at a time are one moment. A running server writes a file before the database mentions it: there the database is staged first.
        if (IsQuiesced) walk.Start();
        var found = new List<SourceFinding>();
        if (_prepared.OnlineBackup is null)
            foreach (BytePath database in tree.RocksDbDirectories) Stage(database, found.Add, cancellationToken);
        Dictionary<BytePath, StagedFile> staged = (_prepared.OnlineBackup?.Files ?? _rocksDbs.SelectMany(static db => db.Files)).ToDictionary(static file => file.OriginalPath);
        using (_before = _prepared.Listing.ReadAll().GetEnumerator())
        {
            _isBeforeOver = !_before.MoveNext();
            foreach (WalkedEntry entry in tree.List(walk.ReadAll(), staged.Values, _prepared.Dumps.Entries(_context.Time.GetUtcNow())))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (Classify(entry, FindBefore(entry.Path), staged, cancellationToken) is { } listed) Add(listed);
            }
        }
        found.ForEach(Findings.Add);
        _databases.RequireExpected();
    }

    /// <summary>After the window: what can wait until the services are up again.</summary>
    internal async Task FinishAsync(CancellationToken cancellationToken)
    {
        foreach (CutEntry plugin in _plugins)
            _pluginFacts.Look(plugin.Path, plugin.StagedPath.IsEmpty ? plugin.Path : plugin.StagedPath, plugin.Flags.HasFlag(CutFlags.Unchanged), Findings.Warn);
        foreach ((string key, string value) in Layout.Facts) Facts.Add(key, value);
        foreach ((string key, string value) in _pluginFacts.Facts) Facts.Add(key, value);
        await ProveDumpsAsync(cancellationToken);
        foreach ((string key, string value) in await _prepared.Dumps.ReadFactsAsync(cancellationToken)) Facts[key] = value;
        foreach ((string key, string value) in _prepared.RunningFacts) Facts[key] = value;
        _databases.AddFacts(Facts, cancellationToken);
        AddRocksDbFacts();
        _databases.StartCopying();
    }

    /// <summary>Where damage is accepted, a database that cannot be dumped must not break off the archive half-way: so it is tried before.</summary>
    private async Task ProveDumpsAsync(CancellationToken cancellationToken)
    {
        if (_damaged is null) return;
        foreach ((BytePath member, string reason) in await _prepared.Dumps.FindLostAsync(cancellationToken)) Findings.Warn(member, reason);
        if (_prepared.Dumps.HasLost && _listing.ReadAll().All(entry => _prepared.Dumps.IsLost(entry.Path)))
            throw new OperationException($"Nothing of the service {Settings.Name} can be stored: its PostgreSQL databases cannot be dumped.", "See the warnings, and PostgreSQL's own log.");
    }

    private void AddRocksDbFacts()
    {
        if ((_prepared.OnlineBackup?.Files ?? _rocksDbs.FirstOrDefault()?.Files) is not { } staged) return;
        AddShape(staged);
        foreach (IGrouping<BytePath, StagedFile> files in staged.GroupBy(static file => file.OriginalPath.Parent)) _databases.Tell(files.Key, files.Sum(static file => file.OriginalStatus.Size));
    }

    private void AddShape(IReadOnlyList<StagedFile> staged)
    {
        try
        {
            RocksDbShapeFacts shape = RocksDbShapeFacts.Read(staged);
            if (shape.Identity is { } identity) Facts[RocksDbIdentity] = identity;
            if (shape.ColumnFamilies is { } families) Facts[RocksDbColumnFamilies] = families.ToString(CultureInfo.InvariantCulture);
        }
        catch (PosixException e)
        {
            _context.Progress.Message($"{Settings.Name}: what tells its RocksDB from another is not recorded: {e.Message}");
        }
    }

    /// <summary>Copies the databases now and lets them go: the service does not start beside the pins. It is down, so its databases hold still.</summary>
    internal Task CopyAndReleaseAsync() => _databases.CopyAndReleaseAsync();

    /// <summary>A file that was read after its service went on, and had changed by then. Normal for what is appended to all the time; worth knowing for the rest.</summary>
    internal void OnNewer(BytePath path)
    {
        if (!IsQuiesced) return;
        _newer++;
        Facts["newer-than-the-cut"] = _newer == 1 ? path.ToString() : $"{_newer} files, the last of them {path}";
    }

    private void Stage(BytePath database, Action<SourceFinding> report, CancellationToken cancellationToken)
    {
        BytePath directory = StagingDirectory.Create(database, _context.StagingDirectory);
        bool isBroken = _context.AcceptsDamage && !RocksDbStaging.IsDatabase(database);
        if (isBroken) Findings.Warn(database, "is no RocksDB that could be opened, without a CURRENT that names its MANIFEST: its files are stored as they lie");
        StagedRocksDb rocksDb = RocksDbStaging.Stage(database, directory, report, _context.Time, cancellationToken, asItLies: isBroken);
        _rocksDbs.Add(rocksDb);
        if (rocksDb.ImmutableFilesStagedBy == StagingMeans.Copy) _context.Progress.Message($"{Settings.Name}: {database} had to be copied: its file system cannot link to {directory.Parent}");
    }

    /// <summary>The entry as it looked before the window. Asked in tree order.</summary>
    private CutEntry? FindBefore(BytePath path)
    {
        while (!_isBeforeOver && _before.Current.Path < path) _isBeforeOver = !_before.MoveNext();
        return !_isBeforeOver && _before.Current.Path == path ? _before.Current : null;
    }

    private CutEntry? Classify(WalkedEntry entry, CutEntry? before, Dictionary<BytePath, StagedFile> staged, CancellationToken cancellationToken)
    {
        if (_prepared.Dumps.Contains(entry.Path)) return CutEntry.Of(entry, CutFlags.Dump, "");
        if (entry.Status.Kind == FileKind.Regular)
        {
            if (staged.TryGetValue(entry.Path, out StagedFile? file)) return WithFlagsOf(before, CutEntry.OfEngineFile(file));
            if (_damaged?.Concerns(entry.Path) == true) return _damaged.Take(entry);
            if (_databases.IsSidecar(entry.Path)) return null;
        }
        bool isAsBefore = before is not null && before.Status == entry.Status && before.LinkTarget == entry.LinkTarget;
        if (before is not null && before.Flags.HasFlag(CutFlags.Database)) return _databases.Take(entry, isAsBefore ? before : null, cancellationToken);
        if (isAsBefore) return Captured(_databases.Plain(before!));
        if (entry.Status.Kind != FileKind.Regular) return CutEntry.Of(entry, CutFlags.None, "");
        try
        {
            if (SqliteHeader.IsDatabase(entry.Path)) return _databases.Take(entry, null, cancellationToken);
        }
        catch (PosixException e)
        {
            Findings.Warn(entry.Path, e.IsNotFound ? "vanished while the backup ran" : e.Message);
            return null;
        }
        return Captured(_databases.Plain(CutEntry.Of(entry, CutFlags.None, "")));
    }

    private static CutEntry WithFlagsOf(CutEntry? before, CutEntry now) =>
        before is not null && before.Status == now.Status && before.ChangeKey == now.ChangeKey ? now with { Flags = before.Flags } : now;

    private CutEntry Captured(CutEntry entry) => _capture is null || entry.Flags.HasFlag(CutFlags.Unchanged) || entry.Status.Kind != FileKind.Regular
        ? entry : entry with { StagedPath = _capture.Take(entry.Path, entry.Status) };

    private void Add(CutEntry entry)
    {
        _listing.Add(entry);
        if (entry.Status.Kind != FileKind.Regular) return;
        if (_pluginFacts.IsPlugin(entry.Path)) _plugins.Add(entry);
        Bytes += entry.Status.Size;
        if (!entry.Flags.HasFlag(CutFlags.Unchanged)) ChangedBytes += entry.Status.Size;
    }

    /// <summary>The entries for the archive. What the parent has is looked up again, in the same order.</summary>
    internal async IAsyncEnumerable<ArchiveEntry> ReadEntriesAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ParentArchive? parent = _prepared.Parent is { } old ? _context.OpenParent(old.Archive, cancellationToken) : null;
        await using (parent)
        {
            foreach (CutEntry entry in _listing.ReadAll())
            {
                if (entry.Flags.HasFlag(CutFlags.Dump) && _prepared.Dumps.IsLost(entry.Path)) continue;
                bool unchanged = entry.Flags.HasFlag(CutFlags.Unchanged);
                yield return new ArchiveEntry
                {
                    Path = entry.Path,
                    Status = entry.Status,
                    LinkTarget = entry.LinkTarget,
                    IsDatabase = entry.Flags.HasFlag(CutFlags.Database),
                    ChangeKey = entry.ChangeKey,
                    Unchanged = unchanged ? await parent!.FindAsync(entry.Path.WithoutLeadingSlash()) : null,
                    StagedPath = entry.StagedPath,
                    Streamed = entry.Flags.HasFlag(CutFlags.Dump) ? cancellation => Task.FromResult(_prepared.Dumps.Open(entry.Path, cancellation)) : null,
                    DatabaseCopy = entry.Flags.HasFlag(CutFlags.Database) ? _databases.CopyOf(entry) : null,
                };
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _databases.DisposeAsync();
        foreach (StagedRocksDb rocksDb in _rocksDbs) rocksDb.Dispose();
        _listing.Dispose();
        PosixDirectory.Current.RemoveTree(_copies);
    }
}
