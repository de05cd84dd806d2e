using BackupTool.Posix;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>Which tables a live database has: how one sees that a program has made its schema.</summary>
public static class LiveTables
{
    /// <summary>Names of all tables, sorted, of one moment, for which the database is pinned; no file comes or goes beside it.</summary>
    /// <exception cref="ExplainedException">It is missing, empty, damaged, no database, or locked for longer than the options allow.</exception>
    public static IReadOnlyList<string> Read(BytePath path, SqliteOptions options, TimeProvider clock, CancellationToken cancellationToken)
    {
        using PinnedDatabase pinned = PinnedDatabase.Pin(path, options, clock, cancellationToken);
        int result = pinned.Connection.TryRead("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", static row => row.Text(0), out List<string> tables);
        return result == raw.SQLITE_OK ? tables : throw SqliteFailure.Explain(result, path, pinned.Connection.LastMessage);
    }
}
