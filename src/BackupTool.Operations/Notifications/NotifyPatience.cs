namespace BackupTool.Operations.Notifications;

/// <summary>How long and how often it is tried to tell one event on one channel.</summary>
internal sealed record NotifyPatience
{
    /// <summary>The start of a run is told in passing: the backup waits for it.</summary>
    private static readonly TimeSpan LongestStart = TimeSpan.FromSeconds(10);

    /// <summary>All attempts and pauses together.</summary>
    internal required TimeSpan Total { get; init; }

    /// <summary>One attempt.</summary>
    internal required TimeSpan Attempt { get; init; }

    /// <summary>At most so many attempts.</summary>
    internal int Attempts { get; init; } = int.MaxValue;

    /// <summary>The first pause; each further one is twice as long, and any is up to half shorter by chance.</summary>
    internal TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause that is our own choice.</summary>
    internal TimeSpan LongestPause { get; init; } = TimeSpan.FromSeconds(15);

    internal static NotifyPatience For(NotifyKind kind, TimeSpan total)
    {
        if (kind == NotifyKind.Start && total > LongestStart) total = LongestStart;
        return new NotifyPatience { Total = total, Attempt = AttemptOf(total), Attempts = kind == NotifyKind.Test ? 4 : int.MaxValue };
    }

    /// <summary>For what could not be told once already: one attempt each.</summary>
    internal static NotifyPatience ForLate(TimeSpan total) => new() { Total = total, Attempt = AttemptOf(total), Attempts = 1 };

    internal TimeSpan PauseAfter(int attempts)
    {
        double longest = Math.Min(LongestPause.TotalMilliseconds, FirstPause.TotalMilliseconds * Math.Pow(2, Math.Min(attempts - 1, 16)));
        return TimeSpan.FromMilliseconds(longest * (0.5 + (Random.Shared.NextDouble() / 2)));
    }

    // A server that hangs leaves room for three more attempts.
    private static TimeSpan AttemptOf(TimeSpan total) => total / 4 > TimeSpan.FromSeconds(2) ? total / 4 : total;
}
