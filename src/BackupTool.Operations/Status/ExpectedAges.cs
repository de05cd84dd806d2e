using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;

namespace BackupTool.Operations.Status;

/// <summary>How old the last good snapshot of a service may be, and when the next is made, as its schedules say. Pure.</summary>
public sealed class ExpectedAges(IReadOnlyList<ScheduleSettings> schedules, string hostId)
{
    private static readonly TimeSpan LeastTolerance = TimeSpan.FromHours(1);

    private readonly List<(ScheduleSettings Settings, ScheduleTimes Times)> _backups =
        [.. schedules.Where(static schedule => schedule.Run.Contains(ScheduleStep.Backup)).Select(schedule => (schedule, new ScheduleTimes(schedule, hostId)))];

    /// <summary>
    /// <c>max-age</c>, if the service has one. Else of the schedules that back it up the one that does so most often: its longest time between two runs, its jitter, and an hour or a tenth of that
    /// for the run itself. Null when no schedule does.
    /// </summary>
    public TimeSpan? Of(ServiceSettings service, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(service);
        if (service.MaxAge is { } said) return said;
        TimeSpan? least = null;
        foreach ((ScheduleSettings settings, ScheduleTimes times) in BackupsOf(service.Name))
        {
            TimeSpan gap = times.LongestGap(now);
            if (gap >= ScheduleTimes.NoGap) continue;   // it runs once, or never
            TimeSpan age = gap + settings.Jitter + (gap / 10 > LeastTolerance ? gap / 10 : LeastTolerance);
            if (least is null || age < least) least = age;
        }
        return least;
    }

    /// <summary>When a service is backed up next; null when no schedule does it any more.</summary>
    public DateTimeOffset? NextOf(string service, DateTimeOffset now) => BackupsOf(service).Select(backup => backup.Times.Next(now)).Min();

    private IEnumerable<(ScheduleSettings Settings, ScheduleTimes Times)> BackupsOf(string service) => _backups.Where(backup => backup.Settings.Services?.Contains(service) ?? true);
}
