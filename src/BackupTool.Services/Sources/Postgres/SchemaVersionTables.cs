using Npgsql;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// What a database says of the version of its schema, which decides whether a program can use it: the <c>version</c> tables of mautrix and maubot, Synapse's
/// <c>schema_version</c>, Forgejo's <c>version</c>, and whatever else is called so.
/// </summary>
internal static class SchemaVersionTables
{
    private const int LongestVersion = 200;
    private const string EndedByServer = "57";   // class 57, "Operator Intervention"

    /// <summary>
    /// Reads them, by table, sorted; a table outside of the schema <c>public</c> with its schema before it. What the role may not read, and what is only called so, is left out. An open transaction
    /// goes on whatever happens to a table meanwhile.
    /// </summary>
    /// <exception cref="SourceException">The connection is lost.</exception>
    internal static async Task<IReadOnlyDictionary<string, string>> ReadAsync(PostgresConnection connection, bool isInTransaction, CancellationToken cancellationToken)
    {
        // A column's own read right counts too; a whole one is what programs grant.
        List<string?[]> columns = await connection.QueryAsync("""
            SELECT n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname), string_agg(a.attname, ' ')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
              AND (c.relname = 'version' OR c.relname LIKE '%\_version') AND a.attname IN ('version', 'compat', 'compat_version')
              AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
            GROUP BY n.nspname, c.relname
            """, cancellationToken);
        var versions = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string?[] row in columns)
        {
            string[] has = row[3]!.Split(' ');
            if (!has.Contains("version") || await GreatestAsync(connection, row[2]!, "version", isInTransaction, cancellationToken) is not { } version) continue;
            // Synapse keeps what mautrix has in the column "compat" in a table of its own.
            string? compatible = has.Contains("compat") ? await GreatestAsync(connection, row[2]!, "compat", isInTransaction, cancellationToken)
                : row[1] == "schema_version" && columns.Find(other => other[0] == row[0] && other[1] == "schema_compat_version" && other[3]!.Split(' ').Contains("compat_version")) is { } beside
                    ? await GreatestAsync(connection, beside[2]!, "compat_version", isInTransaction, cancellationToken)
                : null;
            versions[row[0] == "public" ? row[1]! : $"{row[0]}.{row[1]}"] = compatible is null || compatible == version ? version : $"{version} (compatible with {compatible})";
        }
        return versions;
    }

    /// <summary>The version of the program that owns the database; null when none is told.</summary>
    internal static string? OfProgram(IReadOnlyDictionary<string, string> versions) =>
        versions.GetValueOrDefault("version") ?? versions.GetValueOrDefault("schema_version");

    // An error is an answer here: the table may have been dropped or locked since, or its column be of a type that has no greatest value.
    private static async Task<string?> GreatestAsync(PostgresConnection connection, string table, string column, bool isInTransaction, CancellationToken cancellationToken)
    {
        try
        {
            if (isInTransaction) await connection.QueryAsync("SAVEPOINT schema_version", cancellationToken);
            string? version = (await connection.QueryAsync($"SELECT max({column})::text FROM {table}", cancellationToken))[0][0];
            return version is { Length: > 0 and <= LongestVersion } ? version : null;
        }
        catch (SourceException e) when (e.InnerException is PostgresException refused && !refused.SqlState.StartsWith(EndedByServer, StringComparison.Ordinal))
        {
            if (isInTransaction) await connection.QueryAsync("ROLLBACK TO SAVEPOINT schema_version", cancellationToken);
            return null;
        }
    }
}
