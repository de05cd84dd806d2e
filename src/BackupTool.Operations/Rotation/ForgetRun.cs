using BackupTool.Operations.Snapshots;
using BackupTool.Repositories;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Pruning;
using BackupTool.Repositories.Retention;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Rotation;

/// <summary>Which snapshots a person wants removed.</summary>
public sealed record ForgetRequest
{
    /// <summary>As <see cref="SnapshotSelector"/> reads them.</summary>
    public required IReadOnlyList<string> Selectors { get; init; }

    /// <summary>Also the newest, and the newest verified one, of a service; never what is pinned.</summary>
    public bool Force { get; init; }

    /// <summary>Only say what would be done.</summary>
    public bool DryRun { get; init; }

    /// <summary>How long to wait for others.</summary>
    public required TimeSpan LockWait { get; init; }
}

/// <summary>What was forgotten; of a dry run, what would be.</summary>
/// <param name="Snapshots">The snapshots, oldest first.</param>
/// <param name="Warnings">What a person should know.</param>
public sealed record ForgetReport(IReadOnlyList<StoredSnapshot> Snapshots, IReadOnlyList<string> Warnings);

/// <summary>Removes the snapshots that a person names: all of them or, when one may not go, none.</summary>
public sealed class ForgetRun(Repository repository, IProgressObserver progress, TimeProvider time)
{
    /// <summary>Forgets them.</summary>
    /// <exception cref="NotInRepositoryException">One is not there, or not the only one that is meant so.</exception>
    /// <exception cref="OperationException">One may not go; nothing was removed.</exception>
    /// <exception cref="RepositoryDamagedException">A snapshot cannot be read: nothing was removed.</exception>
    public async Task<ForgetReport> RunAsync(ForgetRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        await using RepositoryLock held = request.DryRun
            ? await RepositoryLock.AcquireAsync(repository.Storage, LockMode.Read, "forget", request.LockWait, time, progress.Message, cancellationToken)
            : await SpaceReserve.AcquireLockAsync(repository.Storage, "forget", request.LockWait, time, progress.Message, cancellationToken);
        RepositorySurvey survey = await RepositorySurvey.ReadAsync(repository, cancellationToken);
        List<StoredSnapshot> chosen = [.. request.Selectors.Select(selector => SnapshotSelector.Select(survey.Stored, selector, time.LocalTimeZone)).DistinctBy(static one => one.Id).OrderBy(static one => one.Snapshot.Time)];
        RequireNonePinned(chosen, survey.Pins);
        List<string> objections = [.. chosen.SelectMany(one => ObjectionsTo(one, survey))];
        if (objections.Count > 0 && !request.Force) throw new OperationException($"{string.Join("\n", objections)}\nNothing was removed.", "Add --force if it is meant.");
        if (!request.DryRun) await Forgetting.RunAsync(repository, chosen.Select(static one => one.Id), static _ => { }, cancellationToken);
        return new ForgetReport(chosen, survey.Warnings);
    }

    private static void RequireNonePinned(List<StoredSnapshot> chosen, SnapshotPins pins)
    {
        List<string> pinned = [.. chosen.Where(pins.IsPinned).Select(static one => one.Id.Prefix)];
        if (pinned.Count > 0) throw new OperationException($"{string.Join(", ", pinned)} {(pinned.Count == 1 ? "is" : "are")} pinned. Nothing was removed.", $"Run 'backup unpin {string.Join(' ', pinned)}' before, if it is meant.");
    }

    private IEnumerable<string> ObjectionsTo(StoredSnapshot chosen, RepositorySurvey survey)
    {
        List<string> reasons = [.. RetentionFloor.Of(survey.Snapshots, time.GetUtcNow()).Where(floor => floor.Host == chosen.Snapshot.Host).Select(floor => floor.WhyPrecious(chosen.Id)).OfType<string>()];
        if (reasons.Count > 0) yield return $"{chosen.Id.Prefix} is not forgotten so easily: {string.Join("; ", reasons)}.";
    }
}
