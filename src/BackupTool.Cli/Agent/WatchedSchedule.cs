using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;

namespace BackupTool.Cli.Agent;

/// <summary>A schedule, and its times on this machine.</summary>
internal sealed record WatchedSchedule(ScheduleSettings Settings, ScheduleTimes Times)
{
    internal string Name => Settings.Name;

    /// <summary>What its times come of: when it has changed, they are others.</summary>
    internal string TimesKey { get; } = $"{Settings.Cron} {Settings.TimeZone.Id} {DurationText.Format(Settings.Jitter)}";

    /// <summary>All of a configuration, in its order.</summary>
    internal static IReadOnlyList<WatchedSchedule> From(BackupConfiguration configuration, string hostId) =>
        [.. configuration.Schedules.Select(settings => new WatchedSchedule(settings, new ScheduleTimes(settings, hostId)))];
}
