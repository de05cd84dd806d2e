using BackupTool.Services.Sources.Sqlite.Rows;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite.Salvaging;

/// <summary>Brings the readable rows of one table into the new database. A row that the table's constraints refuse is counted and left out.</summary>
internal sealed class TableSalvage(SqliteConnectionHandle damaged, OwnDatabase target, Func<bool> isOver)
{
    private long _refused;

    internal SalvagedTable Run(TableShape table)
    {
        List<string> columns = [.. table.Columns.Where(static column => !column.IsGenerated).Select(static column => column.Name)];
        string name = SqlText.Name(table.Name);
        _refused = 0;
        List<UnreadRange> unread = [];
        string? problem = table.HasRowid && table.RowidNameFor(table) is null && !table.HasIntegerKey ? "its rowids cannot be asked for" : null;
        target.Run("BEGIN");
        if (table.HasRowid && problem is null) problem = ByRowid(table, name, columns, out unread);
        else if (columns.Count > 0) problem = FromBothEnds(table, name, columns);
        target.Run("COMMIT");
        return new SalvagedTable(table.Name, target.Read($"SELECT count(*) FROM {name}", static row => row.Number(0))[0], _refused, unread, problem);
    }

    private string? ByRowid(TableShape table, string name, List<string> columns, out List<UnreadRange> unread)
    {
        // Where a column is the rowid, it comes with the columns; a name of the rowid that is no column is there all the same, unless columns have all three.
        string? own = table.RowidNameFor(table);
        string rowid = SqlText.Name(own ?? Array.Find(["rowid", "_rowid_", "oid"], candidate => table.Find(candidate) is null) ?? table.Columns[0].Name);
        string names = SqlText.Names(columns);
        using sqlite3_stmt insert = PrepareInsert(name, own is null ? names : $"{rowid}, {names}", columns.Count + (own is null ? 0 : 1));
        var scan = new RowidScan(damaged, name, rowid, names, isOver, (row, statement) =>
        {
            if (own is not null) raw.sqlite3_bind_int64(insert, 1, row);
            Insert(insert, statement, columns.Count, from: 1, to: own is null ? 1 : 2);
        });
        unread = scan.Run();
        return scan.Problem;
    }

    /// <summary>In the order of the primary key, from both ends to the first row that cannot be read.</summary>
    private string? FromBothEnds(TableShape table, string name, List<string> columns)
    {
        string names = SqlText.Names(columns);
        using sqlite3_stmt insert = PrepareInsert(name, names, columns.Count);
        if (Read($"SELECT {names} FROM {name} NOT INDEXED") is not { } problem) return null;
        string keys = string.Join(", ", target.ReadTexts("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk", table.Name).Select(static key => $"{SqlText.Name(key)} DESC"));
        if (keys.Length > 0) Read($"SELECT {names} FROM {name} NOT INDEXED ORDER BY {keys}");
        return problem;

        string? Read(string sql)
        {
            int result = raw.sqlite3_prepare_v2(damaged.Database, sql, out sqlite3_stmt statement);
            if (result != raw.SQLITE_OK) return damaged.LastMessage;
            using (statement)
            {
                while ((result = raw.sqlite3_step(statement)) == raw.SQLITE_ROW) Insert(insert, statement, columns.Count, from: 0, to: 1);
                return result == raw.SQLITE_DONE ? null : damaged.LastMessage;
            }
        }
    }

    private sqlite3_stmt PrepareInsert(string name, string names, int count)
    {
        string sql = $"INSERT OR IGNORE INTO {name}({names}) VALUES({string.Join(", ", Enumerable.Repeat("?", count))})";
        int result = raw.sqlite3_prepare_v2(target.Connection.Database, sql, out sqlite3_stmt insert);
        return result == raw.SQLITE_OK ? insert : throw SqliteFailure.Explain(result, target.Path, target.Connection.LastMessage);
    }

    private void Insert(sqlite3_stmt insert, sqlite3_stmt row, int count, int from, int to)
    {
        for (int i = 0; i < count; i++) Bind(insert, to + i, row, from + i);
        int result = raw.sqlite3_step(insert);
        raw.sqlite3_reset(insert);
        int primary = SqliteFailure.Primary(result);
        if (primary is raw.SQLITE_CONSTRAINT or raw.SQLITE_MISMATCH || (primary == raw.SQLITE_DONE && raw.sqlite3_changes(target.Connection.Database) == 0)) _refused++;
        else if (primary != raw.SQLITE_DONE) throw SqliteFailure.ExplainCopy(result, target.Path, target.Path, target.Connection.LastMessage);
    }

    private static void Bind(sqlite3_stmt insert, int to, sqlite3_stmt row, int from)
    {
        switch (raw.sqlite3_column_type(row, from))
        {
            case raw.SQLITE_INTEGER: raw.sqlite3_bind_int64(insert, to, raw.sqlite3_column_int64(row, from)); break;
            case raw.SQLITE_FLOAT: raw.sqlite3_bind_double(insert, to, raw.sqlite3_column_double(row, from)); break;
            case raw.SQLITE_NULL: raw.sqlite3_bind_null(insert, to); break;
            case raw.SQLITE_BLOB: raw.sqlite3_bind_blob(insert, to, raw.sqlite3_column_blob(row, from)); break;
            default:
                // Asked for as text first, its bytes are UTF-8 whatever the database's encoding; asked for as bytes then, a NUL in it does not end it.
                raw.sqlite3_column_text(row, from);
                raw.sqlite3_bind_text(insert, to, raw.sqlite3_column_blob(row, from));
                break;
        }
    }
}
