using System.Globalization;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// Which server a homeserver is: one that finds no database where it looks makes a new one, and is healthy. What a snapshot recorded of it.
/// </summary>
public sealed record ServerIdentity
{
    /// <summary>Ids of its signing keys, <c>ed25519:abc</c>, sorted; null when it was not asked.</summary>
    public string? SigningKeys { get; init; }

    /// <summary>The directory of its RocksDB, as configured; null when it has none.</summary>
    public string? DatabasePath { get; init; }

    /// <summary>What the engine calls the database (its file IDENTITY).</summary>
    public string? DatabaseIdentity { get; init; }

    /// <summary>Its tables (column families).</summary>
    public int? ColumnFamilies { get; init; }

    /// <summary>Of a snapshot's facts; null when they say nothing of this.</summary>
    internal static ServerIdentity? Of(IReadOnlyDictionary<string, string> facts)
    {
        var identity = new ServerIdentity
        {
            SigningKeys = facts.GetValueOrDefault("signing-keys"),
            DatabasePath = facts.GetValueOrDefault("database-path"),
            DatabaseIdentity = facts.GetValueOrDefault("rocksdb: identity"),
            ColumnFamilies = int.TryParse(facts.GetValueOrDefault("rocksdb: column-families"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : null,
        };
        return identity.SigningKeys is null && identity.DatabaseIdentity is null ? null : identity;
    }
}
