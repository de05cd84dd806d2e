using BackupTool.Operations.History;
using BackupTool.Operations.Schedules;
using BackupTool.Posix;

namespace BackupTool.Operations.Status;

/// <summary>What is wrong with the runs of schedules, however young the last good snapshots are.</summary>
internal static class ScheduleNotices
{
    // Exit codes of a run that did all it was to do.
    private const int Done = 0, DoneWithWarnings = 3;

    /// <summary>A run is recorded when it ends: one that takes longer is called missed meanwhile.</summary>
    private static readonly TimeSpan LongestRun = TimeSpan.FromHours(6);

    /// <summary>Whether the last run failed, or one that was due since has not come: who starts them may be gone. Nothing is known of one of which the history knows no run.</summary>
    /// <param name="schedule">Which.</param>
    /// <param name="times">When it runs.</param>
    /// <param name="last">Its last run; null when none is known.</param>
    /// <param name="now">The time.</param>
    internal static IEnumerable<StatusNotice> Of(ScheduleSettings schedule, ScheduleTimes times, RunRecord? last, DateTimeOffset now)
    {
        if (last is null) yield break;
        if (last.ExitCode is not (Done or DoneWithWarnings))
            yield return new StatusNotice($"the last run of {schedule.Name}, {Shown(last.Started)}, ended with {last.ExitCode}{(last.Problem is { } why ? $": {why.TrimEnd('.')}" : "")} ('backup run {schedule.Name}' runs it again)", IsTrouble: true);
        // What was due before the schedule said so was not.
        if (times.Latest(now - LongestRun) is { } due && due > last.Finished && due > ChangedAt(schedule))
            yield return new StatusNotice($"{schedule.Name} was due at {Shown(due)} and has not run: is its timer active, or the agent? ('systemctl list-timers', 'backup agent status')", IsTrouble: true);
    }

    private static string Shown(DateTimeOffset time) => $"{time.LocalDateTime:yyyy-MM-dd HH:mm:ss}";

    private static DateTimeOffset ChangedAt(ScheduleSettings schedule) =>
        PosixFile.TryGetStatusFollowing(schedule.File, out FileStatus status) ? status.ModifiedAt.ToDateTimeOffset() : DateTimeOffset.MinValue;
}
