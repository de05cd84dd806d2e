namespace BackupTool.Repositories.Pruning;

/// <summary>What a prune did; of a dry run, what it would do.</summary>
public sealed record PruneReport
{
    /// <summary>Whether nothing was done.</summary>
    public required bool DryRun { get; init; }

    /// <summary>What was decided, for each pack that there was.</summary>
    public required IReadOnlyList<PackVerdict> Verdicts { get; init; }

    /// <summary>Packs that were removed.</summary>
    public required int RemovedPacks { get; init; }

    /// <summary>Bytes that are free now for it.</summary>
    public required long RemovedBytes { get; init; }

    /// <summary>Packs that got a mark in this run.</summary>
    public required int NewlyMarkedPacks { get; init; }

    /// <summary>Packs that are marked now, those of earlier runs included.</summary>
    public required int MarkedPacks { get; init; }

    /// <summary>Their bytes: won later, unless they are needed again by then.</summary>
    public required long MarkedBytes { get; init; }

    /// <summary>From when on a prune removes the first, and all, of them; null when none is marked.</summary>
    public (DateTimeOffset First, DateTimeOffset All)? RemovableFrom { get; init; }

    /// <summary>Marks that went because their packs are needed again.</summary>
    public required int UnmarkedPacks { get; init; }

    /// <summary>Packs that were packed anew.</summary>
    public required int RepackedPacks { get; init; }

    /// <summary>Their bytes: marked, or removed, as those of any pack that nothing needs.</summary>
    public required long RepackedBytes { get; init; }

    /// <summary>Bytes of the new packs; of a dry run, of the frames that they would hold.</summary>
    public required long RewrittenBytes { get; init; }

    /// <summary>Bytes in packs that stay, which nothing needs from there.</summary>
    public required long WasteBytes { get; init; }

    /// <summary>Bytes of all packs that stay, waste included.</summary>
    public required long KeptBytes { get; init; }

    /// <summary>Reports of verifications that were removed: they name no snapshot that there is.</summary>
    public int RemovedReports { get; init; }

    /// <summary>What is damaged. Nothing that may still help was removed.</summary>
    public IReadOnlyList<RepositoryDamagedException> Damage { get; init; } = [];

    /// <summary>What was passed over, and what there was no room for.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>What a plan would come to.</summary>
    internal static PruneReport Of(PrunePlan plan, DateTimeOffset now, PruneOptions options, IReadOnlyList<string> warnings)
    {
        List<PackVerdict> removed = [.. plan.With(PackFate.Remove)], repacked = [.. plan.With(PackFate.Repack)], waiting = [.. plan.With(PackFate.Wait)], marked = [.. plan.With(PackFate.Mark)];
        bool isAtOnce = options.Grace <= TimeSpan.Zero;
        List<DateTimeOffset> times = [.. waiting.Concat(marked).Select(static verdict => verdict.RemovableAt).OfType<DateTimeOffset>()];
        if (isAtOnce) removed.AddRange(repacked);
        else
        {
            marked.AddRange(repacked);
            if (repacked.Count > 0) times.Add(now + options.Grace);
        }
        List<PackVerdict> kept = [.. plan.Verdicts.Where(static verdict => verdict.Fate is PackFate.Keep or PackFate.Unmark)];
        return new PruneReport
        {
            DryRun = true,
            Verdicts = plan.Verdicts,
            RemovedPacks = removed.Count,
            RemovedBytes = removed.Sum(static verdict => verdict.Pack.Bytes),
            NewlyMarkedPacks = marked.Count,
            MarkedPacks = marked.Count + waiting.Count,
            MarkedBytes = marked.Concat(waiting).Sum(static verdict => verdict.Pack.Bytes),
            RemovableFrom = times.Count == 0 ? null : (times.Min(), times.Max()),
            UnmarkedPacks = plan.With(PackFate.Unmark).Count(),
            RepackedPacks = repacked.Count,
            RepackedBytes = repacked.Sum(static verdict => verdict.Pack.Bytes),
            RewrittenBytes = repacked.Sum(static verdict => verdict.LiveBytes),
            WasteBytes = kept.Sum(static verdict => verdict.WasteBytes),
            KeptBytes = kept.Sum(static verdict => verdict.Pack.Bytes) + repacked.Sum(static verdict => verdict.LiveBytes),
            Warnings = warnings,
        };
    }
}
