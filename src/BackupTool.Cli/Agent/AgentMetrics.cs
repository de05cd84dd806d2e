using System.Globalization;
using System.Text;

namespace BackupTool.Cli.Agent;

/// <summary>The agent's own part of <c>/metrics</c>, in Prometheus' text format 0.0.4. Names are a stable contract.</summary>
internal static class AgentMetrics
{
    internal static string Print(AgentView view, AgentBoard board, bool isHealthy)
    {
        var text = new StringBuilder();
        One(text, "backup_agent_healthy", "Whether all is well: what /health says.", isHealthy ? 1 : 0);
        One(text, "backup_agent_start_time_seconds", "When the agent began, in seconds since 1970.", Seconds(view.Began));
        One(text, "backup_agent_beat_age_seconds", "How long ago its loop went round.", Math.Round(board.BeatAge.TotalSeconds, 3));
        One(text, "backup_agent_configuration_refused", "1 when the configuration on the disk was refused and an older one goes on.", view.Configuration.Refused is null ? 0 : 1);
        One(text, "backup_agent_configuration_load_time_seconds", "When the configuration in force was read.", Seconds(view.Configuration.Loaded));
        One(text, "backup_agent_waiting_runs", "Runs that are due and wait for the one under way.", view.Queue.Count);
        Each(text, view, "backup_agent_schedule_running", "1 while a run of the schedule is under way.", schedule => view.Running?.Schedule == schedule.Name ? 1 : 0);
        Each(text, view, "backup_agent_schedule_next_run_time_seconds", "When it is due next.", static schedule => schedule.Next is { } next ? Seconds(next) : null);
        Each(text, view, "backup_agent_schedule_last_start_time_seconds", "When its last run was started.", static schedule => schedule.LastRun is { } run ? Seconds(run.Started) : null);
        Each(text, view, "backup_agent_schedule_last_duration_seconds", "How long its last run took.", static schedule => schedule.LastRun is { Finished: { } finished } run ? Math.Round((finished - run.Started).TotalSeconds, 3) : null);
        Each(text, view, "backup_agent_schedule_last_exit_code", "The exit code of its last run.", static schedule => schedule.LastRun?.ExitCode);
        Each(text, view, "backup_agent_schedule_last_run_ok", "Whether its last run did what it was to do.", schedule => schedule.Outcome(view.Running) switch
        {
            RunOutcome.Done or RunOutcome.Warnings => 1,
            RunOutcome.Failed or RunOutcome.Interrupted => 0,
            _ => null,
        });
        return text.ToString();
    }

    private static double Seconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / 1000.0;

    private static void One(StringBuilder text, string name, string help, double value)
    {
        Head(text, name, help);
        text.Append(CultureInfo.InvariantCulture, $"{name} {value}\n");
    }

    private static void Each(StringBuilder text, AgentView view, string name, string help, Func<ScheduleView, double?> valueOf)
    {
        (string Name, double Value)[] values = [.. view.Schedules.Select(schedule => (schedule.Name, Value: valueOf(schedule))).Where(static each => each.Value is not null).Select(static each => (each.Name, each.Value!.Value))];
        if (values.Length == 0) return;
        Head(text, name, help);
        foreach ((string schedule, double value) in values) text.Append(CultureInfo.InvariantCulture, $"{name}{{schedule=\"{Label(schedule)}\"}} {value}\n");
    }

    private static void Head(StringBuilder text, string name, string help) => text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} gauge\n");

    private static string Label(string text) => text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n");
}
