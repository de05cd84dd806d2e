using BackupTool.Posix;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite.Rows;

/// <summary>
/// Copies the rows of an old database into one whose schema the program, newer or older, has just made: table by table, column by name, in one transaction. Rows that the
/// program put in itself are replaced. Triggers do not run, because what they did is in the old rows already; foreign keys are checked when all is copied. Rowids and
/// AUTOINCREMENT sequences are kept; what the new schema computes is computed. Both files must be ones that nobody else has open.
/// </summary>
public sealed class RowCopy
{
    private const int MaxViolations = 10, DbConfigEnableTrigger = 1003;   // sqlite3.h

    private readonly OwnDatabase _database;
    private readonly BytePath _source;
    private readonly CancellationToken _cancellationToken;

    private RowCopy(OwnDatabase database, BytePath source, CancellationToken cancellationToken) => (_database, _source, _cancellationToken) = (database, source, cancellationToken);

    /// <summary>
    /// Copies. The destination stays what it is, WAL or not; afterwards it is flushed, with nothing beside it. The tables in which programs keep account of their schema (versions, migrations,
    /// the owner) are the new program's and stay.
    /// </summary>
    /// <param name="source">The old database; a log beside it is brought in, and it is not changed otherwise.</param>
    /// <param name="destination">The new one.</param>
    /// <param name="leaveAlone">Further tables of the new database that are to stay as they are.</param>
    /// <param name="cancellationToken">Heard all the time.</param>
    /// <exception cref="DatabaseEditException">Rows do not fit into the new schema, or refer to what is not there: nothing is copied.</exception>
    /// <exception cref="ExplainedException">One of them is no database, or damaged: nothing is copied.</exception>
    public static RowCopyReport Run(BytePath source, BytePath destination, IReadOnlyCollection<string> leaveAlone, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(leaveAlone);
        // Whatever lies beside it is brought in: what is attached is the file alone, and never written.
        using (OwnDatabase.OpenToRead(source)) { }
        using OwnDatabase database = OwnDatabase.OpenToWrite(destination);
        database.InterruptWhen(() => cancellationToken.IsCancellationRequested);
        return new RowCopy(database, source, cancellationToken).Run(leaveAlone);
    }

    private RowCopyReport Run(IReadOnlyCollection<string> leaveAlone)
    {
        raw.sqlite3_db_config(_database.Connection.Database, DbConfigEnableTrigger, 0, out _);
        Do("PRAGMA foreign_keys=0", "prepare");
        Do("ATTACH ?1 AS old", $"read {_source}", SqliteUri.Of(_source, "immutable=1"));
        // What fails from here on is rolled back when the connection closes.
        Do("BEGIN IMMEDIATE", "begin");
        var plan = RowCopyPlan.Make(TableShape.ReadAll(_database, "old"), TableShape.ReadAll(_database, "main"), leaveAlone, table => Count("old", table));
        List<CopiedTable> copied = [.. plan.Tables.Where(static t => t.Method == RowCopyMethod.Rows).Select(Copy)];
        foreach (PlannedTable table in plan.Tables.Where(static t => t.Method == RowCopyMethod.Rebuild)) copied.Add(Rebuild(table));
        VerifyReferences();
        Do("COMMIT", "finish");
        return new RowCopyReport(copied, plan.Skipped);
    }

    private CopiedTable Copy(PlannedTable table)
    {
        string name = SqlText.Name(table.New.Name);
        if (table.Missing is { } column && Count("old", table.Old.Name) > 0)
            throw Failure($"the new schema wants a value for the column {column} of the table {table.New.Name}, which the old database has not",
                "Let the program migrate the old database itself (restore the snapshot instead of its rows), or leave this table out.");
        long replaced = Count("main", table.New.Name);
        Do($"DELETE FROM main.{name}", $"empty the table {table.New.Name}");
        if (table.Columns.Count > 0) Do(table.InsertSql, $"copy the rows of the table {table.New.Name}");
        if (table.New.HasSequence) KeepSequence(table);
        return new CopiedTable(table.New.Name, Count("main", table.New.Name), replaced, table.Dropped, table.Defaulted);
    }

    /// <summary>Ids that were given once are not given again.</summary>
    private void KeepSequence(PlannedTable table)
    {
        if (_database.ReadTexts("SELECT name FROM old.sqlite_schema WHERE name = 'sqlite_sequence'").Count == 0) return;
        List<string> before = _database.ReadTexts("SELECT max(seq) FROM old.sqlite_sequence WHERE name = ?1 HAVING max(seq) IS NOT NULL", table.Old.Name);
        if (before.Count == 0) return;
        string what = $"keep the sequence of the table {table.New.Name}";
        Do("INSERT INTO main.sqlite_sequence(name, seq) SELECT ?1, 0 WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence WHERE name = ?1)", what, table.New.Name);
        Do("UPDATE main.sqlite_sequence SET seq = max(seq, CAST(?2 AS INTEGER)) WHERE name = ?1", what, table.New.Name, before[0]);
    }

    private CopiedTable Rebuild(PlannedTable table)
    {
        string name = SqlText.Name(table.New.Name);
        Do($"INSERT INTO main.{name}({name}) VALUES('rebuild')", $"build the index {table.New.Name} anew");
        return new CopiedTable(table.New.Name, Count("main", table.New.Name), 0, [], []);
    }

    private void VerifyReferences()
    {
        int result = _database.Connection.TryRead("PRAGMA main.foreign_key_check", static row =>
            $"{row.Text(0)}{(raw.sqlite3_column_type(row, 1) == raw.SQLITE_NULL ? "" : $" row {row.Number(1)}")} refers to {row.Text(2)}", out List<string> violations);
        if (result != raw.SQLITE_OK) throw FailureOf(result, "check the references between tables");
        if (violations.Count > 0)
            throw Failure($"{violations.Count:N0} rows would refer to rows that are not there: {string.Join("; ", violations.Take(MaxViolations))}{(violations.Count > MaxViolations ? "; …" : "")}",
                "The old database is not whole, or a table that these refer to has another name now: restore the snapshot instead of its rows, or leave the table out.");
    }

    private long Count(string schema, string table)
    {
        int result = _database.Connection.TryRead($"SELECT count(*) FROM {schema}.{SqlText.Name(table)}", static row => row.Number(0), out List<long> rows);
        return result == raw.SQLITE_OK ? rows[0] : throw FailureOf(result, $"count the rows of the table {table}");
    }

    private void Do(string sql, string what, params string[] texts)
    {
        int result = _database.Connection.TryRead(sql, static _ => 0, out _, texts);
        if (result != raw.SQLITE_OK) throw FailureOf(result, what);
    }

    private DatabaseEditException FailureOf(int result, string what)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        string? hint = SqliteFailure.Primary(result) switch
        {
            raw.SQLITE_CONSTRAINT or raw.SQLITE_MISMATCH => "The new schema does not take these rows: restore the snapshot instead of its rows, or leave the table out.",
            raw.SQLITE_CORRUPT => "The old database is damaged: salvage what can be read of it first, or take another snapshot.",
            raw.SQLITE_FULL => "Make room there and try again.",
            _ => null,
        };
        return Failure($"cannot {what}: {_database.Connection.LastMessage}", hint);
    }

    private DatabaseEditException Failure(string problem, string? hint) => new(_database.Path, problem, hint);
}
