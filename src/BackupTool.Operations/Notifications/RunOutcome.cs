namespace BackupTool.Operations.Notifications;

/// <summary>How a step of a scheduled run ended.</summary>
/// <param name="Name">Its word in <c>run = [...]</c>.</param>
/// <param name="ExitCode">As the process would give it; null when it was not run, because an earlier one failed.</param>
/// <param name="Duration">How long it took; null when it was not run.</param>
public sealed record StepOutcome(string Name, int? ExitCode, TimeSpan? Duration);

/// <summary>What a scheduled run came to, as far as people are told.</summary>
public sealed record RunOutcome
{
    /// <summary>The machine.</summary>
    public required string Host { get; init; }

    /// <summary>The schedule.</summary>
    public required string Schedule { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>When it ended.</summary>
    public required DateTimeOffset Finished { get; init; }

    /// <summary>The run's exit code: 0 done, 3 done with warnings, else failed.</summary>
    public required int ExitCode { get; init; }

    /// <summary>The steps, in order.</summary>
    public IReadOnlyList<StepOutcome> Steps { get; init; } = [];

    /// <summary>The services that are in the snapshot.</summary>
    public IReadOnlyList<string> Services { get; init; } = [];

    /// <summary>The snapshot, whole id; null when none was stored.</summary>
    public string? Snapshot { get; init; }

    /// <summary>Bytes read of the services; null when it is not known.</summary>
    public long? ReadBytes { get; init; }

    /// <summary>Bytes added to the repository (negative: freed); null when it is not known.</summary>
    public long? StoredBytes { get; init; }

    /// <summary>What went wrong, a sentence each; a hint after a line feed.</summary>
    public IReadOnlyList<string> Errors { get; init; } = [];

    /// <summary>What was not as it should be, a sentence each.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Whether the schedule's run before this one failed or had warnings.</summary>
    public bool WasUnwell { get; init; }
}
