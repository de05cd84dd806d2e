using BackupTool.Operations.Configuration;
using BackupTool.Operations.Sanity;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.Files;
using BackupTool.Services.Sources.RocksDb;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Backup;

/// <summary>
/// A service as it looks before anything is stopped: where its state is, a first listing compared with the parent snapshot, and its databases tried. All that takes time is done
/// here, so that the cut itself need only look for what is different by then.
/// </summary>
internal sealed class PreparedService : IAsyncDisposable
{
    private static readonly TimeSpan TrialPatience = TimeSpan.FromSeconds(2), OnlineBackupPatience = TimeSpan.FromMinutes(30), PatienceWithTheBroken = TimeSpan.FromMinutes(5);

    private readonly DatabasePaths _databases;
    private readonly HashSet<string> _warnedBefore, _damagedBefore;
    private readonly HashSet<BytePath> _noLongerDatabases = [];
    private readonly CutContext _context;
    private readonly Dictionary<BytePath, string> _damaged = [];
    private readonly List<LayoutDamage> _lost = [];

    private PreparedService(ServiceSettings settings, ServiceLayout layout, CutContext context, ServiceSnapshot? parent, Action<string>? tell)
    {
        (Settings, Layout, Parent, _context) = (settings, layout, parent, context);
        Findings = new CutFindings(tell);
        Listing = new CutListing(context.StagingDirectory);
        _databases = new DatabasePaths(settings, layout, context.AcceptsDamage);
        foreach (LayoutDamage damage in layout.Damages) Lose(damage.Path, damage.Reason);
        _damagedBefore = [.. parent is null ? [] : SanityFacts.DamagedIn(parent)];
        _warnedBefore = [.. parent?.Warnings.Select(static warning => warning.Path) ?? []];
    }

    internal ServiceSettings Settings { get; }

    internal ServiceLayout Layout { get; }

    /// <summary>The service in the parent snapshot; null for a first one.</summary>
    internal ServiceSnapshot? Parent { get; }

    /// <summary>Its PostgreSQL databases, connected.</summary>
    internal PostgresDumps Dumps { get; private set; } = PostgresDumps.None;

    /// <summary>The backup that the running server made of its own database; null when the database is staged in the window.</summary>
    internal StagedRocksDb? OnlineBackup { get; private set; }

    /// <summary>What it says of itself while it runs; empty in a dry run.</summary>
    internal IReadOnlyDictionary<string, string> RunningFacts { get; private set; } = new Dictionary<string, string>();

    /// <summary>Expected databases that are damaged or none any more, and what is wrong with each; empty unless damage is accepted.</summary>
    internal IReadOnlyDictionary<BytePath, string> Damaged => _damaged;

    /// <summary>Files that were SQLite databases in the parent, or damaged ones, and are not by their header.</summary>
    internal IReadOnlySet<BytePath> NoLongerDatabases => _noLongerDatabases;

    /// <summary>What else is missing of it; empty unless damage is accepted.</summary>
    internal IReadOnlyList<LayoutDamage> Lost => _lost;

    /// <summary>Everything of the service, in tree order, as it looked.</summary>
    internal CutListing Listing { get; }

    /// <summary>Of this first look only: the cut finds its own.</summary>
    internal CutFindings Findings { get; }

    /// <summary>Bytes of all files.</summary>
    internal long Bytes { get; private set; }

    /// <summary>Bytes of those that have changed since the parent.</summary>
    internal long ChangedBytes { get; private set; }

    /// <summary>Bytes of the SQLite databases among those: copies of them may be staged.</summary>
    internal long ChangedDatabaseBytes { get; private set; }

    /// <summary>Looks at a service. Changes nothing of it.</summary>
    /// <param name="settings">Which.</param>
    /// <param name="context">The run.</param>
    /// <param name="parent">It in the parent snapshot.</param>
    /// <param name="isDryRun">There will be no cut: its warnings are told now, and the server makes no backup.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ExplainedException">It cannot be backed up.</exception>
    internal static async Task<PreparedService> PrepareAsync(
        ServiceSettings settings, CutContext context, ServiceSnapshot? parent, bool isDryRun, CancellationToken cancellationToken)
    {
        ServiceProfile profile = ServiceProfiles.For(settings.Kind) ?? throw new OperationException($"There is no kind '{settings.Kind}'.");
        ServiceLayout layout = profile.Describe(settings.ToFacts() with { AcceptsDamage = context.AcceptsDamage }, note => context.Progress.Message($"{settings.Name}: {note}"));
        var prepared = new PreparedService(settings, layout, context, parent, isDryRun ? context.Progress.Warn : null);
        try
        {
            prepared.Dumps = await PostgresDumps.OpenAsync(layout, context.Time, context.AcceptsDamage ? prepared.Lose : null, cancellationToken);
            if (!isDryRun) prepared.RunningFacts = await Backup.RunningFacts.AskAsync(settings, layout, context, cancellationToken);
            if (!isDryRun) await prepared.HaveServerBackUpAsync(cancellationToken);
            await prepared.LookAsync(cancellationToken);
            prepared.RequireAnything();
            return prepared;
        }
        catch
        {
            await prepared.DisposeAsync();
            throw;
        }
    }

    /// <summary>A running server's database is taken as the server itself backs it up, where its configuration provides for that.</summary>
    private async Task HaveServerBackUpAsync(CancellationToken cancellationToken)
    {
        if (Settings is not { Quiesce: QuiesceMode.Online, Unit: { } unit } || Layout is not { OnlineBackup: { } online, RocksDbDirectories: [var database] }) return;
        if (!(await _context.Manager.DescribeAsync([unit], cancellationToken))[0].IsActive) return;
        var engine = new EngineBackup(online.BackupDirectory);
        try
        {
            await HaveServerBackUpAsync(unit, engine, online, database, cancellationToken);
        }
        catch (ExplainedException e) when (_context.AcceptsDamage)
        {
            _context.Progress.Message($"{Settings.Name}: the server makes no backup of its own, so its database is taken as it lies: {e.Message}");
        }
    }

    private async Task HaveServerBackUpAsync(string unit, EngineBackup engine, RocksDbOnlineBackup online, BytePath database, CancellationToken cancellationToken)
    {
        uint? previous = engine.FindNewest();
        await _context.Manager.SignalAsync(unit, "SIGUSR2", cancellationToken);
        uint made = await engine.WaitForNewAsync(previous, _context.AcceptsDamage ? PatienceWithTheBroken : OnlineBackupPatience, _context.Time, cancellationToken);
        BytePath staging = StagingDirectory.Create(online.BackupDirectory, _context.StagingDirectory);
        OnlineBackup = engine.Open(made, SymlinkChain.Resolve(database).Target, staging, EngineBackupCheck.Quick, cancellationToken);
        _context.Progress.Message($"{Settings.Name}: the server has made its backup {made} in {online.BackupDirectory}");
    }

    /// <summary>A fresh view of the service's tree, for another walk.</summary>
    internal ServiceTree MakeTree(CutFindings findings) => new(Settings, Layout, _context.Repository, findings.Add, findings.AddLeftOut);

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        ServiceTree tree = MakeTree(Findings);
        foreach (BytePath database in tree.RocksDbDirectories)
            foreach (BytePath stale in StaleStaging.Remove(database.Parent)) _context.Progress.Message($"removed {stale}, which an interrupted run had left");
        Dictionary<BytePath, StagedFile> engineFiles = (OnlineBackup?.Files ?? tree.RocksDbDirectories.SelectMany(RocksDbStaging.Look)).ToDictionary(static file => file.OriginalPath);
        ParentArchive? parent = Parent is null ? null : _context.OpenParent(Parent.Archive, cancellationToken);
        await using (parent)
        {
            foreach (WalkedEntry entry in tree.List(tree.Walk(), engineFiles.Values, Dumps.Entries(_context.Time.GetUtcNow())))
            {
                cancellationToken.ThrowIfCancellationRequested();
                CatalogEntry? old = parent is null ? null : await parent.FindAsync(entry.Path.WithoutLeadingSlash());
                if (Classify(entry, old, engineFiles, cancellationToken) is { } listed) Add(listed);
            }
        }
        if (!_context.AcceptsDamage) _databases.RequireExpected();
        foreach (BytePath database in _databases.ExpectedAndNotFound)
            if (PosixFile.TryGetStatusFollowing(database, out _)) _damaged.TryAdd(database, "it is no SQLite database");
        foreach (BytePath database in _damaged.Keys)
            if (PosixFile.TryGetStatusFollowing(database, out FileStatus status)) ChangedDatabaseBytes += status.Size;   // copied in the window
    }

    private void Lose(BytePath path, string reason)
    {
        _lost.Add(new LayoutDamage(path, reason));
        Findings.Warn(path, reason);
    }

    /// <summary>A service of which only PostgreSQL databases are to be kept, and none can be.</summary>
    private void RequireAnything()
    {
        if (Listing.Count == 0 && Dumps.HasLost)
            throw new OperationException($"Nothing of the service {Settings.Name} can be stored: {string.Join("; ", _lost.Select(static lost => $"{lost.Path} {lost.Reason}"))}", "Have PostgreSQL answer first.");
    }

    private CutEntry? Classify(WalkedEntry entry, CatalogEntry? old, Dictionary<BytePath, StagedFile> engineFiles, CancellationToken cancellationToken)
    {
        FileStatus status = entry.Status;
        if (Dumps.Contains(entry.Path)) return Listed(entry, null, CutFlags.Dump, "");
        if (status.Kind != FileKind.Regular) return Listed(entry, old, CutFlags.None, "");
        if (engineFiles.TryGetValue(entry.Path, out StagedFile? file))
        {
            CutEntry engineFile = CutEntry.OfEngineFile(file);
            return engineFile with { Flags = old is not null && old.IsUnchanged(engineFile.Status, engineFile.ChangeKey) ? CutFlags.Unchanged : CutFlags.None };
        }
        if (_databases.IsSidecar(entry.Path)) return null;
        if (old is { IsDatabase: true } && old.IsUnchanged(status, DatabasePaths.ChangeKeyOf(entry))) return ListedDatabase(entry, old, cancellationToken);
        if (old is { IsDatabase: false } && old.IsUnchanged(status, "") && !WasWarnedOf(entry)) return Listed(entry, old, CutFlags.None, "");
        try
        {
            if (SqliteHeader.IsDatabase(entry.Path)) return ListedDatabase(entry, old, cancellationToken);
        }
        catch (PosixException e)
        {
            Findings.Warn(entry.Path, e.IsNotFound ? "vanished while the backup ran" : e.Message);
            return null;
        }
        if (old is { IsDatabase: true } || _damagedBefore.Contains(entry.Path.ToString())) _noLongerDatabases.Add(entry.Path);
        return Listed(entry, old, CutFlags.None, "");
    }

    private CutEntry ListedDatabase(WalkedEntry entry, CatalogEntry? old, CancellationToken cancellationToken)
    {
        if (_context.AcceptsDamage && _databases.IsExpected(entry.Path) && !IsSound(entry.Path, cancellationToken)) return Listed(entry, null, CutFlags.None, "");
        _databases.Add(entry.Path);
        CutEntry listed = Listed(entry, WasWarnedOf(entry) ? null : old, CutFlags.Database, DatabasePaths.ChangeKeyOf(entry));
        if (!listed.Flags.HasFlag(CutFlags.Unchanged) && _databases.IsExpected(entry.Path)) Try(entry.Path, cancellationToken);
        return listed;
    }

    /// <summary>What cannot be opened now stops nothing. One that its service keeps locked can be opened once the service is stopped.</summary>
    private void Try(BytePath path, CancellationToken cancellationToken)
    {
        try
        {
            Pin(path, cancellationToken).Dispose();
        }
        catch (DatabaseLockedException) when (Settings.Quiesce == QuiesceMode.Stop)
        {
        }
    }

    private PinnedDatabase Pin(BytePath path, CancellationToken cancellationToken) => PinnedDatabase.Pin(path, new SqliteOptions { BusyTimeout = TrialPatience }, _context.Time, cancellationToken);

    /// <summary>Reads all of a database, because what is damaged must be copied in the window and what is sound need not.</summary>
    private bool IsSound(BytePath path, CancellationToken cancellationToken)
    {
        try
        {
            using PinnedDatabase pinned = Pin(path, cancellationToken);
            pinned.Check(cancellationToken);
            return true;
        }
        catch (ExplainedException e) when (e is not DatabaseLockedException)
        {
            _damaged[path] = e.Message;
            return false;
        }
        catch (DatabaseLockedException) when (Settings.Quiesce == QuiesceMode.Stop)
        {
            return true;   // as far as can be said until it is stopped
        }
    }

    /// <summary>Whether the snapshot before told of it: then it is looked at again, so that the warning does not fall silent.</summary>
    private bool WasWarnedOf(WalkedEntry entry) => _warnedBefore.Count > 0 && _warnedBefore.Contains(entry.Path.ToString());

    private static CutEntry Listed(WalkedEntry entry, CatalogEntry? old, CutFlags flags, string key)
    {
        bool unchanged = old is not null && old.IsDatabase == flags.HasFlag(CutFlags.Database) && old.IsUnchanged(entry.Status, key);
        return new CutEntry(entry.Path, entry.Status, entry.LinkTarget, flags | (unchanged ? CutFlags.Unchanged : CutFlags.None), key, default);
    }

    private void Add(CutEntry entry)
    {
        Listing.Add(entry);
        if (entry.Status.Kind != FileKind.Regular) return;
        Bytes += entry.Status.Size;
        if (entry.Flags.HasFlag(CutFlags.Unchanged)) return;
        ChangedBytes += entry.Status.Size;
        if (entry.Flags.HasFlag(CutFlags.Database)) ChangedDatabaseBytes += entry.Status.Size;
    }

    public async ValueTask DisposeAsync()
    {
        Listing.Dispose();
        OnlineBackup?.Dispose();
        await Dumps.DisposeAsync();
    }
}
