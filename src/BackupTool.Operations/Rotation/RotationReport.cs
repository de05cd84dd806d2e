using BackupTool.Repositories.Pruning;
using BackupTool.Repositories.Retention;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Rotation;

/// <summary>What is asked of a rotation.</summary>
public sealed record RotationRequest
{
    /// <summary>Only say what would be done.</summary>
    public bool DryRun { get; init; }

    /// <summary>Decide on the snapshots of other machines, too.</summary>
    public bool AllHosts { get; init; }

    /// <summary>How long to wait for others; null: as configured.</summary>
    public TimeSpan? LockWait { get; init; }
}

/// <summary>What a rotation did; of a dry run, what it would do.</summary>
public sealed record RotationReport
{
    /// <summary>Whether nothing was done.</summary>
    public required bool DryRun { get; init; }

    /// <summary>What was decided of each snapshot, and why.</summary>
    public required RetentionPlan Plan { get; init; }

    /// <summary>The snapshots that were removed, oldest first; of a dry run none.</summary>
    public required IReadOnlyList<SnapshotId> Forgotten { get; init; }

    /// <summary>What a person should know: such a run is done with warnings.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>What was given back, or of a dry run would be, of what only they needed.</summary>
    public required PruneReport Prune { get; init; }
}
