using BackupTool.Services.Sources.Sqlite.Salvaging;

namespace BackupTool.Cli.Commands;

/// <summary>What could not be read of a damaged database, for people.</summary>
internal static class SalvageText
{
    internal static IEnumerable<string> Unread(SalvageReport report, int maxRanges)
    {
        foreach (SalvagedTable table in report.Tables.Where(static table => !table.IsWhole)) yield return $"{table.Name}: {string.Join("; ", Parts(table, maxRanges))}";
        foreach (LostObject lost in report.Lost) yield return $"the {lost.Kind} {lost.Name}: {lost.Reason}";
        if (report.IsOutOfTime) yield return "the time for it was over before all was tried";
        foreach (string finding in report.Findings) yield return $"in the salvaged copy: {finding}";
    }

    private static IEnumerable<string> Parts(SalvagedTable table, int maxRanges)
    {
        if (table.Problem is { } problem) yield return problem;
        if (table.Unread.Count > 0)
            yield return $"rows in {string.Join(", ", table.Unread.Take(maxRanges).Select(static range => range.First == range.Last ? $"{range.First}" : $"{range.First}–{range.Last}"))}{(table.Unread.Count > maxRanges ? $" and {table.Unread.Count - maxRanges} more ranges" : "")}";
        if (table.Refused > 0) yield return $"{table.Refused:N0} rows that its own constraints refuse";
    }
}
