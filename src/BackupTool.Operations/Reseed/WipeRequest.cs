using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Repositories;
using BackupTool.Repositories.Index;

namespace BackupTool.Operations.Reseed;

/// <summary>What an emptied service is filled with.</summary>
public enum ReseedMethod
{
    /// <summary>Nothing: it begins afresh.</summary>
    None,
    /// <summary>Plugins, clients and instances, through maubot's management interface.</summary>
    Api,
    /// <summary>The rows of a snapshot's SQLite databases, in the schema that the program has just made.</summary>
    Rows,
    /// <summary>A snapshot, as a restore in place has it.</summary>
    Snapshot,
}

/// <summary>What is to be wiped.</summary>
public sealed record WipeRequest
{
    /// <summary>The service's name in the configuration.</summary>
    public required string Service { get; init; }

    /// <summary>What comes instead.</summary>
    public required ReseedMethod Method { get; init; }

    /// <summary>From this snapshot; null for the newest that has the databases undamaged and is none that a restore or wipe has made.</summary>
    public StoredSnapshot? Snapshot { get; init; }

    /// <summary>With <see cref="ReseedMethod.Rows"/>: from what can be salvaged of the wiped databases instead of a snapshot.</summary>
    public bool UsesSalvage { get; init; }

    /// <summary>With <see cref="ReseedMethod.Api"/>: the accounts that are logged in anew; null for none.</summary>
    public ClientPasswords? FreshDevices { get; init; }

    /// <summary>Make no snapshot of the present state first.</summary>
    public bool SkipsSafety { get; init; }
}

/// <summary>Where snapshots are.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="Index">Its index.</param>
public sealed record SnapshotSource(Repository Repository, ChunkIndex Index);
