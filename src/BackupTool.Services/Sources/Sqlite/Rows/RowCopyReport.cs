namespace BackupTool.Services.Sources.Sqlite.Rows;

/// <summary>What a copy of rows did, table by table, and what it left alone.</summary>
/// <param name="Copied">The tables that both databases have, in the order in which they were copied.</param>
/// <param name="Skipped">The tables that were left as they are.</param>
public sealed record RowCopyReport(IReadOnlyList<CopiedTable> Copied, IReadOnlyList<SkippedTable> Skipped)
{
    /// <summary>Rows in all.</summary>
    public long Rows => Copied.Sum(static table => table.Rows);
}

/// <summary>A table whose rows were replaced by those of the old database.</summary>
/// <param name="Name">Its name in the new schema.</param>
/// <param name="Rows">Rows copied.</param>
/// <param name="Replaced">Rows that the program had put in before, and that are gone.</param>
/// <param name="DroppedColumns">Columns of the old database for which the new schema has no place: their values are not in the new database.</param>
/// <param name="DefaultedColumns">Columns that the old database did not have: they have the default of the new schema.</param>
public sealed record CopiedTable(string Name, long Rows, long Replaced, IReadOnlyList<string> DroppedColumns, IReadOnlyList<string> DefaultedColumns);

/// <summary>A table of the old database whose rows were not copied.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Reason">Why, for an operator.</param>
/// <param name="Rows">Rows that it has in the old database; null when they were not counted.</param>
/// <param name="LosesData">Whether an operator may miss what was in it: it held rows, and they are not the program's own account of its schema or derived from others.</param>
public sealed record SkippedTable(string Name, string Reason, long? Rows, bool LosesData);
