namespace BackupTool.Services.Sources.Sqlite.Rows;

/// <summary>How the rows of a table come over.</summary>
internal enum RowCopyMethod { Rows, Rebuild }

/// <summary>One table to copy.</summary>
internal sealed record PlannedTable(TableShape Old, TableShape New, RowCopyMethod Method)
{
    private static readonly StringComparer Names = StringComparer.OrdinalIgnoreCase;

    /// <summary>The columns that both have, but for those that the new schema computes.</summary>
    internal IReadOnlyList<string> Columns { get; } = [.. New.Columns.Where(column => !column.IsGenerated && Old.Find(column.Name) is not null).Select(static column => column.Name)];

    /// <summary>The old columns whose values have no place: what was computed before is not lost.</summary>
    internal IReadOnlyList<string> Dropped => [.. Old.Columns.Where(column => !column.IsGenerated && !Columns.Contains(column.Name, Names)).Select(static column => column.Name)];

    internal IReadOnlyList<string> Defaulted => [.. New.Columns.Where(column => !column.IsGenerated && Old.Find(column.Name) is null).Select(static column => column.Name)];

    /// <summary>A new column without which no old row can be put in; null when there is none.</summary>
    internal string? Missing => New.Columns.FirstOrDefault(column => column.MustBeGiven && Old.Find(column.Name) is null)?.Name;

    /// <summary>Copies all rows. A rowid that is no column comes along: other tables, and full-text indexes, may refer to it.</summary>
    internal string InsertSql
    {
        get
        {
            IEnumerable<string> columns = New.RowidNameFor(Old) is { } rowid ? [rowid, .. Columns] : Columns;
            string names = SqlText.Names(columns);
            return $"INSERT INTO main.{SqlText.Name(New.Name)}({names}) SELECT {names} FROM old.{SqlText.Name(Old.Name)}";
        }
    }
}

/// <summary>Decides, table by table, what is copied and what is left alone.</summary>
internal sealed class RowCopyPlan
{
    private const StringComparison Same = StringComparison.OrdinalIgnoreCase;

    /// <summary>
    /// The tables in which programs keep account of their schema besides version tables: mautrix and maubot's owner of a database, Synapse's list of what it has applied, and those of
    /// common migration libraries.
    /// </summary>
    private static readonly string[] Bookkeeping =
        ["database_owner", "applied_schema_deltas", "applied_module_schemas", "schema_migrations", "migrations", "_sqlx_migrations", "__diesel_schema_migrations", "goose_db_version", "knex_migrations", "knex_migrations_lock", "django_migrations"];

    internal List<PlannedTable> Tables { get; } = [];

    internal List<SkippedTable> Skipped { get; } = [];

    /// <summary>Plans; <paramref name="countRows"/> counts the rows of an old table.</summary>
    internal static RowCopyPlan Make(IReadOnlyList<TableShape> old, IReadOnlyList<TableShape> now, IReadOnlyCollection<string> leaveAlone, Func<string, long> countRows)
    {
        var plan = new RowCopyPlan();
        foreach (TableShape table in old)
        {
            if (table.Kind == TableKind.View) continue;
            TableShape? its = now.FirstOrDefault(n => n.Name.Equals(table.Name, Same));
            plan.Decide(table, its, leaveAlone.Contains(table.Name, StringComparer.OrdinalIgnoreCase), countRows);
        }
        return plan;
    }

    private void Decide(TableShape old, TableShape? now, bool isLeftAlone, Func<string, long> countRows)
    {
        if (isLeftAlone) Skip("it is left alone on purpose", losesData: false);
        else if (SchemaVersions.IsVersionTable(old.Name) || Bookkeeping.Contains(old.Name, StringComparer.OrdinalIgnoreCase)) Skip("the program keeps account of its schema in it", losesData: false);
        else if (old.Kind == TableKind.Shadow) Skip("it is a part of a virtual table", losesData: false);
        else if (now is null) SkipWithRows("the new schema has no such table");
        else if (now.Kind != old.Kind || (old.Kind == TableKind.Virtual && now.Module != old.Module)) SkipWithRows("it is another kind of table in the new schema");
        else if (old.Kind == TableKind.Virtual) DecideVirtual(now);
        else Tables.Add(new PlannedTable(old, now, RowCopyMethod.Rows));

        void DecideVirtual(TableShape it)
        {
            if (it.Columns.Count == 0 || old.Columns.Count == 0) Skip($"only the service has its module {it.Module}", losesData: true);
            else if (it.ContentOption is null) Tables.Add(new PlannedTable(old, it, RowCopyMethod.Rows));
            else if (it.ContentOption.Length > 0) Tables.Add(new PlannedTable(old, it, RowCopyMethod.Rebuild));
            else Skip("it is an index without its texts, which cannot be copied; the program must make it anew", losesData: true);
        }

        void SkipWithRows(string reason)
        {
            long? rows = old.Kind == TableKind.Ordinary ? countRows(old.Name) : null;
            Skipped.Add(new SkippedTable(old.Name, reason, rows, LosesData: rows is null or > 0));
        }

        void Skip(string reason, bool losesData) => Skipped.Add(new SkippedTable(old.Name, reason, null, losesData));
    }
}
