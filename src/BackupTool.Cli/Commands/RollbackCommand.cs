using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Services.Quiescing;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup rollback</c></summary>
internal static class RollbackCommand
{
    internal static Command Create(CommandHost host)
    {
        var service = new Argument<string?>("service") { Description = "Undo the last restore or wipe that replaced this one; or the one of this id, which --list shows [default: the last of all]", HelpName = "SERVICE", Arity = ArgumentArity.ZeroOrOne };
        var list = new Option<bool>("--list", "-l") { Description = "Say what could be rolled back; change nothing" };
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Say what would be done; change nothing" };
        return host.Create("rollback",
            "Return to the state that the last restore in place, or wipe, replaced, of all services that it replaced. When it does not get healthy it is undone (exit code 21). Run once more, it returns from there. Needs no repository.", async (context, cancellationToken) =>
            {
                BackupConfiguration configuration = context.ReadConfigurationDespiteSchedules();
                bool isReadOnly = context.Value(list) || context.Value(dryRun);
                if (!isReadOnly) context.StartRecording("rollback", configuration);
                if (!isReadOnly) await context.RecoverFirstAsync(configuration, cancellationToken);
                var previous = new PreviousStates(context.ReplacementWorld(configuration));
                if (context.Value(list)) return List(context, previous.List(context.Value(service)));
                ReplacementRecord record = previous.Find(context.Value(service));
                if (context.Value(dryRun))
                {
                    (QuiescePlan plan, IReadOnlyList<RestoreProblem> problems) = await previous.PlanAsync(configuration, record, cancellationToken);
                    Print(context, record, plan, problems);
                    return problems.Count > 0 ? ExitCode.Failed : ExitCode.Done;
                }
                ReplacementOutcome outcome = await previous.RollBackAsync(configuration, record, cancellationToken);
                context.Progress.Dispose();
                context.Recorded?.Tell(null, outcome);
                if (context.Json) JsonReport.Write(context.Terminal, RollbackDocument.From(outcome), CliJson.Default.RollbackDocument);
                else Print(context, outcome);
                return InPlaceText.CodeOf(outcome, hasWarnings: false, context.OwesRestarts);
            }, service, list, dryRun);
    }

    /// <summary><c>restore --forget-previous</c></summary>
    internal static async Task<ExitCode> ForgetAsync(CommandContext context, IReadOnlyList<string> services, bool isDryRun, CancellationToken cancellationToken)
    {
        BackupConfiguration configuration = context.ReadConfigurationDespiteSchedules();
        if (!isDryRun) await context.RecoverFirstAsync(configuration, cancellationToken);
        var previous = new PreviousStates(context.ReplacementWorld(configuration));
        IReadOnlyList<ReplacementRecord> records = services.Count == 0 ? previous.List() : [.. services.SelectMany(previous.List).DistinctBy(static record => record.Id)];
        if (!isDryRun) await previous.ForgetAsync(configuration, records);
        context.Progress.Dispose();
        if (context.Json)
        {
            JsonReport.Write(context.Terminal, new ForgottenDocument(isDryRun, [.. records.Select(PreviousDocument.From)]), CliJson.Default.ForgottenDocument);
        }
        else if (!context.Quiet)
        {
            foreach (ReplacementRecord record in records) context.Terminal.WriteLine($"{(isDryRun ? "would forget" : "forgot")} what the {record.Action} of {Describe(record)} {(record.Live == Side.New ? "replaced" : "had brought")}");
            if (records.Count == 0) context.Terminal.WriteLine("nothing is kept of earlier restores and wipes");
        }
        return records.Count == 0 ? ExitCode.NothingToDo : ExitCode.Done;
    }

    private static ExitCode List(CommandContext context, IReadOnlyList<ReplacementRecord> records)
    {
        if (context.Json)
        {
            JsonReport.Write(context.Terminal, new PreviousStatesDocument([.. records.Select(PreviousDocument.From)]), CliJson.Default.PreviousStatesDocument);
            return ExitCode.Done;
        }
        var table = new Table(("ID", Align.Left), ("TIME", Align.Left), ("ACTION", Align.Left), ("SERVICES", Align.Left), ("SNAPSHOT", Align.Left), ("LIVE", Align.Left), ("KEPT AT", Align.Left));
        foreach (ReplacementRecord record in records)
            table.Add(record.Id, $"{record.Began.LocalDateTime:yyyy-MM-dd HH:mm:ss}", record.Action, string.Join(" ", record.ReplacedServices), record.Snapshot?[..8] ?? "-", record.Live == Side.New ? "the new state" : "the state before",
                string.Join(" ", record.KeptAt));
        if (records.Count > 0) table.WriteTo(context.Terminal);
        else if (!context.Quiet) context.Terminal.WriteLine("nothing is kept of earlier restores and wipes");
        return ExitCode.Done;
    }

    private static void Print(CommandContext context, ReplacementRecord record, QuiescePlan plan, IReadOnlyList<RestoreProblem> problems)
    {
        int number = 0;
        foreach (RestoreProblem problem in problems) context.Terminal.Error($"{problem.Service}: {problem.Message}\n  → {problem.Hint}");
        foreach (PlanStep step in plan.Steps.Where(static step => step.IsCut || step.Unit is not null))
        {
            context.Terminal.WriteLine($"{++number,3}. {(step.IsCut ? $"exchange {string.Join(", ", record.Exchanged)} with what is kept (a rename each)" : step.Sentence)}");
        }
        context.Terminal.WriteLine(problems.Count > 0 ? "dry run: this rollback would be refused" : "dry run: nothing was stopped, nothing was replaced");
    }

    private static void Print(CommandContext context, ReplacementOutcome outcome)
    {
        InPlaceText.PrintOutcome(context, outcome);
        if (context.Quiet) return;
        ReplacementRecord record = outcome.Record;
        if (!outcome.IsReached) context.Terminal.WriteLine($"NOT rolled back: the {record.Action} of {Describe(record)}. What was there has been put back.", TextStyle.Error);
        else context.Terminal.WriteLine($"{(record.Live == Side.Old ? "rolled back" : "brought back")} the {record.Action} of {Describe(record)}: healthy. 'backup rollback {record.Id}' undoes this.");
    }

    private static string Describe(ReplacementRecord record) => $"{string.Join(", ", record.ReplacedServices)} of {record.Began.LocalDateTime:yyyy-MM-dd HH:mm:ss}";
}

/// <summary>The JSON of <c>rollback</c>.</summary>
public sealed record RollbackDocument(string Id, string Action, string Result, string Live, string[] Reasons, ReplacedServiceDocument[] Services)
{
    internal static RollbackDocument From(ReplacementOutcome outcome) =>
        new(outcome.Record.Id, outcome.Record.Action, InPlaceDocument.ResultOf(outcome), outcome.Record.Live == Side.New ? "new" : "old", [.. outcome.Problems], ReplacedServiceDocument.Of(outcome));
}

/// <summary>The JSON of <c>rollback --list</c>.</summary>
public sealed record PreviousStatesDocument(PreviousDocument[] Previous);

/// <summary>The JSON of <c>restore --forget-previous</c>.</summary>
public sealed record ForgottenDocument(bool DryRun, PreviousDocument[] Forgotten);

/// <summary>A state that is kept.</summary>
public sealed record PreviousDocument(string Id, string Action, DateTimeOffset Time, string[] Services, string? Snapshot, string? SafetySnapshot, string Live, string[] KeptAt)
{
    internal static PreviousDocument From(ReplacementRecord record) => new(record.Id, record.Action, record.Began, [.. record.ReplacedServices], record.Snapshot, record.SafetySnapshot,
        record.Live == Side.New ? "new" : "old", [.. record.KeptAt]);
}
