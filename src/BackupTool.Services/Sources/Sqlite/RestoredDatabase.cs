using BackupTool.Posix;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>
/// A SQLite database in a directory of our own that nobody else has open: it is proved, and edited in place before it takes its service's place. Owner, mode and extended
/// attributes of the file stay; nothing is left beside it. For a live database use <see cref="PinnedDatabase"/>.
/// </summary>
public static class RestoredDatabase
{
    /// <summary>Runs <c>quick_check</c>. Null when it passed; otherwise why it could not run: the schema needs a function, collation or module that only the service has.</summary>
    /// <exception cref="DatabaseDamagedException">It found damage.</exception>
    /// <exception cref="ExplainedException">It is missing, empty, or no database.</exception>
    public static string? Check(BytePath path, CancellationToken cancellationToken)
    {
        using OwnDatabase database = OwnDatabase.OpenToRead(path);
        return DatabaseCheck.Run(database.Connection, new SqliteOptions(), path, (result, message) => SqliteFailure.Explain(result, path, message), cancellationToken).UncheckedBecause;
    }

    /// <summary>Whether there is an ordinary or virtual table of this name, with all of these columns; case does not matter, as in SQL.</summary>
    /// <exception cref="ExplainedException">It cannot be read.</exception>
    public static bool HasTable(BytePath path, string table, params IReadOnlyList<string> columns)
    {
        using OwnDatabase database = OwnDatabase.OpenToRead(path);
        return database.ReadTexts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE", table).Count > 0
            && !columns.Except(database.ReadTexts("SELECT name FROM pragma_table_info(?1)", table), StringComparer.OrdinalIgnoreCase).Any();
    }

    /// <summary>
    /// Runs statements in one transaction, all or none, with foreign keys enforced. Afterwards the file is flushed to the disk, and no journal or log lies beside it.
    /// </summary>
    /// <param name="path">The database.</param>
    /// <param name="statements">One statement each, without BEGIN or COMMIT.</param>
    /// <returns>How many rows each statement changed.</returns>
    /// <exception cref="ArgumentException">A text holds more than one statement.</exception>
    /// <exception cref="DatabaseEditException">One failed: nothing is changed.</exception>
    public static IReadOnlyList<int> Execute(BytePath path, IReadOnlyList<string> statements)
    {
        ArgumentNullException.ThrowIfNull(statements);
        using OwnDatabase database = OwnDatabase.OpenToWrite(path);
        database.Run("PRAGMA foreign_keys=1");
        database.Run("BEGIN IMMEDIATE");
        // What fails in between is rolled back when the connection closes.
        List<int> changed = [.. statements.Select(statement => Execute(database, statement))];
        if (database.Connection.TryQuery("COMMIT") != raw.SQLITE_OK) throw new DatabaseEditException(path, database.Connection.LastMessage);
        return changed;
    }

    private static int Execute(OwnDatabase database, string sql)
    {
        sqlite3 connection = database.Connection.Database;
        if (raw.sqlite3_prepare_v2(connection, sql, out sqlite3_stmt statement, out string tail) != raw.SQLITE_OK) throw Failure(database, sql);
        using (statement)
        {
            if (!string.IsNullOrWhiteSpace(tail)) throw new ArgumentException($"More than one statement: {sql}", nameof(sql));
            int before = raw.sqlite3_total_changes(connection), result;
            while ((result = raw.sqlite3_step(statement)) == raw.SQLITE_ROW) { }
            return result == raw.SQLITE_DONE ? raw.sqlite3_total_changes(connection) - before : throw Failure(database, sql);
        }
    }

    private static DatabaseEditException Failure(OwnDatabase database, string sql) =>
        new(database.Path, $"{database.Connection.LastMessage} (in: {sql})");
}
