using BackupTool.Cli.Output;
using BackupTool.Operations.Backup;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Quiescing;

namespace BackupTool.Cli.Commands;

/// <summary>What <c>now</c> tells people.</summary>
internal static class NowReport
{
    internal static void Print(CommandContext context, BackupReport report)
    {
        Terminal terminal = context.Terminal;
        foreach (ServiceFailure failure in report.Failures) terminal.Error($"{failure.Name} is NOT in this snapshot: {failure.Reason}");
        PrintOutcome(terminal, report.Outcome);
        foreach ((string service, string reason) in report.FailedBefore) terminal.Error($"{service} was not running: {reason}\n  → {(report.Failures.Any(failure => failure.Name == service) ? "" : "Its state is in the snapshot as it lay there. ")}See 'journalctl -u' for why it failed.");
        if (context.Quiet) return;
        if (report.Snapshot is null) PrintPlan(terminal, report.Plan);
        ServiceTable(report).WriteTo(terminal);
        if (report.Snapshot is not { } stored)
        {
            terminal.WriteLine("dry run: nothing was stopped, nothing was stored");
            return;
        }
        if (stored.Snapshot.WindowSeconds is { } window) terminal.WriteLine($"everything held still for {Duration.Format(TimeSpan.FromSeconds(window))}");
        SnapshotStatistics statistics = stored.Snapshot.Statistics;
        terminal.WriteLine($"snapshot {stored.Id.Prefix}: stored and read back {ByteSize.Format(statistics.StoredBytes)} in {Duration.Format(TimeSpan.FromSeconds(statistics.Seconds))}"
            + $" (read {ByteSize.Format(statistics.ReadBytes)}, {statistics.ReusedEntries:N0} entries unchanged)");
    }

    private static Table ServiceTable(BackupReport report)
    {
        var table = new Table(
            ("SERVICE", Align.Left), ("ENTRIES", Align.Right), ("SIZE", Align.Right), ("CHANGED", Align.Right), ("COPY", Align.Left), ("DOWNTIME", Align.Right), ("WARNINGS", Align.Right));
        foreach (ServiceReport service in report.Services)
        {
            ServiceOutcome? outcome = report.Outcome?.Services.FirstOrDefault(each => each.Name == service.Name);
            table.Add(service.Name, $"{service.Entries:N0}", ByteSize.Format(service.Bytes), ByteSize.Format(service.ChangedBytes), outcome?.CopyKind.ToString().ToLowerInvariant() ?? "-",
                outcome?.Downtime is { } downtime ? Duration.Format(downtime) : "-", $"{service.Warnings.Count}");
        }
        return table;
    }

    private static void PrintPlan(Terminal terminal, QuiescePlan plan)
    {
        foreach (QuiesceProblem problem in plan.Problems) terminal.Error($"{problem.Service}: {problem.Message}\n  → {problem.Hint}");
        int number = 0;
        foreach (PlanStep step in plan.Steps) terminal.WriteLine($"{++number,3}. {step.Sentence}");
    }

    private static void PrintOutcome(Terminal terminal, QuiesceOutcome? outcome)
    {
        if (outcome is null) return;
        foreach (ServiceOutcome service in outcome.Services)
        {
            if (service.CopyKind == CopyKind.Crash) terminal.Warn($"{service.Name}: its copy is what a crash would leave: {service.CopyReason}");
            foreach (string note in service.Notes) terminal.Info($"{service.Name}: {note}");
            if (service.IsHealthy == false)
                UnitProblems.Print(terminal, service.Name, (service.IsOwed ? "is not started: " : "is not healthy: ") + service.HealthReason
                    + (service.IsOwed ? " ('backup recover' starts it when it can)" : ""), service.JournalLines);
        }
        foreach (UnitOutcome unit in outcome.Units.Where(static unit => unit.Problem is not null && unit.Services.Count == 0)) UnitProblems.Print(terminal, unit.Unit, unit.Problem!, unit.JournalLines);
        foreach (string note in outcome.Notes) terminal.Info(note);
    }
}
