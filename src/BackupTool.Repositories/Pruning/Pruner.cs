using BackupTool.Posix;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Pruning;

/// <summary>
/// Gives the room back that forgotten snapshots took. In two phases: a pack that nothing needs is marked; a later run, after the grace period, looks at all snapshots anew and removes it if
/// nothing needs it still. Killed at any instant, it loses nothing, and the next run goes on (FORMAT.md: Pruning).
/// </summary>
/// <param name="repository">Where.</param>
/// <param name="held">The exclusive lock, which the caller has taken and keeps; may be null, or a reader's, for a dry run.</param>
/// <param name="time">The clock.</param>
public sealed class Pruner(Repository repository, RepositoryLock? held, TimeProvider time)
{
    private readonly List<RepositoryDamagedException> _damage = [];
    private readonly List<string> _warnings = [];
    private readonly List<PackUse> _removed = [];

    private IStorage Storage => repository.Storage;

    /// <summary>Prunes, or says what it would do.</summary>
    /// <exception cref="RepositoryDamagedException">What snapshots need cannot be told, so nothing was removed.</exception>
    /// <exception cref="RepositoryLockedException">The lock was lost, or somebody wrote in spite of it.</exception>
    public async Task<PruneReport> RunAsync(PruneOptions options, PruneProgress progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(progress);
        if (options.DryRun)
        {
            PruneInventory found = await PruneInventory.ReadAsync(repository, options.Forgotten, progress, cancellationToken);
            return PruneReport.Of(found.Plan(time.GetUtcNow(), options), time.GetUtcNow(), options, found.Warnings);
        }
        if (held is null) throw new ArgumentException("Removing takes the exclusive lock.", nameof(options));
        await held.RequireHeldAsync(cancellationToken);
        int stale = await Storage.RemoveStaleUploadsAsync(cancellationToken);
        if (stale > 0) progress.Message($"removed {stale} unfinished files that an interrupted run had left");
        PruneInventory inventory = await PruneInventory.ReadAsync(repository, new HashSet<SnapshotId>(), progress, cancellationToken);
        return await CarryOutAsync(inventory, options, progress, cancellationToken);
    }

    private async Task<PruneReport> CarryOutAsync(PruneInventory inventory, PruneOptions options, PruneProgress progress, CancellationToken cancellationToken)
    {
        PrunePlan plan = inventory.Plan(time.GetUtcNow(), options);
        // Removing first: on a full disk it makes the room for the rest.
        await RemoveAsync(inventory, plan, static _ => false, progress, cancellationToken);
        Repacking repacking = await RepackAsync(inventory, plan, progress, cancellationToken);

        var fates = plan.Verdicts.ToDictionary(static verdict => verdict.Pack.Id, static verdict => verdict.Fate);
        inventory.Add(repacking.Written, repacking.IndexFiles, pack => fates[pack.Id] is PackFate.Keep or PackFate.Unmark or PackFate.Repack);
        PrunePlan after = inventory.Plan(time.GetUtcNow(), options with { MaxRepackBytes = 0 });
        var written = repacking.Written.Select(static pack => pack.Id).ToHashSet();
        if (options.Grace <= TimeSpan.Zero && written.Count > 0) await RemoveAsync(inventory, after, written.Contains, progress, cancellationToken);
        List<PackVerdict> marked = [.. after.Verdicts.Where(IsMarked)];
        await MarkAsync(inventory, marked, cancellationToken);
        int reports = await OldReports.RemoveAsync(Storage, inventory.SnapshotFiles.Select(static name => SnapshotId.TryParseFileName(name, out SnapshotId? id) ? id.Value.Hex : name).ToHashSet(), cancellationToken);
        return Report(plan, repacking, marked, inventory, after, options) with { RemovedReports = reports };
    }

    private async Task RemoveAsync(PruneInventory inventory, PrunePlan plan, Func<PackId, bool> isProven, PruneProgress progress, CancellationToken cancellationToken)
    {
        bool hasWork = plan.With(PackFate.Remove).Any() || plan.Verdicts.Any(static verdict => !verdict.Pack.IsIndexed && verdict.LiveBytes > 0);
        if (!hasWork) return;
        await SpaceReserve.ReleaseAsync(Storage, cancellationToken);
        var removal = new PackRemoval(repository, held!, inventory, plan);
        await removal.RunAsync(isProven, progress, cancellationToken);
        _removed.AddRange(removal.Removed);
        AddDamage(removal.Damage);
    }

    private void AddDamage(IEnumerable<RepositoryDamagedException> found) => _damage.AddRange(found.Where(damage => !_damage.Exists(known => known.FileName == damage.FileName)));

    /// <summary>That there is no room for it is no failure: it is done when there is.</summary>
    private async Task<Repacking> RepackAsync(PruneInventory inventory, PrunePlan plan, PruneProgress progress, CancellationToken cancellationToken)
    {
        var repacking = new Repacking(repository, inventory, plan);
        try
        {
            await repacking.RunAsync(progress, cancellationToken);
        }
        catch (PosixException e) when (e.IsOutOfSpace)
        {
            _warnings.Add($"packs with much waste were not packed anew, because there is no room for it: {e.Message}");
            repacking = new Repacking(repository, inventory, plan);
        }
        AddDamage(repacking.Damage);
        return repacking;
    }

    /// <summary>What could be removed and is not, because it may still help, waits as well.</summary>
    private static bool IsMarked(PackVerdict verdict) => verdict.Fate is PackFate.Mark or PackFate.Wait || (verdict.Fate == PackFate.Remove && verdict.Pack.MarkedAt is not null);

    private async Task MarkAsync(PruneInventory inventory, List<PackVerdict> marked, CancellationToken cancellationToken)
    {
        DateTimeOffset now = time.GetUtcNow();
        try
        {
            await PackMarks.WriteAsync(Storage, marked.Select(verdict => (verdict.Pack.Id, verdict.Fate == PackFate.Mark ? now : verdict.Pack.MarkedAt!.Value)), cancellationToken);
        }
        catch (PosixException e) when (e.IsOutOfSpace)
        {
            throw new RepositoryException($"There is no room to mark {marked.Count:N0} packs that nothing needs any more: {e.Message}.",
                "Nothing is lost. Free a few KiB on that file system and run it again; or, when no other machine writes to this repository, give --grace 0s: what nothing needs is then removed at once, and needs no mark.", e);
        }
        await SpaceReserve.KeepAsync(Storage, marked.Count > 0, inventory.IndexFiles.Select(static file => file.File.Bytes).DefaultIfEmpty().Max(), cancellationToken);
    }

    private PruneReport Report(PrunePlan plan, Repacking repacking, List<PackVerdict> marked, PruneInventory inventory, PrunePlan after, PruneOptions options)
    {
        List<DateTimeOffset> times = [.. marked.Select(verdict => verdict.RemovableAt ?? verdict.Pack.MarkedAt!.Value + options.Grace)];
        List<PackVerdict> kept = [.. after.Verdicts.Where(static verdict => verdict.LiveBytes > 0)];
        return new PruneReport
        {
            DryRun = false,
            Verdicts = plan.Verdicts,
            RemovedPacks = _removed.Count,
            RemovedBytes = _removed.Sum(static pack => pack.Bytes),
            NewlyMarkedPacks = marked.Count(static verdict => verdict.Fate == PackFate.Mark),
            MarkedPacks = marked.Count,
            MarkedBytes = marked.Sum(static verdict => verdict.Pack.Bytes),
            RemovableFrom = times.Count == 0 ? null : (times.Min(), times.Max()),
            UnmarkedPacks = plan.With(PackFate.Unmark).Count(),
            RepackedPacks = repacking.Repacked.Count,
            RepackedBytes = repacking.Repacked.Sum(static verdict => verdict.Pack.Bytes),
            RewrittenBytes = repacking.Written.Sum(static pack => pack.Bytes),
            WasteBytes = kept.Sum(static verdict => verdict.WasteBytes),
            KeptBytes = kept.Sum(static verdict => verdict.Pack.Bytes),
            Damage = _damage,
            Warnings = [.. inventory.Warnings, .. _warnings],
        };
    }
}
