using BackupTool.Cli.Output;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Repositories;
using BackupTool.Services.Quiescing;

namespace BackupTool.Cli.Commands;

/// <summary>What a replacement of live state tells people.</summary>
internal static class InPlaceText
{
    /// <summary>20 when a service is down that was up before; 21 when all was put back; 3 when there is something to look at, which was named; else 0. That a service was not well before is no warning: so it is restored.</summary>
    internal static ExitCode CodeOf(InPlaceReport report, bool owesRestarts)
    {
        if (report.Outcome is not { } outcome) return report.Plan.Problems.Count > 0 ? ExitCode.Failed : ExitCode.Done;
        bool hasWarnings = report.Findings.Count > 0 || report.Plan.Warnings.Count > 0 || report.Safety is { HasWarnings: true };
        return CodeOf(outcome, hasWarnings, owesRestarts);
    }

    internal static ExitCode CodeOf(ReplacementOutcome outcome, bool hasWarnings, bool owesRestarts) =>
        outcome.Return is { IsWell: false } || owesRestarts ? ExitCode.ServiceNotHealthy : !outcome.IsReached ? ExitCode.RolledBack : hasWarnings ? ExitCode.DoneWithWarnings : ExitCode.Done;

    internal static void Print(CommandContext context, StoredSnapshot stored, InPlaceReport report)
    {
        Terminal terminal = context.Terminal;
        if (report.Outcome is not { } outcome)
        {
            PrintPlan(terminal, report.Plan);
            return;
        }
        PrintOutcome(context, outcome);
        if (context.Quiet) return;
        string what = $"{report.Entries:N0} {(report.Entries == 1 ? "entry" : "entries")}, {ByteSize.Format(report.Bytes)}, of snapshot {stored.Id.Prefix} ({stored.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss})";
        if (outcome.IsReached)
        {
            foreach (string database in report.Databases) terminal.WriteLine($"PostgreSQL {database}");
            terminal.WriteLine($"restored {what} in place; {DescribeHealth(outcome.Record)}");
            terminal.WriteLine($"the state before is kept ('backup rollback' returns to it; 'backup restore --forget-previous' removes it){(report.Safety?.Snapshot is { } safety ? $", and is snapshot {safety.Id.Prefix}" : "")}");
            foreach (ServiceOutcome service in report.Safety?.Outcome?.Services.Where(static service => service.CopyKind == CopyKind.Crash) ?? [])
                terminal.Warn($"{service.Name}: in the snapshot of the present state its copy is what a crash would leave: {service.CopyReason}");
        }
        else
        {
            terminal.WriteLine($"NOT restored: {what}. The state before has been put back.", TextStyle.Error);
        }
    }

    /// <summary>Those that something could be asked of are healthy: else it would have been put back.</summary>
    private static string DescribeHealth(ReplacementRecord record)
    {
        ILookup<bool, string> byAsked = record.Services.Where(static service => service.IsReplaced).ToLookup(static service => service.Unit is not null || service is { Probe: not null, WasHealthy: true }, static service => service.Name);
        return string.Join("; ", new[] { (Names: byAsked[true], State: "healthy"), (Names: byAsked[false], State: "neither stopped nor started") }
            .Where(static group => group.Names.Any()).Select(static group => $"{string.Join(", ", group.Names)}: {group.State}"));
    }

    /// <summary>What became of the services, with either state.</summary>
    internal static void PrintOutcome(CommandContext context, ReplacementOutcome outcome)
    {
        foreach (string problem in outcome.Problems)
            if (outcome.Outcome?.Services.Any(service => service.IsHealthy == false && problem.StartsWith($"'{service.Name}' is not healthy", StringComparison.Ordinal)) != true) context.Terminal.Error(problem);
        if (outcome.Problems.Count > 0 && outcome.Outcome is { } tried) PrintServices(context, tried, "with the new state");
        QuiesceOutcome? now = outcome.Return ?? outcome.Outcome;
        if (now is null || context.Quiet) return;
        if (outcome.Return is not null) PrintServices(context, outcome.Return, "with the state before");
        var table = new Table(("SERVICE", Align.Left), ("UNIT", Align.Left), ("DOWNTIME", Align.Right), ("RESULT", Align.Left));
        foreach (ServiceOutcome service in now.Services.Where(static service => service.Unit is not null))
            table.Add(service.IsHealthy == false ? TextStyle.Error : TextStyle.Plain, service.Name, service.Unit!, service.Downtime is { } downtime ? Duration.Format(downtime) : "-",
                service.IsHealthy switch { true => "healthy", false => "not healthy", null => "not started: it was down before" });
        table.WriteTo(context.Terminal);
    }

    private static void PrintServices(CommandContext context, QuiesceOutcome outcome, string when)
    {
        foreach (ServiceOutcome service in outcome.Services.Where(static service => service.IsHealthy == false))
            UnitProblems.Print(context.Terminal, service.Name, $"not healthy {when}: {service.HealthReason}", service.JournalLines);
        foreach (UnitOutcome unit in outcome.Units.Where(static unit => unit.Problem is not null && unit.Services.Count == 0)) UnitProblems.Print(context.Terminal, unit.Unit, unit.Problem!, unit.JournalLines);
    }

    private static void PrintPlan(Terminal terminal, RestorePlan plan)
    {
        foreach (RestoreProblem problem in plan.Problems) terminal.Error($"{problem.Service}: {problem.Message}\n  → {problem.Hint}");
        foreach (string warning in plan.Warnings) terminal.Warn(warning);
        int number = 0;
        foreach (string step in plan.Steps) terminal.WriteLine($"{++number,3}. {step}");
        terminal.WriteLine(plan.Problems.Count > 0 ? "dry run: this restore would be refused" : "dry run: nothing was stopped, nothing was replaced");
    }
}

/// <summary>The JSON of <c>restore --in-place</c>.</summary>
public sealed record InPlaceDocument(
    string Snapshot, string Result, string[] Steps, InPlaceProblem[] Problems, string[] Warnings, string? SafetySnapshot, long Entries, long Bytes, string[] Databases, string[] Reasons, ReplacedServiceDocument[] Services)
{
    internal static InPlaceDocument From(StoredSnapshot stored, InPlaceReport report) => new(stored.Id.Hex, ResultOf(report.Outcome), [.. report.Plan.Steps],
        [.. report.Plan.Problems.Select(static problem => new InPlaceProblem(problem.Service, problem.Message, problem.Hint))],
        [.. report.Plan.Warnings, .. report.Findings.Select(static finding => $"{finding.Path}: {finding.Message}")],
        report.Safety?.Snapshot?.Id.Hex, report.Entries, report.Bytes, [.. report.Databases], [.. report.Outcome?.Problems ?? []], ReplacedServiceDocument.Of(report.Outcome));

    internal static string ResultOf(ReplacementOutcome? outcome) => outcome is null ? "planned" : outcome.IsReached ? "done" : outcome.Return is { IsWell: false } ? "rolledBackNotHealthy" : "rolledBack";
}

/// <summary>Why a restore cannot be done.</summary>
public sealed record InPlaceProblem(string Service, string Message, string Hint);

/// <summary>What became of a service.</summary>
public sealed record ReplacedServiceDocument(string Name, string? Unit, bool IsReplaced, bool? IsHealthy, string? Reason, double? DowntimeSeconds)
{
    internal static ReplacedServiceDocument[] Of(ReplacementOutcome? outcome) => (outcome?.Return ?? outcome?.Outcome) is not { } now ? []
        : [.. now.Services.Select(service => new ReplacedServiceDocument(service.Name, service.Unit, outcome!.Record.Services.Any(each => each.Name == service.Name && each.IsReplaced), service.IsHealthy, service.HealthReason,
            service.Downtime?.TotalSeconds))];
}
