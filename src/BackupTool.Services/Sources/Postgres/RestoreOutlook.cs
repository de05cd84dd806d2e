namespace BackupTool.Services.Sources.Postgres;

/// <summary>What stands in the way of a restore.</summary>
/// <param name="What">A sentence.</param>
/// <param name="WayOut">What to do about it.</param>
public sealed record RestoreObstacle(string What, string WayOut);

/// <summary>What is known of a restore before anything is done.</summary>
public sealed record RestoreOutlook
{
    /// <summary>The live database; null when there is none.</summary>
    public required DatabaseFound? Live { get; init; }

    /// <summary>The server's version as it says it.</summary>
    public required string ServerVersion { get; init; }

    /// <summary>Whether everything is done as a superuser; if not, owners and sessions of others may stand in the way.</summary>
    public required bool IsSuperuser { get; init; }

    /// <summary>The role that does it, and as which system user: for a plan.</summary>
    public required string By { get; init; }

    /// <summary>The version of the server that the dump was made of; null when a wipe was asked about.</summary>
    public required string? DumpedFrom { get; init; }

    /// <summary>Roles that the server lacks and the restore will create from the globals.</summary>
    public required IReadOnlyList<string> RolesToCreate { get; init; }

    /// <summary>Why it would fail; none when it may begin.</summary>
    public required IReadOnlyList<RestoreObstacle> Obstacles { get; init; }

    /// <summary>What need not make it fail, but should be known.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}
