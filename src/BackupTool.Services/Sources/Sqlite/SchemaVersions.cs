using System.Globalization;
using BackupTool.Posix;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>
/// What a database says of the version of its schema, which decides whether a program can use it: the <c>version</c> tables of mautrix and maubot, Synapse's
/// <c>schema_version</c>, Forgejo's <c>version</c>, and whatever else is called so, and SQLite's own <c>user_version</c>.
/// </summary>
public static class SchemaVersions
{
    private const string UserVersion = "user_version";
    private const int LongestVersion = 200;

    /// <summary>
    /// Reads them from a database file that nobody else has open. By table, sorted; <c>user_version</c> where it is not 0. A version that an older program can still use reads
    /// <c>13 (compatible with 10)</c>. A table that is only called so, and says no version, is left out.
    /// </summary>
    /// <exception cref="ExplainedException">The database itself cannot be read.</exception>
    public static IReadOnlyDictionary<string, string> Read(BytePath path)
    {
        using OwnDatabase database = OwnDatabase.OpenToRead(path);
        return Read(database.Connection, path);
    }

    /// <summary>As <see cref="Read(BytePath)"/>, from the pinned moment of a live database; no file comes or goes beside it.</summary>
    /// <exception cref="ExplainedException">The database itself cannot be read.</exception>
    public static IReadOnlyDictionary<string, string> Read(PinnedDatabase pinned)
    {
        ArgumentNullException.ThrowIfNull(pinned);
        return Read(pinned.Connection, pinned.Path);
    }

    /// <summary>As <see cref="Read(BytePath)"/>, from a live database, which is pinned meanwhile.</summary>
    /// <exception cref="ExplainedException">The database itself cannot be read, or is locked for longer than the options allow.</exception>
    public static IReadOnlyDictionary<string, string> ReadLive(BytePath path, SqliteOptions options, TimeProvider clock, CancellationToken cancellationToken)
    {
        using PinnedDatabase pinned = PinnedDatabase.Pin(path, options, clock, cancellationToken);
        return Read(pinned);
    }

    /// <summary>Whether a table of this name keeps account of the schema, and is the program's own: <c>version</c>, <c>mx_version</c>, <c>schema_version</c>.</summary>
    internal static bool IsVersionTable(string table) =>
        table.Equals("version", StringComparison.OrdinalIgnoreCase) || table.EndsWith("_version", StringComparison.OrdinalIgnoreCase);

    private static SortedDictionary<string, string> Read(SqliteConnectionHandle connection, BytePath path)
    {
        var versions = new SortedDictionary<string, string>(StringComparer.Ordinal);
        List<string> tables = Require("SELECT name FROM sqlite_schema WHERE type = 'table'", static row => row.Text(0));
        List<long> numbers = Require("PRAGMA user_version", static row => row.Number(0));
        if (numbers is [not 0]) versions.Add(UserVersion, numbers[0].ToString(CultureInfo.InvariantCulture));
        foreach (string table in tables.Where(IsVersionTable))
            if (Version(connection, table) is { } version) versions[table] = version;
        return versions;

        List<T> Require<T>(string sql, Func<sqlite3_stmt, T> row)
        {
            int result = connection.TryRead(sql, row, out List<T> rows);
            return result == raw.SQLITE_OK ? rows : throw SqliteFailure.Explain(result, path, connection.LastMessage);
        }
    }

    private static string? Version(SqliteConnectionHandle connection, string table)
    {
        if (First(connection, table, "version") is not { } version) return null;
        // Synapse keeps what mautrix has in the column "compat" in a table of its own.
        string? compatible = table.Equals("schema_version", StringComparison.OrdinalIgnoreCase)
            ? First(connection, "schema_compat_version", "compat_version") : First(connection, table, "compat");
        return compatible is null || compatible == version ? version : $"{version} (compatible with {compatible})";
    }

    /// <summary>
    /// The greatest value of a column; null when there is none, or no such column. An error is an answer here: any table may be called so, a damaged or a strange one, too.
    /// </summary>
    private static string? First(SqliteConnectionHandle connection, string table, string column)
    {
        // Through table_info, because SQLite takes a quoted name that is no column for a text.
        string sql = $"SELECT max({SqlText.Name(column)}) FROM {SqlText.Name(table)} WHERE EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2 COLLATE NOCASE)";
        int result = connection.TryRead(sql, static row => raw.sqlite3_column_type(row, 0) is raw.SQLITE_BLOB or raw.SQLITE_NULL ? null : row.Text(0), out List<string?> found, table, column);
        return result == raw.SQLITE_OK && found is [{ Length: > 0 and <= LongestVersion } text] ? text : null;
    }
}
