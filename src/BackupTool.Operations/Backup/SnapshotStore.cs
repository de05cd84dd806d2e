using BackupTool.Operations.Configuration;
using BackupTool.Operations.Sanity;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Backup;

/// <summary>The repository as a run found it.</summary>
/// <param name="Repository">It.</param>
/// <param name="Held">The run's lock on it.</param>
/// <param name="Index">Its chunks.</param>
/// <param name="Adopted">Packs of an interrupted run that were taken over.</param>
/// <param name="Snapshots">Those that can be read.</param>
/// <param name="Damaged">Those that cannot.</param>
internal sealed record OpenedRepository(
    Repository Repository, RepositoryLock Held, ChunkIndex Index, IReadOnlyList<FinishedPack> Adopted, IReadOnlyList<StoredSnapshot> Snapshots, IReadOnlyList<RepositoryDamagedException> Damaged)
{
    /// <summary>Opens it for writing.</summary>
    internal static async Task<OpenedRepository> OpenAsync(Repository repository, RepositoryLock held, IProgressObserver progress, CancellationToken cancellationToken)
    {
        int stale = await repository.Storage.RemoveStaleUploadsAsync(cancellationToken);
        if (stale > 0) progress.Message($"removed {stale} unfinished files that an interrupted run had left");
        ChunkIndex index = await repository.LoadIndexAsync(cancellationToken);
        IReadOnlyList<FinishedPack> adopted = await repository.AdoptOrphanPacksAsync(index, damage => progress.Warn($"{damage.Message}; nothing needs it yet"), cancellationToken);
        if (adopted.Count > 0) progress.Message($"took over {adopted.Count} packs of an interrupted run");
        (IReadOnlyList<StoredSnapshot> snapshots, IReadOnlyList<RepositoryDamagedException> damaged) = await repository.ListReadableSnapshotsAsync(cancellationToken);
        foreach (RepositoryDamagedException damage in damaged) progress.Warn(damage.Message);
        return new OpenedRepository(repository, held, index, adopted, snapshots, damaged);
    }

    /// <summary>The newest snapshot of this host that holds a service; null for a first one.</summary>
    internal StoredSnapshot? ParentOf(string service) =>
        Snapshots.LastOrDefault(s => s.Snapshot.Host == Environment.MachineName && s.Snapshot.Services.Any(other => other.Name == service));
}

/// <summary>A cut that is to be stored.</summary>
/// <param name="Cut">It.</param>
/// <param name="ParentSnapshot">Whose unchanged entries are taken over; null for a first one.</param>
/// <param name="Quiesce">online, stop or freeze.</param>
/// <param name="Copy">What kind of copy that makes: see <see cref="ServiceSnapshot.Copy"/>.</param>
/// <param name="CrashReason">Why it is a crash copy; null when it is none.</param>
/// <param name="Downtime">From its first stop to healthy; null when it was not stopped.</param>
internal sealed record OpenCut(ServiceCut Cut, StoredSnapshot? ParentSnapshot, string Quiesce, string Copy, string? CrashReason, TimeSpan? Downtime)
{
    internal ServiceSettings Settings => Cut.Settings;
}

/// <summary>Stores cuts as one snapshot: archives, then the commit, then everything is read back.</summary>
internal sealed class SnapshotStore(BackupConfiguration configuration, OpenedRepository opened, ServiceSanity sanity, IProgressObserver progress, TimeProvider time)
{
    /// <summary>When a run began, when it cut, and how long everything stood still.</summary>
    internal readonly record struct RunTimes(long Started, DateTimeOffset CutAt, TimeSpan? Window);

    /// <summary>Stores what can be stored; whatever cannot goes to <paramref name="fail"/>. Nothing is committed when that is everything.</summary>
    internal async Task<StoredSnapshot?> StoreAsync(
        BackupRequest request, IReadOnlyList<OpenCut> cuts, RunTimes times, List<ServiceFailure> failures, Action<ServiceSettings, ExplainedException> fail, CancellationToken cancellationToken)
    {
        await using var session = new WriteSession(opened.Repository, opened.Index, opened.Adopted, (int)configuration.Repository.Compression, cancellationToken);
        progress.Begin("store", cuts.Sum(static cut => cut.Cut.Bytes), null);
        var stored = new List<(OpenCut Cut, ArchiveResult Result)>();
        foreach (OpenCut cut in cuts)
        {
            try
            {
                ArchiveResult result = await StoreAsync(session, cut.Cut, cancellationToken);
                await sanity.CheckAsync(request, cut, result.Archive, cancellationToken);
                stored.Add((cut, result));
            }
            catch (ExplainedException e) when (e is not RepositoryException)
            {
                fail(cut.Settings, e);
            }
        }
        if (stored.Count == 0) return null;
        await session.FinishAsync(cancellationToken);
        StoredSnapshot snapshot = await opened.Repository.CommitAsync(Describe(request, session, stored, times, failures), opened.Held, cancellationToken);
        await ReadBackAsync(snapshot, cancellationToken);
        return snapshot;
    }

    private async Task<ArchiveResult> StoreAsync(WriteSession session, ServiceCut cut, CancellationToken cancellationToken)
    {
        ParentArchive? parent = cut.Parent is { } old ? new ParentArchive(session.Repository, session.Index, old.Archive, cancellationToken) : null;
        await using (parent)
        {
            var writer = new ArchiveWriter(session, parent, warning => cut.Findings.Warn(warning.Path, warning.Reason), bytes => progress.Advance(bytes, 0), cut.OnNewer);
            return await writer.WriteAsync(cut.ReadEntriesAsync(cancellationToken), cancellationToken);
        }
    }

    private Snapshot Describe(
        BackupRequest request, WriteSession session, List<(OpenCut Cut, ArchiveResult Result)> stored, RunTimes times, List<ServiceFailure> failures) => new()
        {
            FormatVersion = Snapshot.CurrentVersion,
            RepositoryId = opened.Repository.Format.Id,
            Time = times.CutAt,
            FinishedAt = time.GetUtcNow(),
            Host = Environment.MachineName,
            Labels = [.. request.Labels],
            Pinned = request.Pinned,
            Schedule = request.Schedule,
            ToolVersion = BackupRun.ToolVersion,
            Parent = stored.Select(static s => s.Cut.ParentSnapshot).OfType<StoredSnapshot>().OrderBy(static s => s.Snapshot.Time).LastOrDefault()?.Id.Hex,
            WindowSeconds = times.Window?.TotalSeconds,
            Services = [.. stored.Select(static s => Describe(s.Cut, s.Result))],
            Failures = [.. failures],
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
        Name = cut.Settings.Name,
        Kind = cut.Settings.Kind,
        Unit = cut.Settings.Unit,
        Quiesce = cut.Quiesce,
        Copy = cut.Copy,
        CrashReason = cut.CrashReason,
        DowntimeSeconds = cut.Downtime?.TotalSeconds,
        Roots = [.. cut.Cut.Layout.Roots.Select(static root => root.ToString())],
        Facts = cut.Cut.Facts,
        Archive = result.Archive,
        LeftOut = cut.Cut.Findings.LeftOut,
        Warnings = cut.Cut.Findings.Warnings,
    };

    /// <summary>The snapshot, its catalogs and chunk lists are read as a restore would read them, and every chunk is found.</summary>
    private async Task ReadBackAsync(StoredSnapshot committed, CancellationToken cancellationToken)
    {
        StoredSnapshot read = await opened.Repository.ReadSnapshotAsync(committed.Id, cancellationToken);
        foreach (ServiceSnapshot service in read.Snapshot.Services)
            await ArchiveCheck.RunAsync(opened.Repository, opened.Index, service.Archive, $"{read.Id.FileName} ({service.Name})", cancellationToken);
    }
}
