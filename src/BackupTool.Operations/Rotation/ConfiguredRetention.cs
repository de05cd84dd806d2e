using BackupTool.Operations.Configuration;
using BackupTool.Repositories.Retention;

namespace BackupTool.Operations.Rotation;

/// <summary>The policies of a configuration.</summary>
public static class ConfiguredRetention
{
    /// <summary>As the schedules, <c>[rotation]</c> and <c>[rotation.label.NAME]</c> say.</summary>
    /// <param name="configuration">It.</param>
    /// <param name="local">Where days begin for what no schedule made.</param>
    public static RetentionRules RulesOf(BackupConfiguration configuration, TimeZoneInfo local)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return new RetentionRules
        {
            Schedules = configuration.Schedules.ToDictionary(static schedule => schedule.Name, static schedule => new ScheduleRetention(schedule.Keep, schedule.TimeZone)),
            Labels = configuration.Rotation.Labels,
            Keep = configuration.Rotation.Keep,
            LocalTimeZone = local,
        };
    }
}
