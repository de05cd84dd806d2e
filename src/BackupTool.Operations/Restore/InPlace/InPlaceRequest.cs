using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>What is to be put in the place of the live state.</summary>
public sealed record InPlaceRequest
{
    /// <summary>From this snapshot.</summary>
    public required StoredSnapshot Snapshot { get; init; }

    /// <summary>These services of it.</summary>
    public required IReadOnlyList<ServiceSnapshot> Services { get; init; }

    /// <summary>Only what one of these patterns matches; everything when empty.</summary>
    public IReadOnlyList<Glob> Include { get; init; } = [];

    /// <summary>What is done about owners that this machine does not know as the snapshot does.</summary>
    public OwnerPolicy Owners { get; init; }

    /// <summary>Make no snapshot of the present state first.</summary>
    public bool SkipsSafety { get; init; }

    /// <summary>The label of that snapshot.</summary>
    public string SafetyLabel { get; init; } = SafetySnapshot.RestoreLabel;

    /// <summary>Replace the state of services that have no unit, too: nothing is stopped for them.</summary>
    public bool AllowsNoUnit { get; init; }

    /// <summary>Restore a database that is newer than the program that is installed.</summary>
    public bool IgnoresVersions { get; init; }

    /// <summary>Say what would be done; do nothing.</summary>
    public bool DryRun { get; init; }
}
