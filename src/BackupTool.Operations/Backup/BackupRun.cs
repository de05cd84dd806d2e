using System.Reflection;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;

namespace BackupTool.Operations.Backup;

/// <summary>What a run is to do.</summary>
public sealed record BackupRequest
{
    /// <summary>Names of services; empty for all.</summary>
    public IReadOnlyList<string> Services { get; init; } = [];

    /// <summary>Words for the snapshot.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Keep the snapshot for ever.</summary>
    public bool Pinned { get; init; }

    /// <summary>How long to wait for another run; null for the configured time.</summary>
    public TimeSpan? LockWait { get; init; }

    /// <summary>Take the cut, say what would be read, and store nothing.</summary>
    public bool DryRun { get; init; }
}

/// <summary>What a service of a run came to.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Entries">Members of its archive.</param>
/// <param name="Bytes">Bytes of its files.</param>
/// <param name="ChangedBytes">Bytes of those that had to be read.</param>
/// <param name="LeftOut">What was left out on purpose.</param>
/// <param name="Warnings">What could not be stored as it should be.</param>
public sealed record ServiceReport(
    string Name, long Entries, long Bytes, long ChangedBytes, IReadOnlyList<LeftOut> LeftOut, IReadOnlyList<LeftOut> Warnings);

/// <summary>What a run came to.</summary>
/// <param name="Snapshot">What was committed; null in a dry run.</param>
/// <param name="Services">The services that could be backed up.</param>
/// <param name="Failures">Those that could not.</param>
/// <param name="Damaged">Earlier snapshots that cannot be read any more: this run does not need them, but somebody should know.</param>
public sealed record BackupReport(
    StoredSnapshot? Snapshot, IReadOnlyList<ServiceReport> Services, IReadOnlyList<ServiceFailure> Failures, IReadOnlyList<RepositoryDamagedException> Damaged)
{
    /// <summary>Whether something was skipped, or is damaged, that an operator may miss.</summary>
    public bool HasWarnings => Damaged.Count > 0 || Services.Any(static service => service.Warnings.Count > 0);
}

/// <summary>
/// One backup, from the cut to the committed snapshot. A service that cannot be taken fails alone; the others are stored, and the report names it. A run in which every
/// service fails commits nothing.
/// </summary>
public sealed class BackupRun(BackupConfiguration configuration, IProgressObserver progress, TimeProvider time)
{
    private readonly List<ServiceFailure> _failures = [];
    private IReadOnlyList<RepositoryDamagedException> _damaged = [];

    /// <summary>The version of this tool, as snapshots record it.</summary>
    public static string ToolVersion { get; } = typeof(BackupRun).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    /// <summary>Makes the backup.</summary>
    /// <exception cref="ExplainedException">Nothing was committed.</exception>
    public async Task<BackupReport> RunAsync(BackupRequest request, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        IReadOnlyList<ServiceSettings> services = Choose(request.Services);
        Repository repository = await Repository.OpenAsync(new LocalStorage(configuration.Repository.Path), cancellationToken);
        await using RepositoryLock held = await RepositoryLock.AcquireAsync(repository.Storage, LockMode.Write, "now",
            request.LockWait ?? configuration.Repository.LockWait, time, progress.Message, cancellationToken);
        if (await repository.CheckFixedFilesAsync(cancellationToken) is [var damage, ..]) throw damage;
        BytePath staging = RunStaging.Create(configuration.Staging.Path, progress);
        try
        {
            return await RunLockedAsync(request, services, repository, staging, started, cancellationToken);
        }
        finally
        {
            PosixDirectory.Current.RemoveTree(staging);
        }
    }

    private async Task<BackupReport> RunLockedAsync(
        BackupRequest request, IReadOnlyList<ServiceSettings> services, Repository repository, BytePath staging, long started, CancellationToken cancellationToken)
    {
        int stale = await repository.Storage.RemoveStaleUploadsAsync(cancellationToken);
        if (stale > 0) progress.Message($"removed {stale} unfinished files that an interrupted run had left");
        ChunkIndex index = await repository.LoadIndexAsync(cancellationToken);
        IReadOnlyList<FinishedPack> adopted = await repository.AdoptOrphanPacksAsync(index, damage => progress.Warn($"{damage.Message}; nothing needs it yet"), cancellationToken);
        if (adopted.Count > 0) progress.Message($"took over {adopted.Count} packs of an interrupted run");
        (IReadOnlyList<StoredSnapshot> snapshots, _damaged) = await repository.ListReadableSnapshotsAsync(cancellationToken);
        foreach (RepositoryDamagedException damage in _damaged) progress.Warn(damage.Message);
        var context = new CutContext(repository, index, configuration.Repository.Path, staging, progress, time);

        progress.Begin("cut", null, null);
        DateTimeOffset cutAt = time.GetUtcNow();
        List<OpenCut> cuts = await CutAsync(services, snapshots, context, cancellationToken);
        try
        {
            if (cuts.Count == 0) throw new OperationException(string.Join("\n", _failures.Select(static f => $"{f.Name}: {f.Reason}")), "Nothing was stored. Correct this and run it again.");
            if (request.DryRun) return new BackupReport(null, [.. cuts.Select(static cut => ReportOf(cut.Service.Name, cut.Cut))], _failures, _damaged);
            return await StoreAsync(request, repository, index, adopted, cuts, new RunTimes(started, cutAt), cancellationToken);
        }
        finally
        {
            foreach (OpenCut cut in cuts) await cut.Cut.DisposeAsync();
        }
    }

    private sealed record OpenCut(ServiceSettings Service, ServiceCut Cut, ServiceSnapshot? Parent, StoredSnapshot? ParentSnapshot);

    private readonly record struct RunTimes(long Started, DateTimeOffset CutAt);

    private async Task<List<OpenCut>> CutAsync(
        IReadOnlyList<ServiceSettings> services, IReadOnlyList<StoredSnapshot> snapshots, CutContext context, CancellationToken cancellationToken)
    {
        var cuts = new List<OpenCut>();
        foreach (ServiceSettings service in services)
        {
            StoredSnapshot? parent = snapshots.LastOrDefault(s => s.Snapshot.Host == Environment.MachineName && s.Snapshot.Services.Any(o => o.Name == service.Name));
            ServiceSnapshot? old = parent?.Snapshot.Services.First(s => s.Name == service.Name);
            try
            {
                cuts.Add(new OpenCut(service, await ServiceCut.MakeAsync(service, context, old, cancellationToken), old, parent));
            }
            catch (ExplainedException e) when (e is not RepositoryException)
            {
                Fail(service, e);
            }
        }
        return cuts;
    }

    private async Task<BackupReport> StoreAsync(
        BackupRequest request, Repository repository, ChunkIndex index, IReadOnlyList<FinishedPack> adopted, List<OpenCut> cuts, RunTimes times, CancellationToken cancellationToken)
    {
        await using var session = new WriteSession(repository, index, adopted, (int)configuration.Repository.Compression, cancellationToken);
        progress.Begin("store", cuts.Sum(static cut => cut.Cut.Bytes), null);
        var stored = new List<(OpenCut Cut, ArchiveResult Result)>();
        foreach (OpenCut cut in cuts)
        {
            try
            {
                stored.Add((cut, await StoreAsync(session, cut, cancellationToken)));
            }
            catch (ExplainedException e) when (e is not RepositoryException)
            {
                Fail(cut.Service, e);
            }
        }
        if (stored.Count == 0) throw new OperationException(string.Join("\n", _failures.Select(static f => $"{f.Name}: {f.Reason}")), "Nothing was committed. Correct this and run it again.");
        await session.FinishAsync(cancellationToken);
        StoredSnapshot snapshot = await repository.CommitAsync(Describe(request, repository, session, stored, times), cancellationToken);
        await ReadBackAsync(repository, index, snapshot, cancellationToken);
        return new BackupReport(snapshot, [.. stored.Select(static s => ReportOf(s.Cut.Service.Name, s.Cut.Cut))], _failures, _damaged);
    }

    private async Task<ArchiveResult> StoreAsync(WriteSession session, OpenCut cut, CancellationToken cancellationToken)
    {
        ParentArchive? parent = cut.Parent is null ? null : new ParentArchive(session.Repository, session.Index, cut.Parent.Archive, cancellationToken);
        await using (parent)
        {
            var writer = new ArchiveWriter(session, parent, warning => cut.Cut.Warn(warning.Path, warning.Reason), bytes => progress.Advance(bytes, 0));
            ArchiveResult result = await writer.WriteAsync(cut.Cut.ReadEntriesAsync(cut.Parent?.Archive, cancellationToken), cancellationToken);
            if (result.Archive.Files == 0) cut.Cut.Warn(cut.Cut.Layout.Roots[0], "holds no file at all: is it the right place, and is it mounted?");
            return result;
        }
    }

    private Snapshot Describe(
        BackupRequest request, Repository repository, WriteSession session, List<(OpenCut Cut, ArchiveResult Result)> stored, RunTimes times) => new()
        {
            FormatVersion = Snapshot.CurrentVersion,
            RepositoryId = repository.Format.Id,
            Time = times.CutAt,
            FinishedAt = time.GetUtcNow(),
            Host = Environment.MachineName,
            Labels = [.. request.Labels],
            Pinned = request.Pinned,
            ToolVersion = ToolVersion,
            Parent = stored.Select(static s => s.Cut.ParentSnapshot).OfType<StoredSnapshot>().OrderBy(static s => s.Snapshot.Time).LastOrDefault()?.Id.Hex,
            Services = [.. stored.Select(static s => Describe(s.Cut, s.Result))],
            Failures = [.. _failures],
            Statistics = new SnapshotStatistics
            {
                ReusedEntries = stored.Sum(static s => s.Result.ReusedEntries),
                ReadBytes = stored.Sum(static s => s.Result.ReadBytes),
                NewChunks = session.NewChunks,
                StoredBytes = session.StoredBytes,
                Seconds = time.GetElapsedTime(times.Started).TotalSeconds,
            },
        };

    private static ServiceSnapshot Describe(OpenCut cut, ArchiveResult result) => new()
    {
        Name = cut.Service.Name,
        Kind = cut.Service.Kind,
        Unit = cut.Service.Unit,
        Quiesce = "online",
        Roots = [.. cut.Cut.Layout.Roots.Select(static root => root.ToString())],
        Facts = cut.Cut.Facts,
        Archive = result.Archive,
        LeftOut = [.. cut.Cut.LeftOut],
        Warnings = [.. cut.Cut.Warnings],
    };

    /// <summary>The snapshot, its catalogs and chunk lists are read as a restore would read them, and every chunk is found.</summary>
    private static async Task ReadBackAsync(Repository repository, ChunkIndex index, StoredSnapshot committed, CancellationToken cancellationToken)
    {
        StoredSnapshot read = await repository.ReadSnapshotAsync(committed.Id, cancellationToken);
        foreach (ServiceSnapshot service in read.Snapshot.Services)
            await ArchiveCheck.RunAsync(repository, index, service.Archive, $"{read.Id.FileName} ({service.Name})", cancellationToken);
    }

    private static ServiceReport ReportOf(string name, ServiceCut cut) => new(name, cut.Entries, cut.Bytes, cut.ChangedBytes, cut.LeftOut, cut.Warnings);

    private IReadOnlyList<ServiceSettings> Choose(IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            if (configuration.Services.Any(s => s.Name == name)) continue;
            throw new UnknownServiceException($"There is no service '{name}' in {configuration.File}.", $"It has: {string.Join(", ", configuration.Services.Select(static s => s.Name))}.");
        }
        if (configuration.Services.Count == 0) throw new OperationException($"{configuration.File} names no service: there is nothing to back up.", "Run 'backup config discover' for a proposal.");
        return names.Count == 0 ? configuration.Services : [.. configuration.Services.Where(s => names.Contains(s.Name))];
    }

    private void Fail(ServiceSettings service, ExplainedException failure)
    {
        string message = failure.Message.TrimEnd('.');
        _failures.Add(new ServiceFailure(service.Name, failure.Hint is null ? $"{message}." : $"{message}. {failure.Hint}"));
    }
}
