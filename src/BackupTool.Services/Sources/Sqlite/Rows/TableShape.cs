using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite.Rows;

/// <summary>What kind of thing has a table's name.</summary>
internal enum TableKind { Ordinary, View, Virtual, Shadow }

/// <summary>A column.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsGenerated">Its values are computed, and cannot be put in.</param>
/// <param name="MustBeGiven">A row without a value for it is refused: NOT NULL, and no default.</param>
internal sealed record ColumnShape(string Name, bool IsGenerated, bool MustBeGiven);

/// <summary>A table as <c>PRAGMA table_list</c> and <c>table_xinfo</c> describe it.</summary>
internal sealed record TableShape(string Name, TableKind Kind, bool HasRowid, IReadOnlyList<ColumnShape> Columns, bool HasIntegerKey, string Sql)
{
    private static readonly string[] RowidNames = ["rowid", "_rowid_", "oid"];

    /// <summary>The module of a virtual table: <c>fts5</c>.</summary>
    internal string Module
    {
        get
        {
            int at = Sql.IndexOf("USING", StringComparison.OrdinalIgnoreCase);
            return at < 0 ? "" : new string([.. Sql[(at + 5)..].TrimStart().TakeWhile(static c => char.IsAsciiLetterOrDigit(c) || c == '_')]).ToLowerInvariant();
        }
    }

    /// <summary>Of a full-text index: the table whose texts it indexes, empty when it keeps none; null when it keeps them itself, or is no such index.</summary>
    internal string? ContentOption
    {
        get
        {
            if (!Module.StartsWith("fts", StringComparison.Ordinal)) return null;
            foreach (string option in Sql[(Sql.IndexOf('(', StringComparison.Ordinal) + 1)..].TrimEnd(')', ' ', ';', '\n').Split(','))
                if (option.Split('=') is [string name, string value] && name.Trim().Equals("content", StringComparison.OrdinalIgnoreCase)) return value.Trim().Trim('\'', '"', '[', ']', '`');
            return null;
        }
    }

    /// <summary>Whether the next rowid is taken from <c>sqlite_sequence</c>.</summary>
    internal bool HasSequence => Sql.Contains("AUTOINCREMENT", StringComparison.OrdinalIgnoreCase);

    internal ColumnShape? Find(string column) => Columns.FirstOrDefault(c => c.Name.Equals(column, StringComparison.OrdinalIgnoreCase));

    /// <summary>A name by which the rowid can be reached here and in the other table; null when there is none, or a column is the rowid.</summary>
    internal string? RowidNameFor(TableShape other) =>
        HasRowid && other.HasRowid && !HasIntegerKey ? Array.Find(RowidNames, name => Find(name) is null && other.Find(name) is null) : null;

    /// <summary>Reads every table of an attached database, SQLite's own left out.</summary>
    internal static List<TableShape> ReadAll(OwnDatabase database, string schema)
    {
        List<(string Name, TableKind Kind, bool HasRowid)> tables = database.Read(
            $"SELECT l.name, l.type, l.wr FROM pragma_table_list AS l WHERE l.schema = ?1 AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY l.name",
            static row => (row.Text(0), KindOf(row.Text(1)), row.Number(2) == 0), schema);
        return [.. tables.Select(t => Read(database, schema, t.Name, t.Kind, t.HasRowid))];
    }

    private static TableShape Read(OwnDatabase database, string schema, string name, TableKind kind, bool hasRowid)
    {
        string sql = database.ReadTexts($"SELECT sql FROM {SqlText.Name(schema)}.sqlite_schema WHERE name = ?1", name).FirstOrDefault() ?? "";
        // A view's columns are nobody's concern; those of a virtual table are known to its module only, which may not be here.
        int result = raw.SQLITE_OK;
        List<ColumnRow> columns = [];
        if (kind != TableKind.View) result = database.Connection.TryRead($"PRAGMA {SqlText.Name(schema)}.table_xinfo({SqlText.Name(name)})", ColumnRow.From, out columns);
        if (result != raw.SQLITE_OK && kind != TableKind.Virtual) throw SqliteFailure.Explain(result, database.Path, database.Connection.LastMessage);
        // Only a key of one column, called INTEGER, is the rowid.
        bool hasIntegerKey = hasRowid && columns.Count(static c => c.IsKey) == 1 && columns.Exists(static c => c.IsKey && c.IsInteger);
        IEnumerable<ColumnShape> shapes = columns.Where(static c => c.Hidden != 1).Select(c => new ColumnShape(c.Name, c.Hidden is 2 or 3,
            MustBeGiven: (c.NotNull || (c.IsKey && !hasRowid)) && !c.HasDefault && c.Hidden == 0 && !(c.IsKey && hasIntegerKey)));
        return new TableShape(name, kind, hasRowid, [.. shapes], hasIntegerKey, sql);
    }

    /// <summary>A row of <c>table_xinfo</c>. Hidden: 1 for a virtual table's hidden column, 2 and 3 for generated ones.</summary>
    private sealed record ColumnRow(string Name, bool IsInteger, bool NotNull, bool HasDefault, bool IsKey, long Hidden)
    {
        internal static ColumnRow From(sqlite3_stmt row) => new(row.Text(1), row.Text(2).Equals("INTEGER", StringComparison.OrdinalIgnoreCase), row.Number(3) != 0,
            raw.sqlite3_column_type(row, 4) != raw.SQLITE_NULL, row.Number(5) > 0, row.Number(6));
    }

    private static TableKind KindOf(string type) => type switch
    {
        "view" => TableKind.View,
        "virtual" => TableKind.Virtual,
        "shadow" => TableKind.Shadow,
        _ => TableKind.Ordinary,
    };
}
