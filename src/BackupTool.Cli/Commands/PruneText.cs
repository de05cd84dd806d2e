using BackupTool.Cli.Output;
using BackupTool.Repositories;
using BackupTool.Repositories.Pruning;

namespace BackupTool.Cli.Commands;

/// <summary>What a prune tells people; also the prune of a rotation.</summary>
internal static class PruneText
{
    private const int IdDigits = 12;

    /// <summary>What went wrong: told also with --quiet and --json.</summary>
    internal static void PrintProblems(Terminal terminal, PruneReport report)
    {
        foreach (string warning in report.Warnings) terminal.Warn(warning);
        PrintDamage(terminal, report);
    }

    /// <summary>What is damaged, and what that means.</summary>
    internal static void PrintDamage(Terminal terminal, PruneReport report)
    {
        foreach (RepositoryDamagedException damage in report.Damage) terminal.Error($"{damage.Message}\n  → {damage.Hint} Nothing that holds copies of its chunks was removed.");
    }

    internal static void Print(Terminal terminal, PruneReport report)
    {
        if (report.DryRun || terminal.Verbosity >= Verbosity.Verbose) PackTable(report).WriteTo(terminal);
        PrintSums(terminal, report);
        if (report.DryRun) terminal.WriteLine("dry run: nothing was changed");
    }

    /// <summary>What it comes to.</summary>
    internal static void PrintSums(Terminal terminal, PruneReport report)
    {
        string would = report.DryRun ? "would be " : "";
        if (report.RemovedPacks > 0) terminal.WriteLine($"{would}removed: {Packs(report.RemovedPacks)}, {ByteSize.Format(report.RemovedBytes)} {(report.DryRun ? "free at once" : "free now")}");
        if (report.RepackedPacks > 0) terminal.WriteLine($"{would}packed anew: {Packs(report.RepackedPacks)} of {ByteSize.Format(report.RepackedBytes)} into {ByteSize.Format(report.RewrittenBytes)}");
        if (report.UnmarkedPacks > 0) terminal.WriteLine($"{would}needed again: {Packs(report.UnmarkedPacks)} without a mark now");
        if (report.RemovableFrom is { } times)
        {
            string from = times.First == times.All ? $"from {Format(times.All)} on" : $"from {Format(times.First)} on, all of it from {Format(times.All)} on";
            terminal.WriteLine($"{would}marked: {Packs(report.MarkedPacks)}{(report.NewlyMarkedPacks < report.MarkedPacks ? $" ({report.NewlyMarkedPacks:N0} now)" : "")}, {ByteSize.Format(report.MarkedBytes)} that a prune gives back {from}");
        }
        if (report.RemovedReports > 0) terminal.WriteLine($"removed: {report.RemovedReports:N0} reports of verifications of forgotten snapshots");
        if (report.RemovedPacks + report.RepackedPacks + report.UnmarkedPacks + report.MarkedPacks == 0) terminal.WriteLine("nothing to remove: every pack is needed");
        terminal.WriteLine($"{(report.DryRun ? "would stay" : "stays")}: {ByteSize.Format(report.KeptBytes)} of packs, {ByteSize.Format(report.WasteBytes)} of it waste");
    }

    private static Table PackTable(PruneReport report)
    {
        var table = new Table(("PACK", Align.Left), ("WHAT", Align.Left), ("SIZE", Align.Right), ("WASTE", Align.Right), ("WHY", Align.Left));
        foreach (PackVerdict verdict in report.Verdicts)
            if (verdict.Fate != PackFate.Keep || verdict.WasteBytes > 0)
                table.Add(verdict.Pack.Id.Hex[..IdDigits], NameOf(verdict.Fate), ByteSize.Format(verdict.Pack.Bytes), ByteSize.Format(verdict.WasteBytes), verdict.Reason);
        return table;
    }

    internal static string NameOf(PackFate fate) => fate switch
    {
        PackFate.Keep => "keep",
        PackFate.Unmark => "unmark",
        PackFate.Mark => "mark",
        PackFate.Wait => "wait",
        PackFate.Remove => "remove",
        PackFate.Repack => "repack",
        _ => throw new ArgumentOutOfRangeException(nameof(fate)),
    };

    private static string Packs(int count) => $"{count:N0} pack{(count == 1 ? "" : "s")}";

    private static string Format(DateTimeOffset time) => time.LocalDateTime.ToString("yyyy-MM-dd HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>The JSON of <c>prune</c>.</summary>
public sealed record PruneDocument(
    bool DryRun, int RemovedPacks, long RemovedBytes, int NewlyMarkedPacks, int MarkedPacks, long MarkedBytes, DateTimeOffset? RemovableFrom, DateTimeOffset? AllRemovableFrom, int UnmarkedPacks,
    int RepackedPacks, long RepackedBytes, long RewrittenBytes, long WasteBytes, long KeptBytes, int RemovedReports, string[] Damage, string[] Warnings, PrunedPack[] Packs)
{
    internal static PruneDocument From(PruneReport report) => new(
        report.DryRun, report.RemovedPacks, report.RemovedBytes, report.NewlyMarkedPacks, report.MarkedPacks, report.MarkedBytes, report.RemovableFrom?.First, report.RemovableFrom?.All, report.UnmarkedPacks,
        report.RepackedPacks, report.RepackedBytes, report.RewrittenBytes, report.WasteBytes, report.KeptBytes, report.RemovedReports,
        [.. report.Damage.Select(static damage => damage.Message)], [.. report.Warnings], [.. report.Verdicts.Select(PrunedPack.From)]);
}

/// <summary>A pack in the JSON of <c>prune</c>.</summary>
public sealed record PrunedPack(string Pack, string Action, long Bytes, long WasteBytes, DateTimeOffset? RemovableAt, string Reason)
{
    internal static PrunedPack From(PackVerdict verdict) => new(verdict.Pack.Id.Hex, PruneText.NameOf(verdict.Fate), verdict.Pack.Bytes, verdict.WasteBytes, verdict.RemovableAt, verdict.Reason);
}
