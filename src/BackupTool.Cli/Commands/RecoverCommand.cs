using System.CommandLine;
using System.Text.Json;
using BackupTool.Cli.Output;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup recover</c></summary>
internal static class RecoverCommand
{
    internal static Command Create(CommandHost host) => host.Create("recover",
        "Start again what a run that was killed had stopped. Needs no repository; safe to run at any time.", async (context, cancellationToken) =>
        {
            var journal = new RestartJournal(context.StateDirectory);
            RecoveryReport report = await context.RecoverAsync(journal, cancellationToken);
            context.Progress.Dispose();
            if (context.Json) JsonReport.Write(context.Terminal, RecoverDocument.From(report), CliJson.Default.RecoverDocument);
            else Print(context, journal, report);
            return report.Status switch
            {
                RecoveryStatus.NotAllPaid => ExitCode.ServiceNotHealthy,
                RecoveryStatus.HeldByLivingRun => ExitCode.Locked,
                _ => ExitCode.Done,
            };
        });

    private static void Print(CommandContext context, RestartJournal journal, RecoveryReport report)
    {
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
public sealed record RecoverDocument(string Status, RecoveredUnit[] Units, string[] LeftAlone, string[] Notes)
{
    internal static RecoverDocument From(RecoveryReport report) => new(JsonNamingPolicy.CamelCase.ConvertName(report.Status.ToString()),
        [.. report.Units.Select(static unit => new RecoveredUnit(unit.Unit, [.. unit.Services], unit.IsBack, unit.IsOwed, unit.Problem))], [.. report.LeftAlone], [.. report.Notes]);
}

/// <summary>A unit that was owed.</summary>
public sealed record RecoveredUnit(string Unit, string[] Services, bool IsBack, bool IsOwed, string? Problem);
