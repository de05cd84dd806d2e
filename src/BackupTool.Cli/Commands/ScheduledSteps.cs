using BackupTool.Cli.Output;
using BackupTool.Operations;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Verify;
using BackupTool.Repositories;
using BackupTool.Repositories.Verification;

namespace BackupTool.Cli.Commands;

/// <summary>Does the steps of a schedule as the commands of the same names do them, and tells of each at once.</summary>
/// <param name="context">The command's.</param>
/// <param name="configuration">The configuration; schedules that cannot be used are not in it.</param>
/// <param name="schedule">The schedule.</param>
/// <param name="lockWait">How long each step waits for another run; null for the configured time.</param>
/// <param name="isDryRun">Whether nothing is changed.</param>
internal sealed class ScheduledSteps(CommandContext context, BackupConfiguration configuration, ScheduleSettings schedule, TimeSpan? lockWait, bool isDryRun)
{
    private readonly List<StepReport> _reports = [];

    /// <summary>The steps so far.</summary>
    internal IReadOnlyList<StepReport> Reports => _reports;

    internal async Task<StepVerdict> PerformAsync(ScheduleStep step, CancellationToken cancellationToken)
    {
        var recorded = new RecordedRun(ActionOf(step), schedule.Name, configuration, context.Time);
        long began = context.Time.GetTimestamp();
        StepReport report;
        try
        {
            report = step switch
            {
                ScheduleStep.Backup => await BackUpAsync(cancellationToken),
                ScheduleStep.Verify => await VerifyAsync(cancellationToken),
                ScheduleStep.Rotate => await RotateAsync(cancellationToken),
                _ => throw new ArgumentOutOfRangeException(nameof(step)),
            };
        }
        catch (Exception e)
        {
            report = FailedWith(step, e, cancellationToken);
        }
        report = report with { Duration = context.Time.GetElapsedTime(began) };
        _reports.Add(report);
        Tell(report);
        if (!isDryRun) Record(recorded, report);
        return report.Verdict;
    }

    internal void Skip(ScheduleStep step, string reason)
    {
        _reports.Add(new StepReport(step) { WhyNot = reason });
        context.Terminal.Warn($"{ScheduleLookup.WordOf(step)} is not run: {reason}");
    }

    private async Task<StepReport> BackUpAsync(CancellationToken cancellationToken)
    {
        BackupReport report = await BackupAction.RunAsync(context, configuration, new BackupRequest
        {
            Services = schedule.Services ?? [],
            Labels = schedule.Labels,
            Schedule = schedule.Name,
            DryRun = isDryRun,
            LockWait = lockWait,
            // At night nobody is there to correct one service: the others must not go without for its sake.
            KeepsGoing = true,
        }, cancellationToken);
        if (!isDryRun) await BackupAction.ForgetExpiredAsync(context, configuration);
        return new StepReport(ScheduleStep.Backup) { Code = BackupAction.CodeOf(report, context.OwesRestarts), Backup = report };
    }

    private async Task<StepReport> VerifyAsync(CancellationToken cancellationToken)
    {
        ScheduleVerification verify = schedule.Verify;
        if (isDryRun) return new StepReport(ScheduleStep.Verify) { Code = ExitCode.Done };
        VerifyReport report = await VerifyCommand.RunAsync(context, verify.Level, ChoosePartAsync, verify.EverySnapshot ? null : "latest", cancellationToken);
        return new StepReport(ScheduleStep.Verify) { Code = VerifyCommand.CodeOf(report), Verify = report };
    }

    private async ValueTask<PackSubset?> ChoosePartAsync(Repository repository, CancellationToken cancellationToken) =>
        schedule.Verify.Parts <= 1 ? null : VerificationParts.Next(schedule.Verify, (await EvidenceReader.ReadAsync(repository.Storage, cancellationToken)).Reports);

    private async Task<StepReport> RotateAsync(CancellationToken cancellationToken)
    {
        if (configuration.ScheduleProblems is [var problem, ..])
            throw new OperationException($"Nothing was removed, because nobody knows what the schedule with an error keeps: {problem}.", "Correct it; 'backup config check' tells when it is right.");
        RotationReport report = await new RotationRun(configuration, context.Progress, context.Time).RunAsync(new RotationRequest { DryRun = isDryRun, LockWait = lockWait }, cancellationToken);
        return new StepReport(ScheduleStep.Rotate) { Code = RotateCommand.CodeOf(report), Rotation = report };
    }

    /// <summary>Whatever goes wrong in a step is its result. A step is called by no command line: what would be wrong usage there is a failure here.</summary>
    private static StepReport FailedWith(ScheduleStep step, Exception exception, CancellationToken cancellationToken)
    {
        var failure = ErrorReport.From(exception);
        ExitCode code = cancellationToken.IsCancellationRequested && exception is OperationCanceledException ? ExitCode.Cancelled : failure.Code == ExitCode.Usage ? ExitCode.Failed : failure.Code;
        return new StepReport(step) { Code = code, Failure = failure with { Code = code } };
    }

    private void Tell(StepReport report)
    {
        Terminal terminal = context.Terminal;
        if (report.Failure is { } failure)
        {
            failure.WriteTo(terminal, json: false);
            return;
        }
        if (context.Json) return;
        if (report.Backup is { } backup) NowReport.Print(context, backup);
        if (report.Verify is { } verify) VerifyCommand.Print(context, verify);
        if (report.Step == ScheduleStep.Verify && isDryRun && !context.Quiet) terminal.WriteLine($"would verify ({schedule.Verify.Level.ToString().ToLowerInvariant()}{(schedule.Verify.Parts > 1 ? $", the next of {schedule.Verify.Parts} parts" : "")})");
        if (report.Rotation is { } rotation) Tell(rotation);
    }

    private void Tell(RotationReport rotation)
    {
        foreach (string warning in rotation.Warnings) context.Terminal.Warn(warning);
        PruneText.PrintDamage(context.Terminal, rotation.Prune);
        if (context.Quiet) return;
        int removed = rotation.DryRun ? rotation.Plan.Removed.Count() : rotation.Forgotten.Count;
        context.Terminal.WriteLine($"{(rotation.DryRun ? "would forget" : "forgot")} {removed:N0} of {rotation.Plan.Decisions.Count:N0} snapshots");
        PruneText.PrintSums(context.Terminal, rotation.Prune);
    }

    private void Record(RecordedRun recorded, StepReport report)
    {
        if (report.Backup is { } backup) recorded.Tell(backup);
        recorded.ReadBytes ??= report.Verify?.ReadBytes;
        recorded.StoredBytes ??= report.Rotation is { Prune: { } prune } ? prune.RewrittenBytes - prune.RemovedBytes : null;
        recorded.Problem ??= report.Errors.Concat(report.Warnings).FirstOrDefault();
        if (recorded.End(report.Code!.Value, null) is { } problem) context.Terminal.Warn(problem);
    }

    private static string ActionOf(ScheduleStep step) => step == ScheduleStep.Backup ? "now" : ScheduleLookup.WordOf(step);
}
