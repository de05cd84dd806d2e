using BackupTool.Cli.Output;
using BackupTool.Operations.Reseed;
using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Services.Sources.Sqlite.Rows;

namespace BackupTool.Cli.Commands;

/// <summary>What a wipe tells people.</summary>
internal static class WipeText
{
    private const int MaxRanges = 5;

    /// <summary>20 when a service is down that was up before; 21 when all was put back; 3 when something did not come back that could have, or something other than what was wiped could not be saved; else 0.</summary>
    internal static ExitCode CodeOf(WipeReport report, bool owesRestarts)
    {
        HashSet<string> wiped = [.. report.Plan.Wiped];
        bool isSafetyIncomplete = report.Safety is { } safety && (safety.Damaged.Count > 0 || safety.Services.SelectMany(static service => service.Warnings).Any(warning => !wiped.Contains(warning.Path) && !IsDump(warning.Path)));
        return InPlaceText.CodeOf(report.Outcome, report.Losses.Count > 0 || report.Plan.Warnings.Count > 0 || isSafetyIncomplete, owesRestarts);
    }

    // That a damaged PostgreSQL database cannot be dumped is why it is wiped.
    private static bool IsDump(string path) => path.EndsWith(".dump", StringComparison.Ordinal);

    internal static void Print(Terminal terminal, WipePlan plan)
    {
        foreach (RestoreProblem problem in plan.Problems) terminal.Error($"{problem.Service}: {problem.Message}\n  → {problem.Hint}");
        foreach (string warning in plan.Warnings) terminal.Warn(warning);
        int number = 0;
        foreach (string step in plan.Steps) terminal.WriteLine($"{++number,3}. {step}");
        terminal.WriteLine(plan.Problems.Count > 0 ? "dry run: this wipe would be refused" : "dry run: nothing was stopped, nothing was wiped");
    }

    internal static void Print(CommandContext context, WipeRequest request, WipeReport report)
    {
        Terminal terminal = context.Terminal;
        InPlaceText.PrintOutcome(context, report.Outcome);
        foreach (string loss in report.Losses) terminal.Warn(loss);
        if (context.Quiet) return;
        foreach (SalvagedDatabase salvaged in report.Salvaged) Print(terminal, salvaged);
        if (!report.Outcome.IsReached)
        {
            terminal.WriteLine($"NOT wiped: {request.Service}. The state before has been put back{(report.Safety?.Snapshot is { } saved ? $", and is snapshot {saved.Id.Prefix}" : "")}.", TextStyle.Error);
            return;
        }
        foreach (FilledDatabase filled in report.Filled) Print(terminal, filled);
        PrintBots(terminal, report);
        foreach (string note in report.Notes) terminal.WriteLine(note);
        if (report.NotToBeHad.Count > 0) terminal.WriteLine("what by its nature does not come back:");
        foreach (string lost in report.NotToBeHad) terminal.WriteLine($"  - {lost}");
        terminal.WriteLine($"wiped {string.Join(", ", report.Plan.Wiped)} of {request.Service}, {Describe(request, report)}: healthy");
        terminal.WriteLine($"the old state is kept at {string.Join(", ", report.Outcome.Record.KeptAt)} ('backup rollback {request.Service}' returns to it; 'backup restore --forget-previous' removes it)"
            + (report.Safety?.Snapshot is { } safety ? $", and is snapshot {safety.Id.Prefix} (label pre-wipe, pinned)" : ""));
    }

    private static string Describe(WipeRequest request, WipeReport report) => request.Method switch
    {
        ReseedMethod.Rows => report.Plan.Snapshot is { } snapshot ? $"filled with the rows of snapshot {snapshot.Id.Prefix} ({snapshot.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss})" : "filled with what could be salvaged",
        ReseedMethod.Api => $"filled through its management interface from snapshot {report.Plan.Snapshot!.Id.Prefix} ({report.Plan.Snapshot.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss})",
        _ => "which begins afresh",
    };

    private static void Print(Terminal terminal, SalvagedDatabase salvaged)
    {
        if (salvaged.Report is not { } report)
        {
            terminal.WriteLine($"nothing could be salvaged of {salvaged.Database}: {salvaged.Problem}");
            return;
        }
        terminal.WriteLine($"salvaged of {salvaged.Database}: {report.Rows:N0} rows of {report.Tables.Count:N0} tables, in {salvaged.Copy} (it may hold access tokens: remove it when it is not needed any more)");
        foreach (string unread in SalvageText.Unread(report, MaxRanges)) terminal.WriteLine($"  not readable: {unread}");
    }

    private static void Print(Terminal terminal, FilledDatabase filled)
    {
        terminal.WriteLine($"{filled.Database}: {filled.Report.Rows:N0} rows came back");
        var table = new Table(("TABLE", Align.Left), ("ROWS", Align.Right), ("REMARK", Align.Left));
        foreach (CopiedTable copied in filled.Report.Copied.Where(static copied => copied.Rows > 0 || copied.Replaced > 0 || copied.DroppedColumns.Count > 0))
            table.Add(copied.Name, $"{copied.Rows:N0}", string.Join("; ", RemarksOf(copied)));
        foreach (SkippedTable skipped in filled.Report.Skipped) table.Add(skipped.Name, "-", $"not copied: {skipped.Reason}");
        table.WriteTo(terminal);
    }

    private static IEnumerable<string> RemarksOf(CopiedTable table)
    {
        if (table.Replaced > 0) yield return $"in the place of {table.Replaced:N0} that the program had put in";
        if (table.DroppedColumns.Count > 0) yield return $"without {string.Join(", ", table.DroppedColumns)}";
        if (table.DefaultedColumns.Count > 0) yield return $"{string.Join(", ", table.DefaultedColumns)} by default";
    }

    private static void PrintBots(Terminal terminal, WipeReport report)
    {
        foreach (ReseededPlugin plugin in report.Plugins.Where(static plugin => plugin.Outcome != ReseedOutcome.Failed))
            terminal.WriteLine($"plugin {plugin.Id} {plugin.Version}: {(plugin.Outcome == ReseedOutcome.Created ? "uploaded" : "was there")}{(plugin.Reason is null ? "" : $" ({plugin.Reason})")}");
        foreach (ReseededClient client in report.Clients.Where(static client => client.Outcome != ReseedOutcome.Failed))
            terminal.WriteLine($"client {client.Id}: {(client.IsStarted ? "started" : client.IsEnabled ? "NOT started" : "disabled, as it was")}{(client.FreshDevice is { } device ? $", logged in as new device {device}" : "")}");
        foreach (ReseededInstance instance in report.Instances.Where(static instance => instance.Outcome != ReseedOutcome.Failed))
            terminal.WriteLine($"instance {instance.Id} ({instance.Type}, {instance.Client}): {(instance.IsStarted ? "started" : instance.IsEnabled ? "NOT started" : "disabled, as it was")}");
        foreach (Posix.BytePath database in report.Reattached) terminal.WriteLine($"{database}: stayed, and belongs to its instance again");
        foreach (Posix.BytePath database in report.Orphaned) terminal.WriteLine($"{database}: stays, and belongs to no instance now; it is attached again when an instance '{database.Name.ToString()[..^3]}' is made");
    }
}
