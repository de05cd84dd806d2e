using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Services.Profiles;

/// <summary>Something that is left out of a backup, and why.</summary>
/// <param name="Directory">Absolute, as the service's configuration writes it: its links are not resolved.</param>
/// <param name="Pattern">Relative to <paramref name="Directory"/>. A directory that it matches is left out with everything in it.</param>
/// <param name="Reason">For the snapshot and for <c>show</c>.</param>
public sealed record Exclusion(BytePath Directory, Glob Pattern, string Reason)
{
    /// <summary>Whether an absolute path, written with the same links as <see cref="Directory"/>, is left out.</summary>
    public bool Covers(BytePath path, bool isDirectory) =>
        path.IsAtOrBelow(Directory) && Pattern.Covers(path.Bytes[Directory.Bytes.TrimEnd((byte)'/').Length..], isDirectory);
}

/// <summary>Something of a service's state that should be there and is not.</summary>
/// <param name="Path">Absolute, as configured.</param>
/// <param name="Reason">What is wrong, as the end of a sentence about it.</param>
public sealed record LayoutDamage(BytePath Path, string Reason);

/// <summary>Where a service keeps its state. Every path is absolute and as configured: links are the reader's to follow.</summary>
public sealed record ServiceLayout
{
    /// <summary>
    /// The files and directories that make up the backup, each there when it was described; none lies in another. Where one lies in another
    /// by name but behind a link that leaves it, the place it leads to is a root of its own. Empty for a service whose whole state is in PostgreSQL.
    /// </summary>
    public required IReadOnlyList<BytePath> Roots { get; init; }

    /// <summary>What is left out of the roots.</summary>
    public IReadOnlyList<Exclusion> Exclusions { get; init; } = [];

    /// <summary>Directories that hold a RocksDB: staged, not read in place.</summary>
    public IReadOnlyList<BytePath> RocksDbDirectories { get; init; } = [];

    /// <summary>Directories whose <c>*.mbp</c> files are maubot plugins in use.</summary>
    public IReadOnlyList<BytePath> PluginDirectories { get; init; } = [];

    /// <summary>
    /// SQLite databases without which the backup is worth nothing. Each was there and not empty; a backup in which one is missing, or
    /// is not archived as a database, must fail.
    /// With <see cref="ServiceFacts.AcceptsDamage"/> they may be missing, empty or no databases.
    /// </summary>
    public IReadOnlyList<BytePath> ExpectedDatabases { get; init; } = [];

    /// <summary>Where databases of single bots are, <c>ID.db</c> each, which a bot that is made again with the same id finds again; null for a service without.</summary>
    public BytePath? InstanceDatabaseDirectory { get; init; }

    /// <summary>PostgreSQL databases that are part of its state: dumped.</summary>
    public IReadOnlyList<PostgresTarget> PostgresDatabases { get; init; } = [];

    /// <summary>
    /// All databases of this server are its state: who can connect lists them. Null when <see cref="PostgresDatabases"/> names all there are.
    /// </summary>
    public PostgresAccess? AllDatabasesOf { get; init; }

    /// <summary>How the service's own engine backs its RocksDB up while it runs; null when its configuration does not provide for that.</summary>
    public RocksDbOnlineBackup? OnlineBackup { get; init; }

    /// <summary>How to ask it whether it is well, as its own configuration says where it listens; null when that cannot be told.</summary>
    public HealthProbe? Health { get; init; }

    /// <summary>What should be there and is not; never anything unless <see cref="ServiceFacts.AcceptsDamage"/>.</summary>
    public IReadOnlyList<LayoutDamage> Damages { get; init; } = [];

    /// <summary>What is worth knowing of the service when it is restored. No secrets.</summary>
    public IReadOnlyDictionary<string, string> Facts { get; init; } = new SortedDictionary<string, string>(StringComparer.Ordinal);
}
