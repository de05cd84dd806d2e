using System.Globalization;

namespace BackupTool.Operations.Notifications;

/// <summary>Says in a title and lines what a run came to.</summary>
public static class NotifyText
{
    private const int DoneWithWarnings = 3, NothingToDo = 75;

    /// <summary>A scheduled run begins.</summary>
    public static NotifyEvent Started(string host, string schedule, DateTimeOffset time) =>
        new() { Kind = NotifyKind.Start, Host = host, Schedule = schedule, Time = time, Title = $"{schedule} begins" };

    /// <summary>A scheduled run has ended.</summary>
    public static NotifyEvent Ended(RunOutcome outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        NotifyKind kind = outcome.ExitCode switch
        {
            0 or NothingToDo => outcome.WasUnwell ? NotifyKind.Recovery : NotifyKind.Success,
            DoneWithWarnings => NotifyKind.Warning,
            _ => NotifyKind.Failure,
        };
        return new NotifyEvent
        {
            Kind = kind,
            Host = outcome.Host,
            Schedule = outcome.Schedule,
            Time = outcome.Finished,
            Title = TitleOf(kind, outcome),
            Lines = [.. outcome.Errors, .. outcome.Warnings.Select(static warning => $"warning: {warning}"), .. Facts(outcome)],
            ExitCode = outcome.ExitCode,
            Duration = outcome.Finished - outcome.Started,
            Snapshot = outcome.Snapshot,
        };
    }

    private static string TitleOf(NotifyKind kind, RunOutcome outcome) => kind switch
    {
        NotifyKind.Recovery => $"{outcome.Schedule} is well again",
        NotifyKind.Success => $"{outcome.Schedule} is done",
        NotifyKind.Warning => string.Create(CultureInfo.InvariantCulture, $"{outcome.Schedule} is done with {Count(outcome.Warnings.Count, "warning")}"),
        _ when outcome.Steps.FirstOrDefault(static step => step.ExitCode is not (null or 0 or DoneWithWarnings or NothingToDo)) is { } step =>
            string.Create(CultureInfo.InvariantCulture, $"{outcome.Schedule} failed: {step.Name} ended with {step.ExitCode}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{outcome.Schedule} failed with {outcome.ExitCode}"),
    };

    private static IEnumerable<string> Facts(RunOutcome outcome)
    {
        foreach (StepOutcome step in outcome.Steps)
            yield return step.ExitCode is not { } code ? $"{step.Name}: not run" : $"{step.Name}: {WordFor(code)}{(step.Duration is { } took ? $" in {AmountText.Of(took)}" : "")}";
        if (outcome.Services.Count > 0) yield return $"services: {string.Join(", ", outcome.Services)}";
        if (outcome.ReadBytes is { } read) yield return $"read: {AmountText.OfBytes(read)}";
        if (outcome.StoredBytes is { } stored) yield return stored < 0 ? $"freed: {AmountText.OfBytes(-stored)}" : $"stored: {AmountText.OfBytes(stored)}";
    }

    private static string WordFor(int code) => code switch
    {
        0 => "done",
        DoneWithWarnings => "done with warnings",
        NothingToDo => "nothing to do",
        _ => string.Create(CultureInfo.InvariantCulture, $"failed with {code}"),
    };

    private static string Count(int count, string noun) => count switch
    {
        0 => $"{noun}s",
        1 => $"a {noun}",
        _ => string.Create(CultureInfo.InvariantCulture, $"{count} {noun}s"),
    };
}
