using BackupTool.Posix;
using BackupTool.Repositories.Retention;

namespace BackupTool.Operations.Schedules;

/// <summary>One step of a scheduled run, in the words of <c>run = [...]</c>.</summary>
public enum ScheduleStep
{
    /// <summary>A backup of the schedule's services.</summary>
    Backup,
    /// <summary>A verification of the repository, or of the newest snapshot.</summary>
    Verify,
    /// <summary>Forget what the policies do not keep, then prune. Never after a step that failed.</summary>
    Rotate,
}

/// <summary>What a file <c>schedules/NAME.toml</c> says, with its defaults filled in.</summary>
public sealed record ScheduleSettings
{
    /// <summary>The file it was read from.</summary>
    public required BytePath File { get; init; }

    /// <summary>The file's name without <c>.toml</c>; snapshots record it, units are called by it.</summary>
    public required string Name { get; init; }

    /// <summary>When: as Cronos reads it, 5 or 6 fields, or a macro (<c>@daily</c>).</summary>
    public required string Cron { get; init; }

    /// <summary>The zone in which <see cref="Cron"/> is meant, and days, weeks and months are counted.</summary>
    public required TimeZoneInfo TimeZone { get; init; }

    /// <summary>A run begins so much later at most; how much is the same every night on the same host.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Whether a run that was missed starts as soon as it can.</summary>
    public bool CatchUp { get; init; } = true;

    /// <summary>The steps, in order.</summary>
    public required IReadOnlyList<ScheduleStep> Run { get; init; }

    /// <summary>The services that are backed up; null for all.</summary>
    public IReadOnlyList<string>? Services { get; init; }

    /// <summary>Labels that its snapshots bear besides.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>How the step <c>verify</c> verifies.</summary>
    public ScheduleVerification Verify { get; init; } = new();

    /// <summary>How long its snapshots are kept; null: for ever.</summary>
    public RetentionPolicy? Keep { get; init; }
}
