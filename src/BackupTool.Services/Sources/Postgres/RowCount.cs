using System.Globalization;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>Counts what is in a database.</summary>
internal static class RowCount
{
    /// <summary>Every table that has rows of its own, and every row.</summary>
    /// <exception cref="SourceException">A table cannot be read.</exception>
    internal static async Task<RestoredContent> ReadAsync(PostgresConnection connection, CancellationToken cancellationToken)
    {
        List<string?[]> tables = await connection.QueryAsync("""
            SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1
            """, cancellationToken);
        var rowsByTable = new Dictionary<string, long>();
        foreach (string table in tables.Select(row => row[0]!))
        {
            // row_security off: an error instead of a part of the rows.
            string?[] count = (await connection.QueryAsync($"SET row_security = off; SELECT count(*)::text FROM ONLY {table}", cancellationToken, TimeSpan.Zero))[0];
            rowsByTable.Add(table, long.Parse(count[0]!, CultureInfo.InvariantCulture));
        }
        return new RestoredContent(rowsByTable.Count, rowsByTable.Values.Sum(), rowsByTable);
    }
}
