using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.History;
using BackupTool.Operations.Notifications;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Status;

namespace BackupTool.Cli.Commands;

/// <summary>Tells the history, the people and the caller of a scheduled run. None of them can make it worse: what cannot be told is a warning.</summary>
internal sealed class RunTelling(CommandContext context, BackupConfiguration configuration, string schedule, bool isDryRun)
{
    // Whoever ends us is in a hurry; what is not told by then is kept, and told after the next run.
    private static readonly TimeSpan PatienceWhenCancelled = TimeSpan.FromSeconds(5);

    private readonly DateTimeOffset _started = context.Time.GetUtcNow();
    private readonly long _startedAt = context.Time.GetTimestamp();
    private readonly Notifier _notifier = new(configuration.Notify, context.Time);
    private bool _wasUnwell;

    /// <summary>The schedule. That its file is broken is told to people: at night nobody reads what a timer's unit says.</summary>
    internal async Task<ScheduleSettings> FindScheduleAsync(CancellationToken cancellationToken)
    {
        try
        {
            return ScheduleLookup.Find(configuration, schedule);
        }
        catch (ConfigurationException e)
        {
            if (!isDryRun) await SendAsync(NotifyText.Ended(Outcome(ExitCode.Usage, []) with { Errors = [.. e.Problems.Select(static problem => problem.ToString())] }), cancellationToken);
            throw;
        }
    }

    /// <summary>The run begins.</summary>
    internal async Task BeginAsync(CancellationToken cancellationToken)
    {
        if (isDryRun) return;
        HistoryReading last = new RunHistory(configuration.State.Path, context.Time).LastOf(schedule);
        if (last.Problem is { } problem) context.Terminal.Warn(problem);
        _wasUnwell = last.Newest is { ExitCode: not ((int)ExitCode.Done or (int)ExitCode.NothingToDo) };
        context.StartRecording("run", configuration, schedule);
        await SendAsync(NotifyText.Started(Environment.MachineName, schedule, _started), cancellationToken);
    }

    /// <summary>The run has ended.</summary>
    internal async Task EndAsync(ExitCode code, IReadOnlyList<StepReport> steps, CancellationToken cancellationToken)
    {
        if (isDryRun) return;
        RunOutcome outcome = Outcome(code, steps);
        if (context.Recorded is { } recorded)
        {
            if (BackupOf(steps)?.Backup is { } backup) recorded.Tell(backup);
            recorded.Problem = outcome.Errors.Concat(outcome.Warnings).FirstOrDefault();
            await context.EndRecordingAsync(code, null);   // before anybody is told, which takes time: whoever is told looks here
        }
        using var hurry = new CancellationTokenSource(PatienceWhenCancelled, context.Time);
        await SendAsync(NotifyText.Ended(outcome), cancellationToken.IsCancellationRequested ? hurry.Token : cancellationToken);
        if (!cancellationToken.IsCancellationRequested) await TellStalenessAsync(cancellationToken);
    }

    /// <summary>Also of services that this run does not back up: their own may never begin.</summary>
    private async Task TellStalenessAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (string problem in await StaleTelling.RunAsync(configuration, context.Time, cancellationToken)) context.Terminal.Warn(problem);
        }
        catch (OperationCanceledException)
        {
            context.Terminal.Warn("cancelled before it was told whose backups are too old");   // the run says itself that it was cancelled
        }
    }

    /// <summary>The JSON of the run.</summary>
    internal ScheduledRunDocument Document(ExitCode code, IReadOnlyList<StepReport> steps) =>
        new(schedule, isDryRun, (int)code, _started, context.Time.GetElapsedTime(_startedAt).TotalSeconds, BackupOf(steps)?.Backup?.Snapshot?.Id.Hex, [.. steps.Select(StepDocument.From)]);

    private RunOutcome Outcome(ExitCode code, IReadOnlyList<StepReport> steps) => new()
    {
        Host = Environment.MachineName,
        Schedule = schedule,
        Started = _started,
        Finished = _started + context.Time.GetElapsedTime(_startedAt),
        ExitCode = (int)code,
        Steps = [.. steps.Select(static step => new StepOutcome(ScheduleLookup.WordOf(step.Step), (int?)step.Code, step.Duration))],
        Services = [.. BackupOf(steps)?.Backup?.Services.Select(static service => service.Name) ?? []],
        Snapshot = BackupOf(steps)?.Backup?.Snapshot?.Id.Hex,
        ReadBytes = BackupOf(steps)?.Backup?.Snapshot?.Snapshot.Statistics.ReadBytes,
        StoredBytes = BackupOf(steps)?.Backup?.Snapshot?.Snapshot.Statistics.StoredBytes,
        Errors = [.. steps.SelectMany(static step => step.Errors)],
        Warnings = [.. steps.SelectMany(static step => step.Warnings), .. steps.Where(static step => step.WhyNot is not null).Select(static step => $"{ScheduleLookup.WordOf(step.Step)} was not run: {step.WhyNot}")],
        WasUnwell = _wasUnwell,
    };

    private static StepReport? BackupOf(IReadOnlyList<StepReport> steps) => steps.FirstOrDefault(static step => step.Backup is not null);

    private async Task SendAsync(NotifyEvent notice, CancellationToken cancellationToken)
    {
        try
        {
            foreach (string problem in await _notifier.SendAsync(notice, cancellationToken)) context.Terminal.Warn(problem);
        }
        catch (OperationCanceledException)
        {
            context.Terminal.Warn("cancelled before everybody was told");   // the run says itself that it was cancelled
        }
    }
}
