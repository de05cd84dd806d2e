using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Reseed;

/// <summary>
/// Gives a service empty databases in the place of corrupted or unwanted ones, and fills them. The old ones are moved away, never deleted; when the service does not get healthy or cannot be filled,
/// they come back. A wipe that is killed goes back to them, too, and may be run again.
/// </summary>
/// <param name="configuration">As it is now.</param>
/// <param name="source">Where snapshots are; null for a wipe that needs none.</param>
/// <param name="world">Where it happens.</param>
public sealed class ServiceWipe(BackupConfiguration configuration, SnapshotSource? source, ReplacementWorld world)
{
    /// <summary>Decides; changes nothing. Not for <see cref="ReseedMethod.Snapshot"/>.</summary>
    /// <exception cref="ExplainedException">The repository or systemd cannot be read.</exception>
    public Task<WipePlan> PlanAsync(WipeRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return new WipePlanner(configuration, source, world.ContextOf(configuration)).PlanAsync(request, Settings(request.Service), cancellationToken);
    }

    /// <summary>The restore in place that a wipe with <see cref="ReseedMethod.Snapshot"/> is.</summary>
    /// <exception cref="OperationException">There is no snapshot for it.</exception>
    public async Task<InPlaceRequest> RestoreFromAsync(WipeRequest request, bool isDryRun, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        string name = Settings(request.Service).Name;
        StoredSnapshot snapshot = request.Snapshot ?? await new SeedFinder(source!).FindNewestAsync(name, cancellationToken)
            ?? throw new OperationException($"No snapshot has '{name}', but for those that a restore or wipe made of what it replaced.", "Name one of these with --snapshot, or begin afresh (--reseed none).");
        ServiceSnapshot service = snapshot.Snapshot.Services.FirstOrDefault(each => each.Name == name)
            ?? throw new NotInRepositoryException($"Snapshot {snapshot.Id.Prefix} holds no service '{name}'.", "Name another with --snapshot ('backup list' shows all).");
        return new InPlaceRequest { Snapshot = snapshot, Services = [service], SkipsSafety = request.SkipsSafety, SafetyLabel = SafetySnapshot.WipeLabel, DryRun = isDryRun };
    }

    /// <summary>Wipes. Not for <see cref="ReseedMethod.Snapshot"/>.</summary>
    /// <exception cref="RestoreRefusedException">Something is in the way; nothing was touched.</exception>
    /// <exception cref="ExplainedException">Nothing was replaced; or the message says what is not as it was.</exception>
    public async Task<WipeReport> RunAsync(WipeRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        using HeldReplacement held = world.Hold();
        ReplacementContext context = world.ContextOf(configuration);
        WipePlan plan = await PlanAsync(request, cancellationToken);
        if (plan.Problems.Count > 0) throw new RestoreRefusedException(plan.Problems);
        foreach (string warning in plan.Warnings) world.Progress.Warn(warning);
        BackupReport? safety = request.SkipsSafety ? null
            : await new SafetySnapshot(configuration, world.Manager, world.Progress, world.Time).MakeAsync([plan.Targets.Settings.Name], SafetySnapshot.WipeLabel, cancellationToken);

        ReplacementRecord record = RecordOf(plan, safety);
        held.Write(record);
        FailPoint.Reach(FailPoint.Prepared);
        var end = new ReplacementEnd(held, context);
        using SeedFiles? seed = await PrepareAsync(plan, record, end, context, request, cancellationToken);
        var reseeding = new Reseeding(configuration, request, plan, safety, seed, context);
        ReplacementOutcome outcome;
        try
        {
            outcome = await new Replacement(held, context).CarryOutAsync(record, (_, cancellation) => reseeding.FillAsync(record, cancellation), cancellationToken);
        }
        catch (Exception e) when (held.Journal.Read() is { Phase: ReplacementPhase.Preparing } or { Phase: ReplacementPhase.Settled })
        {
            await AbandonAsync(end, record, e);
            throw;
        }
        await end.ConcludeAsync(outcome);
        return reseeding.ReportOf(outcome);
    }

    private async Task<SeedFiles?> PrepareAsync(WipePlan plan, ReplacementRecord record, ReplacementEnd end, ReplacementContext context, WipeRequest request, CancellationToken cancellationToken)
    {
        SeedFiles? seed = null;
        try
        {
            if (plan.Seed is { } from) seed = await SeedFiles.RestoreAsync(source!, from, request.Method == ReseedMethod.Api, configuration.Staging.Path, world.Progress, cancellationToken);
            await new EmptyState(plan, context.Databases).MakeAsync(record, cancellationToken);
            return seed;
        }
        catch (Exception e)
        {
            seed?.Dispose();
            await AbandonAsync(end, record, e);
            throw;
        }
    }

    // That what was prepared cannot be removed must not hide why it is not needed.
    private static async Task AbandonAsync(ReplacementEnd end, ReplacementRecord record, Exception failure)
    {
        try
        {
            await end.AbandonAsync(record);
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            throw new OperationException($"{failure.Message}; and what was prepared could not be removed: {e.Message}", "Run 'backup recover', which tries again.", failure);
        }
    }

    private ServiceSettings Settings(string name) => configuration.Services.FirstOrDefault(service => service.Name == name)
        ?? throw new UnknownServiceException($"{configuration.File} has no service '{name}'.", configuration.Services.Count > 0 ? $"It has: {string.Join(", ", configuration.Services.Select(static service => service.Name))}." : "Add it there.");

    private ReplacementRecord RecordOf(WipePlan plan, BackupReport? safety)
    {
        string id = InPlaceRestore.NewId(world.Time);
        return new ReplacementRecord
        {
            FormatVersion = ReplacementRecord.CurrentVersion,
            Id = id,
            Action = ReplacementRecord.WipeAction,
            Began = world.Time.GetUtcNow(),
            Snapshot = plan.Snapshot?.Id.Hex,
            SafetySnapshot = safety?.Snapshot?.Id.Hex,
            Phase = ReplacementPhase.Preparing,
            Goal = Side.New,
            Live = Side.Old,
            Services = [.. plan.Services],
            Paths = EmptyState.PathsOf(plan, id),
            Databases = EmptyState.DatabasesOf(plan),
        };
    }
}
