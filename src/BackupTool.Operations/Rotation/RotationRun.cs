using BackupTool.Operations.Configuration;
using BackupTool.Repositories;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Pruning;
using BackupTool.Repositories.Retention;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;

namespace BackupTool.Operations.Rotation;

/// <summary>Forgets the snapshots that no policy keeps, then prunes what only they needed.</summary>
/// <param name="configuration">Names the repository and the policies.</param>
/// <param name="progress">Who is told.</param>
/// <param name="time">The clock.</param>
public sealed class RotationRun(BackupConfiguration configuration, IProgressObserver progress, TimeProvider time)
{
    /// <summary>Rotates. Holds the exclusive lock from the first look to the last removal; a dry run only keeps others from removing.</summary>
    /// <exception cref="RepositoryDamagedException">A snapshot cannot be read, or lacks a pack: nothing was removed.</exception>
    /// <exception cref="RepositoryLockedException">Somebody else is at it.</exception>
    public async Task<RotationReport> RunAsync(RotationRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        Repository repository = await Repository.OpenAsync(new LocalStorage(configuration.Repository.Path), cancellationToken);
        TimeSpan wait = request.LockWait ?? configuration.Repository.LockWait;
        await using RepositoryLock held = request.DryRun
            ? await RepositoryLock.AcquireAsync(repository.Storage, LockMode.Read, "rotate", wait, time, progress.Message, cancellationToken)
            : await SpaceReserve.AcquireLockAsync(repository.Storage, "rotate", wait, time, progress.Message, cancellationToken);
        RepositorySurvey survey = await RepositorySurvey.ReadAsync(repository, cancellationToken);
        string host = Environment.MachineName;
        RetentionPlan plan = RetentionPlan.Decide(survey.Snapshots, ConfiguredRetention.RulesOf(configuration, time.LocalTimeZone), time.GetUtcNow(), request.AllHosts ? null : host);
        var forgotten = new List<SnapshotId>();
        if (!request.DryRun && plan.Removed.Any())
        {
            // First whether all that stays is there: when packs are lost, what would go may be the last that is whole.
            await PruneAsync(repository, held, plan, isDryRun: true, cancellationToken);
            await ForgetAsync(repository, plan, forgotten, cancellationToken);
        }
        PruneReport prune = await PruneAsync(repository, held, plan, request.DryRun, cancellationToken);
        return new RotationReport { DryRun = request.DryRun, Plan = plan, Forgotten = forgotten, Prune = prune, Warnings = [.. survey.Warnings, .. NeverVerified(plan, host), .. prune.Warnings] };
    }

    private Task<PruneReport> PruneAsync(Repository repository, RepositoryLock held, RetentionPlan plan, bool isDryRun, CancellationToken cancellationToken)
    {
        var options = new PruneOptions
        {
            Grace = configuration.Rotation.Grace,
            MaxWaste = configuration.Rotation.MaxWaste,
            MaxRepackBytes = configuration.Rotation.MaxRepackBytes,
            DryRun = isDryRun,
            Forgotten = plan.Removed.Select(static snapshot => snapshot.Id).ToHashSet(),
        };
        return new Pruner(repository, held, time).RunAsync(options, new PruneProgress(progress.Begin, progress.Advance, progress.Message), cancellationToken);
    }

    private async Task ForgetAsync(Repository repository, RetentionPlan plan, List<SnapshotId> forgotten, CancellationToken cancellationToken)
    {
        List<SnapshotId> removed = [.. plan.Removed.Select(static snapshot => snapshot.Id)];
        if (removed.Count == 0) return;
        progress.Begin("forget", null, removed.Count);
        await Forgetting.RunAsync(repository, removed, id =>
        {
            forgotten.Add(id);
            progress.Advance(0, 1);
        }, cancellationToken);
    }

    /// <summary>A service that is not configured any more is not verified any more either, and no cause for alarm.</summary>
    private IEnumerable<string> NeverVerified(RetentionPlan plan, string host)
    {
        List<string> services = [.. plan.Floors.Where(floor => floor.NewestVerified is null && (floor.Host != host || configuration.Services.Any(service => service.Name == floor.Service)))
            .Select(floor => floor.Host == host ? floor.Service : $"{floor.Service} of {floor.Host}")];
        if (services.Count > 0)
            yield return $"no snapshot of {string.Join(", ", services)} was ever verified, so of each only the newest is safe from the policies (add \"verify\" to the `run` of a schedule, or run 'backup verify --level data')";
    }
}
