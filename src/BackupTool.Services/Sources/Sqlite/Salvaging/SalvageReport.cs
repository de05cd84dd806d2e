using BackupTool.Posix;

namespace BackupTool.Services.Sources.Sqlite.Salvaging;

/// <summary>What of a damaged database is in the new one, and what is not.</summary>
/// <param name="Tables">Every table whose definition could be read.</param>
/// <param name="Lost">Tables, indexes, views and triggers that are not in the new database.</param>
/// <param name="IsOutOfTime">The time was up before all was tried: more may be readable.</param>
/// <param name="Findings">What <c>quick_check</c> says of the new database; empty when it is sound.</param>
public sealed record SalvageReport(IReadOnlyList<SalvagedTable> Tables, IReadOnlyList<LostObject> Lost, bool IsOutOfTime, IReadOnlyList<string> Findings)
{
    /// <summary>Rows in all.</summary>
    public long Rows => Tables.Sum(static table => table.Rows);

    /// <summary>Whether nothing was met that could not be read. Rows of a page that was damaged into another valid page are not missed by anybody.</summary>
    public bool IsWhole => Lost.Count == 0 && !IsOutOfTime && Tables.All(static table => table.IsWhole);
}

/// <summary>A table, as far as it could be read.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Rows">Rows in the new database.</param>
/// <param name="Refused">Rows that were read and that the table's own constraints refuse: what damage made of them.</param>
/// <param name="Unread">Ranges of rowids that could not be read, in order; not each of them need have been a row.</param>
/// <param name="Problem">What SQLite said first when it could not read on; null when all was read.</param>
public sealed record SalvagedTable(string Name, long Rows, long Refused, IReadOnlyList<UnreadRange> Unread, string? Problem)
{
    /// <summary>Whether all of it was read.</summary>
    public bool IsWhole => Problem is null && Refused == 0;
}

/// <summary>Rowids that could not be read, both ends included.</summary>
/// <param name="First">The lowest.</param>
/// <param name="Last">The highest.</param>
public readonly record struct UnreadRange(long First, long Last);

/// <summary>A table, index, view or trigger that is not in the new database.</summary>
/// <param name="Kind">As in SQLite's schema: table, index, view, trigger.</param>
/// <param name="Name">Its name.</param>
/// <param name="Reason">Why.</param>
public sealed record LostObject(string Kind, string Name, string Reason);

/// <summary>Of a damaged database nothing can be read: what tables it has is not known.</summary>
public sealed class NothingToSalvageException(BytePath path, string problem) : ExplainedException($"nothing can be salvaged from {path}: {problem}",
    "Its file is kept as it is; take the last good state from a snapshot.");
