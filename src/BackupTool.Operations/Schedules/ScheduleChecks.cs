using BackupTool.Operations.Configuration;

namespace BackupTool.Operations.Schedules;

/// <summary>What can be dubious between schedules that are each right.</summary>
internal static class ScheduleChecks
{
    internal static IEnumerable<ConfigurationProblem> Check(IReadOnlyList<ScheduleSettings> schedules, BackupConfiguration configuration)
    {
        List<ScheduleSettings> rotating = [.. schedules.Where(static schedule => schedule.Run.Contains(ScheduleStep.Rotate))];
        foreach (ScheduleSettings schedule in rotating.Where(static schedule => schedule.Keep is null && schedule.Run.Contains(ScheduleStep.Backup)))
            yield return Warning(schedule, "it rotates, but has no `keep`: its own snapshots are kept for ever", "Set keep = { last = 3, daily = 7, weekly = 4 }.");
        if (rotating.Count > 0 && !rotating.Exists(static schedule => schedule.Run.Contains(ScheduleStep.Backup)) && !HasPolicy(schedules, configuration))
            yield return Warning(rotating[0], "it rotates, but nothing says how long anything is kept, so everything is", "Set `keep` in the schedules that back up, or in [rotation].");
        if (rotating.Count > 0 && !schedules.Any(static schedule => schedule.Run.Contains(ScheduleStep.Verify)))
            yield return Warning(rotating[0], "it rotates, but no schedule verifies: what is left may be damaged, and nobody would know", "Add \"verify\" before \"rotate\", or a schedule of its own that verifies once a week.");
        if (rotating.Count == 0 && schedules.FirstOrDefault(static schedule => schedule.Keep is not null) is { } keeping)
            yield return Warning(keeping, "it has `keep`, but no schedule rotates: nothing is ever forgotten", "Add \"rotate\" to the `run` of a schedule.");
    }

    private static bool HasPolicy(IReadOnlyList<ScheduleSettings> schedules, BackupConfiguration configuration) =>
        configuration.Rotation.Keep is not null || configuration.Rotation.Labels.Count > 0 || schedules.Any(static schedule => schedule.Keep is not null);

    private static ConfigurationProblem Warning(ScheduleSettings schedule, string message, string hint) => new(schedule.File.ToString(), 0, 0, message, hint, IsWarning: true);
}
