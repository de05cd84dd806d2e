using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Pruning;

/// <summary>How thoroughly to prune.</summary>
public sealed record PruneOptions
{
    /// <summary>How long a pack that nothing needs stays marked before it is removed. Zero: it is removed in the same run, unmarked.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Packs of whose frames more than this share is waste are packed anew; 0.3 is 30 %, 1 is never.</summary>
    public double MaxWaste { get; init; } = 0.3;

    /// <summary>Packs of at most so many bytes are packed anew in one run, the worst first.</summary>
    public long MaxRepackBytes { get; init; } = 2L << 30;

    /// <summary>Only say what would be done.</summary>
    public bool DryRun { get; init; }

    /// <summary>For a dry run: snapshots that count as forgotten already.</summary>
    public IReadOnlySet<SnapshotId> Forgotten { get; init; } = new HashSet<SnapshotId>();
}

/// <summary>Who is told how far it is. Each may be called from any thread and none throws.</summary>
/// <param name="Begin">A phase begins: its name, its bytes and its items, as far as known.</param>
/// <param name="Advance">So many bytes and items more of the phase are done.</param>
/// <param name="Message">Something worth telling that is no problem.</param>
public sealed record PruneProgress(Action<string, long?, long?> Begin, Action<long, long> Advance, Action<string> Message);
