using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup run</c></summary>
internal static class RunCommand
{
    // The worst first: what is broken now, what may be lost, what was not done, and what could not begin.
    private static readonly ExitCode[] WorstFirst =
        [ExitCode.Cancelled, ExitCode.ServiceNotHealthy, ExitCode.RepositoryDamaged, ExitCode.Failed, ExitCode.KeyMissingOrWrong, ExitCode.NoRepository, ExitCode.Locked, ExitCode.DoneWithWarnings];

    internal static Command Create(CommandHost host)
    {
        var name = new Argument<string>("name") { Description = "The schedule: the name of its file in schedules/, without .toml", HelpName = "NAME" };
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Say what the steps would do; change nothing, record nothing, tell nobody" };
        var lockWait = new LockWaitOption();
        return host.Create("run", "Run a schedule's steps now, whatever time it is: what its timer or the agent calls. A rotation follows only steps that succeeded. Ends with the worst exit code of the steps.",
            async (context, cancellationToken) =>
            {
                TimeSpan? wait = lockWait.Value(context);
                BackupConfiguration configuration = context.ReadConfigurationDespiteSchedules();
                bool isDryRun = context.Value(dryRun);
                var telling = new RunTelling(context, configuration, context.Value(name)!, isDryRun);
                ScheduleSettings schedule = await telling.FindScheduleAsync(cancellationToken);
                await telling.BeginAsync(cancellationToken);

                var steps = new ScheduledSteps(context, configuration, schedule, wait, isDryRun);
                await new ScheduledRun(schedule.Run, steps.PerformAsync, steps.Skip).RunAsync(cancellationToken);
                context.Progress.Dispose();
                ExitCode code = WorstOf(steps.Reports);
                if (context.Json) JsonReport.Write(context.Terminal, telling.Document(code, steps.Reports), CliJson.Default.ScheduledRunDocument);
                else if (!context.Quiet) context.Terminal.WriteLine($"{schedule.Name}: {string.Join(", ", steps.Reports.Select(Describe))}");
                await telling.EndAsync(code, steps.Reports, cancellationToken);
                return code;
            }, name, dryRun, lockWait.Option);
    }

    /// <summary>The exit code of the run.</summary>
    internal static ExitCode WorstOf(IEnumerable<StepReport> reports) => WorstFirst.FirstOrDefault(code => reports.Any(report => report.Code == code), ExitCode.Done);

    internal static string WordFor(StepReport report) => report.Verdict switch
    {
        StepVerdict.Done => "done",
        StepVerdict.Warned => "done with warnings",
        StepVerdict.NotRun => "not run",
        StepVerdict.Unwell => "done, but a service is not well",
        StepVerdict.Cancelled => "cancelled",
        _ => "failed",
    };

    private static string Describe(StepReport report) => $"{ScheduleLookup.WordOf(report.Step)} {WordFor(report)}{(report.Duration is { } took ? $" in {Duration.Format(took)}" : "")}";
}
