using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Rotation;
using BackupTool.Repositories.Retention;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup rotate</c></summary>
internal static class RotateCommand
{
    internal static Command Create(CommandHost host)
    {
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Print what would be kept and removed, and why; remove nothing" };
        var allHosts = new Option<bool>("--all-hosts") { Description = "Decide on the snapshots of other machines, too, which are kept else" };
        var lockWait = new LockWaitOption();
        return host.Create("rotate", "Forget the snapshots that no `keep` of a schedule, of [rotation] or of a label keeps, and free what only they needed. Never goes what is pinned, the newest and the newest verified snapshot of a service, and what is newer than that.",
            async (context, cancellationToken) =>
            {
                var request = new RotationRequest { DryRun = context.Value(dryRun), AllHosts = context.Value(allHosts), LockWait = lockWait.Value(context) };
                BackupConfiguration configuration = context.ReadConfiguration();
                if (!request.DryRun)
                {
                    context.StartRecording("rotate", configuration);
                    await context.RecoverFirstAsync(configuration, cancellationToken);
                }
                RotationReport report = await new RotationRun(configuration, context.Progress, context.Time).RunAsync(request, cancellationToken);
                context.Progress.Dispose();
                if (context.Recorded is { } run) run.Problem = report.Prune.Damage.Select(static damage => damage.Message).Concat(report.Warnings).FirstOrDefault();
                if (context.Json) JsonReport.Write(context.Terminal, RotateDocument.From(report), CliJson.Default.RotateDocument);
                else if (!context.Quiet) Print(context.Terminal, report);
                foreach (string warning in report.Warnings) context.Terminal.Warn(warning);
                PruneText.PrintDamage(context.Terminal, report.Prune);
                return context.OwesRestarts ? ExitCode.ServiceNotHealthy : CodeOf(report);
            }, dryRun, allHosts, lockWait.Option);
    }

    /// <summary>How a rotation ends that came to this.</summary>
    internal static ExitCode CodeOf(RotationReport report) =>
        report.Prune.Damage.Count > 0 ? ExitCode.RepositoryDamaged : report.Warnings.Count > 0 ? ExitCode.DoneWithWarnings : ExitCode.Done;

    private static void Print(Terminal terminal, RotationReport report)
    {
        PrintTable(terminal, report.Plan.Decisions);
        int removed = report.Plan.Removed.Count(), all = report.Plan.Decisions.Count;
        if (all == 0) terminal.Info("no snapshots");
        else terminal.WriteLine(report.DryRun ? $"would remove {removed:N0} of {all:N0} snapshots" : $"removed {removed:N0} of {all:N0} snapshots");
        PruneText.PrintSums(terminal, report.Prune);
    }

    private static void PrintTable(Terminal terminal, IReadOnlyList<RetentionDecision> decisions)
    {
        var table = new Table(("SNAPSHOT", Align.Left), ("TIME", Align.Left), ("HOST", Align.Left), ("MADE BY", Align.Left), ("SERVICES", Align.Left), ("DECISION", Align.Left), ("WHY", Align.Left));
        foreach (RetentionDecision decision in decisions)
        {
            RetentionSnapshot s = decision.Snapshot;
            string madeBy = string.Join(" ", [s.Schedule ?? "-", .. s.Labels]);
            table.Add(decision.IsKept ? TextStyle.Plain : TextStyle.Warning, s.Id.Prefix, $"{s.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}", s.Host, madeBy, string.Join(" ", s.Services),
                decision.IsKept ? "keep" : "remove", string.Join("; ", decision.Reasons));
        }
        table.WriteTo(terminal);
    }
}

/// <summary>The JSON of <c>rotate</c>.</summary>
public sealed record RotateDocument(bool DryRun, RotateDecisionDocument[] Snapshots, string[] Forgotten, string[] Warnings, PruneDocument Prune)
{
    internal static RotateDocument From(RotationReport report) =>
        new(report.DryRun, [.. report.Plan.Decisions.Select(RotateDecisionDocument.From)], [.. report.Forgotten.Select(static id => id.Hex)], [.. report.Warnings], PruneDocument.From(report.Prune));
}

/// <summary>What becomes of a snapshot, in JSON.</summary>
public sealed record RotateDecisionDocument(string Id, DateTimeOffset Time, string Host, string? Schedule, string[] Labels, string[] Services, bool Pinned, bool Verified, bool Keep, string[] Reasons)
{
    internal static RotateDecisionDocument From(RetentionDecision decision)
    {
        RetentionSnapshot s = decision.Snapshot;
        return new(s.Id.Hex, s.Time, s.Host, s.Schedule, [.. s.Labels], [.. s.Services], s.IsPinned, s.IsVerified, decision.IsKept, [.. decision.Reasons]);
    }
}
