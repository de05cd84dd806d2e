using System.CommandLine;
using System.Text.Json;
using BackupTool.Cli.Output;
using BackupTool.Operations.Replacing;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup recover</c></summary>
internal static class RecoverCommand
{
    internal static Command Create(CommandHost host)
    {
        var early = new Option<bool>("--before-services")
        {
            Description = "Only what must be done at boot before the services start: undo a restore, rollback or wipe that was interrupted half-way. Stops and starts nothing",
        };
        return host.Create("recover",
            "After a kill, a crash or a power cut: undo a restore, rollback or wipe that was under way (or finish it, when all was healthy already), and start again what had been stopped. Needs no repository; safe to run at any time.",
            (context, cancellationToken) => context.Value(early) ? RunEarlyAsync(context, cancellationToken) : RunAsync(context, cancellationToken), early);
    }

    private static async Task<ExitCode> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var journal = new RestartJournal(context.StateDirectory);
        var world = new ReplacementWorld(journal.Directory, context.ServiceManager, context.Progress, context.Time);
        ReplacementRecoveryReport replacement = await world.RecoverAsync(context.TryReadConfiguration(), cancellation => context.RecoverAsync(journal, cancellation), cancellationToken);
        // Whoever carries a replacement out starts the services himself, when all that they run on is of one state.
        RecoveryReport report = replacement.Status == ReplacementRecoveryStatus.HeldByLivingRun ? new RecoveryReport(RecoveryStatus.HeldByLivingRun, [], [], [], []) : await context.RecoverAsync(journal, cancellationToken);
        context.Progress.Dispose();
        if (context.Json) JsonReport.Write(context.Terminal, RecoverDocument.From(report, replacement), CliJson.Default.RecoverDocument);
        else Print(context, journal, report, replacement);
        bool isUnwell = report.Status == RecoveryStatus.NotAllPaid || !replacement.IsWell;
        bool isHeld = report.Status == RecoveryStatus.HeldByLivingRun || replacement.Status == ReplacementRecoveryStatus.HeldByLivingRun;
        return isUnwell ? ExitCode.ServiceNotHealthy : isHeld ? ExitCode.Locked : ExitCode.Done;
    }

    private static async Task<ExitCode> RunEarlyAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var world = new ReplacementWorld(context.StateDirectory, context.ServiceManager, context.Progress, context.Time);
        EarlyRecoveryReport report = await world.RecoverBeforeServicesAsync(context.TryReadConfiguration(), cancellationToken);
        context.Progress.Dispose();
        if (report.LeftOver is { } leftOver) context.Terminal.Warn($"what the interrupted {report.Record!.Action} had made could not be cleared away yet: {leftOver}");
        if (context.Json) JsonReport.Write(context.Terminal, new EarlyRecoverDocument(JsonNamingPolicy.CamelCase.ConvertName(report.Status.ToString()), [.. report.Record?.ReplacedServices ?? []], report.LeftOver), CliJson.Default.EarlyRecoverDocument);
        else if (!context.Quiet) context.Terminal.WriteLine(Say(report));
        return report.Status == EarlyRecoveryStatus.HeldByLivingRun ? ExitCode.Locked : report.LeftOver is null ? ExitCode.Done : ExitCode.DoneWithWarnings;
    }

    private static string Say(EarlyRecoveryReport report) => report.Status switch
    {
        EarlyRecoveryStatus.NothingUnderWay => "no restore, rollback or wipe was under way",
        EarlyRecoveryStatus.HeldByLivingRun => "a restore, rollback or wipe is at work",
        EarlyRecoveryStatus.OfOneState => $"a {report.Record!.Action} of {string.Join(", ", report.Record.ReplacedServices)} was under way, and all that lives is of one state: 'backup recover' brings it to an end",
        _ => $"the state of {string.Join(", ", report.Record!.ReplacedServices)} that was there before an interrupted {report.Record.Action} is back",
    };

    /// <summary>What the recovery of a replacement came to.</summary>
    internal static void Tell(Terminal terminal, ReplacementRecoveryReport report)
    {
        foreach (ServiceOutcome service in report.Outcome?.Return?.Services.Where(static service => service.IsHealthy == false) ?? [])
            UnitProblems.Print(terminal, service.Name, $"not healthy: {service.HealthReason}", service.JournalLines);
        string? sentence = report.Status switch
        {
            ReplacementRecoveryStatus.Abandoned => "an interrupted restore or wipe had not touched anything that lives: what it had prepared is removed",
            ReplacementRecoveryStatus.PutBack => $"the state of {string.Join(", ", report.Outcome!.Record.ReplacedServices)} that was there before an interrupted {report.Outcome.Record.Action} is back",
            ReplacementRecoveryStatus.Finished => $"an interrupted {report.Outcome!.Record.Action} of {string.Join(", ", report.Outcome.Record.ReplacedServices)} had got through, and is finished",
            ReplacementRecoveryStatus.HeldByLivingRun => "a restore, rollback or wipe is at work",
            _ => null,
        };
        if (sentence is not null) terminal.Info(sentence);
    }

    private static void Print(CommandContext context, RestartJournal journal, RecoveryReport report, ReplacementRecoveryReport replacement)
    {
        Tell(context.Terminal, replacement);
        foreach (UnitOutcome unit in report.Units.Where(static unit => unit.Problem is not null)) UnitProblems.Print(context.Terminal, unit.Unit, unit.Problem!, unit.JournalLines);
        foreach (BytePath aside in report.KeptAside) context.Terminal.Warn($"{aside} is a restart journal that could not be read: look at it, then remove it");
        foreach (string note in report.Notes) context.Terminal.Info(note);
        if (context.Quiet) return;
        context.Terminal.WriteLine(report.Status switch
        {
            RecoveryStatus.NothingOwed => "nothing is owed: every service that was stopped for a backup is back",
            RecoveryStatus.HeldByLivingRun => $"a run is at work that will start what it stopped (it holds {journal.Directory})",
            RecoveryStatus.Paid => "everything that was owed is back",
            _ => "not everything that was owed is back",
        });
    }
}

/// <summary>The JSON of <c>recover</c>.</summary>
public sealed record RecoverDocument(string Status, RecoveredUnit[] Units, string[] LeftAlone, string[] Notes, string Replacement)
{
    internal static RecoverDocument From(RecoveryReport report, ReplacementRecoveryReport replacement) => new(JsonNamingPolicy.CamelCase.ConvertName(report.Status.ToString()),
        [.. report.Units.Select(static unit => new RecoveredUnit(unit.Unit, [.. unit.Services], unit.IsBack, unit.IsOwed, unit.Problem))], [.. report.LeftAlone], [.. report.Notes],
        JsonNamingPolicy.CamelCase.ConvertName(replacement.Status.ToString()));
}

/// <summary>A unit that was owed.</summary>
public sealed record RecoveredUnit(string Unit, string[] Services, bool IsBack, bool IsOwed, string? Problem);

/// <summary>The JSON of <c>recover --before-services</c>.</summary>
public sealed record EarlyRecoverDocument(string Status, string[] Services, string? LeftOver);
