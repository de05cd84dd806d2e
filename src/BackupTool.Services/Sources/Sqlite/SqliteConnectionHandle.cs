using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>
/// One raw connection. SQLite's path is bytes, its answers are result codes. Not Microsoft.Data.Sqlite's connection, because that takes strings for
/// paths and keeps descriptors in a pool.
/// </summary>
internal sealed class SqliteConnectionHandle : IDisposable
{
    static SqliteConnectionHandle() => Batteries_V2.Init();

    private SqliteConnectionHandle(sqlite3 database) => Database = database;

    internal sqlite3 Database { get; }

    /// <summary>SQLite's sentence about the last failure.</summary>
    internal string LastMessage => raw.sqlite3_errmsg(Database).utf8_to_string();

    /// <summary>The extended result code of the last failure.</summary>
    internal int LastResult => raw.sqlite3_extended_errcode(Database);

    /// <summary>
    /// Opens lazily: SQLite reads nothing yet. Closing this connection, even as the last one, neither checkpoints nor removes a WAL
    /// until <see cref="LetCloseCleanUp"/> says otherwise.
    /// </summary>
    internal static int TryOpen(ReadOnlySpan<byte> pathOrUri, int flags, out SqliteConnectionHandle? connection)
    {
        byte[] terminated = [.. pathOrUri, 0];
        int result = raw.sqlite3_open_v2(utf8z.FromSpan(terminated), out sqlite3 database, flags, default);
        connection = new SqliteConnectionHandle(database);
        if (result == raw.SQLITE_OK)
        {
            raw.sqlite3_extended_result_codes(database, 1);
            result = raw.sqlite3_db_config(database, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);
        }
        if (result == raw.SQLITE_OK) return result;
        connection.Dispose();
        connection = null;
        return result;
    }

    /// <summary>Closing this connection as the last one checkpoints the WAL and removes it and its index.</summary>
    internal void LetCloseCleanUp() => raw.sqlite3_db_config(Database, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, out _);

    /// <summary>Runs one statement and hands over each row's first column as text; returns the extended result code, OK when done.</summary>
    internal int TryQuery(string sql, Action<string>? row = null)
    {
        int result = raw.sqlite3_prepare_v2(Database, sql, out sqlite3_stmt statement);
        if (result != raw.SQLITE_OK) return result;
        using (statement)
        {
            while ((result = raw.sqlite3_step(statement)) == raw.SQLITE_ROW) row?.Invoke(raw.sqlite3_column_text(statement, 0).utf8_to_string() ?? "");
        }
        return result == raw.SQLITE_DONE ? raw.SQLITE_OK : result;
    }

    public void Dispose() => raw.sqlite3_close_v2(Database);
}
