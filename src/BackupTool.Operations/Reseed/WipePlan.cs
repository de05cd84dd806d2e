using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Reseed;

/// <summary>What a wipe will do: made before anything is touched.</summary>
public sealed class WipePlan
{
    internal WipePlan(WipeTargets targets, IReadOnlyList<AffectedService> services, WipeSeed? seed) => (Targets, Services, Seed) = (targets, services, seed);

    /// <summary>Why it cannot be carried out; empty when it can.</summary>
    public required IReadOnlyList<RestoreProblem> Problems { get; init; }

    /// <summary>What an operator should know beforehand.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>What is done, in order.</summary>
    public required IReadOnlyList<string> Steps { get; init; }

    /// <summary>What is wiped, for people.</summary>
    public IReadOnlyList<string> Wiped =>
        [.. Targets.Files.Select(static file => file.Live.ToString()), .. Targets.Databases.Select(static database => $"the PostgreSQL database {database.Database}")];

    /// <summary>From which snapshot it is filled; null for none.</summary>
    public StoredSnapshot? Snapshot => Seed?.Snapshot;

    internal WipeTargets Targets { get; }

    /// <summary>The service, and those that need it.</summary>
    internal IReadOnlyList<AffectedService> Services { get; }

    /// <summary>What it is filled with; null for nothing of a snapshot.</summary>
    internal WipeSeed? Seed { get; }
}

/// <summary>What of a service is wiped.</summary>
internal sealed record WipeTargets
{
    internal required ServiceSettings Settings { get; init; }

    /// <summary>It as it is now, damaged as it may be; null when that cannot be told.</summary>
    internal required ServiceLayout? Layout { get; init; }

    /// <summary>SQLite databases and directories of RocksDB.</summary>
    internal IReadOnlyList<WipedFile> Files { get; init; } = [];

    /// <summary>PostgreSQL databases.</summary>
    internal IReadOnlyList<PostgresTarget> Databases { get; init; } = [];

    internal IEnumerable<WipedFile> SqliteFiles => Files.Where(static file => !file.IsDirectory);

    internal bool IsMaubot => ServiceProfiles.For(Settings.Kind) is MaubotProfile;
}

/// <summary>A SQLite database, or a directory of RocksDB, that is moved away.</summary>
/// <param name="Live">Where it is: absolute, without links.</param>
/// <param name="IsDirectory">A RocksDB: an empty directory takes its place.</param>
/// <param name="IsThere">There is one now.</param>
/// <param name="Carried">Names in a RocksDB's directory that are not the database's and stay.</param>
internal sealed record WipedFile(BytePath Live, bool IsDirectory, bool IsThere, IReadOnlyList<BytePath> Carried);

/// <summary>What of a snapshot the new databases are filled with.</summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="Service">The service in it.</param>
/// <param name="Databases">Its databases, by the live one that each belongs to.</param>
/// <param name="Plugins">Its plugin files.</param>
internal sealed record WipeSeed(StoredSnapshot Snapshot, ServiceSnapshot Service, IReadOnlyDictionary<BytePath, CatalogEntry> Databases, IReadOnlyList<CatalogEntry> Plugins);
