namespace BackupTool.Services.Sources.Postgres;

/// <summary>What a database was at the pinned moment: for the snapshot's record, and for whoever restores it.</summary>
public sealed record PostgresFacts
{
    /// <summary>The server's version as it says it, as "15.18 (Debian 15.18-0+deb12u1)".</summary>
    public required string ServerVersion { get; init; }

    /// <summary>Tables that pg_dump dumps, partitions included, those of extensions not.</summary>
    public required int Tables { get; init; }

    /// <summary>Bytes on the server's disk, indexes included: the dump is usually smaller.</summary>
    public required long DatabaseBytes { get; init; }

    /// <summary>The database's encoding, as "UTF8".</summary>
    public required string Encoding { get; init; }

    /// <summary>LC_COLLATE.</summary>
    public required string Collation { get; init; }

    /// <summary>LC_CTYPE.</summary>
    public required string CharacterType { get; init; }

    /// <summary>The version of the collation that the indexes were built with; null where the server (before 15) or the collation has none.</summary>
    public required string? CollationVersion { get; init; }

    /// <summary>
    /// What its tables <c>version</c>, <c>mx_version</c>, <c>schema_version</c> and the like say of the versions of its schema, by table: <c>13</c>, or <c>13 (compatible with 10)</c> where an older program
    /// can still use it. Without those that the role may not read.
    /// </summary>
    public required IReadOnlyDictionary<string, string> SchemaVersions { get; init; }

    /// <summary>The version of the schema of the program whose database it is; null when the database does not say.</summary>
    public string? SchemaVersion => SchemaVersionTables.OfProgram(SchemaVersions);
}
