namespace BackupTool.Operations.Notifications;

/// <summary>Why somebody is told.</summary>
public enum NotifyKind
{
    /// <summary>A scheduled run begins. Only dead-man pings are told.</summary>
    Start,
    /// <summary>A scheduled run is done, and all was well.</summary>
    Success,
    /// <summary>Done, with warnings.</summary>
    Warning,
    /// <summary>Failed, or a service is not healthy.</summary>
    Failure,
    /// <summary>Well again, after a run of the same schedule that was not.</summary>
    Recovery,
    /// <summary>A service has no good snapshot of the age that is expected.</summary>
    Stale,
    /// <summary>A trial, asked for by a person.</summary>
    Test,
}

/// <summary>What somebody is told. Never holds secrets.</summary>
public sealed record NotifyEvent
{
    /// <summary>Why.</summary>
    public required NotifyKind Kind { get; init; }

    /// <summary>The machine.</summary>
    public required string Host { get; init; }

    /// <summary>The schedule; null when it is not about one.</summary>
    public string? Schedule { get; init; }

    /// <summary>When it happened.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>One line: what happened.</summary>
    public required string Title { get; init; }

    /// <summary>More lines: warnings, errors, what to do next.</summary>
    public IReadOnlyList<string> Lines { get; init; } = [];

    /// <summary>The run's exit code; null where there was no run.</summary>
    public int? ExitCode { get; init; }

    /// <summary>How long the run took; null where there was none.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>The snapshot that was stored, whole id; null when none was.</summary>
    public string? Snapshot { get; init; }
}
