namespace BackupTool.Operations.Schedules;

/// <summary>How a step of a scheduled run ended.</summary>
public enum StepVerdict
{
    /// <summary>All was well.</summary>
    Done,
    /// <summary>Done, with warnings.</summary>
    Warned,
    /// <summary>Not done, or not wholly: a service is not in the snapshot, something is damaged.</summary>
    Failed,
    /// <summary>There is no repository to do anything with.</summary>
    NoRepository,
    /// <summary>Done, but a service is not well.</summary>
    Unwell,
    /// <summary>Somebody ended it.</summary>
    Cancelled,
    /// <summary>It was left out because of an earlier one.</summary>
    NotRun,
}

/// <summary>A step and its end.</summary>
public sealed record EndedStep(ScheduleStep Step, StepVerdict Verdict);

/// <summary>
/// The steps of a schedule, one after the other. A verification follows a backup that failed, too: whether what is there is good is what one wants to know then. A rotation follows nothing
/// but success: after a step that failed, left something out, or met a service that is not well, old snapshots may be needed soon, and waiting costs only room. Warnings stop nothing.
/// </summary>
/// <param name="steps">In order.</param>
/// <param name="perform">Does one, and tells of it. Whatever goes wrong in it is its verdict, not an exception.</param>
/// <param name="skip">Told of one that is left out, and why.</param>
public sealed class ScheduledRun(IReadOnlyList<ScheduleStep> steps, Func<ScheduleStep, CancellationToken, Task<StepVerdict>> perform, Action<ScheduleStep, string> skip)
{
    /// <summary>Runs them, and says how each ended.</summary>
    public async Task<IReadOnlyList<EndedStep>> RunAsync(CancellationToken cancellationToken)
    {
        var ended = new List<EndedStep>();
        foreach (ScheduleStep step in steps)
        {
            if (WhyNot(step, ended) is { } reason)
            {
                skip(step, reason);
                ended.Add(new EndedStep(step, StepVerdict.NotRun));
            }
            else
            {
                ended.Add(new EndedStep(step, await perform(step, cancellationToken)));
            }
        }
        return ended;
    }

    /// <summary>Why a step is left out after others; null when it is to be done.</summary>
    public static string? WhyNot(ScheduleStep step, IReadOnlyList<EndedStep> earlier)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        if (Find(StepVerdict.Cancelled) is { } cancelled) return $"{cancelled} was cancelled";
        if (Find(StepVerdict.NoRepository) is { } nowhere) return $"{nowhere} found no repository";
        if (step != ScheduleStep.Rotate) return null;
        if (Find(StepVerdict.Failed) is { } failed) return $"{failed} failed, and nothing is removed until it succeeds";
        if (Find(StepVerdict.Unwell) is { } unwell) return $"a service is not well after {unwell}: nothing is removed while an older snapshot may be needed";
        return null;

        string? Find(StepVerdict verdict) => earlier.FirstOrDefault(end => end.Verdict == verdict) is { } end ? ScheduleReader.WordOf(end.Step) : null;
    }
}
