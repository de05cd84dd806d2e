namespace BackupTool.Cli.Agent;

/// <summary>The agent in one line: what <c>systemctl status</c> shows.</summary>
internal static class StatusLine
{
    internal const string Recovering = "recovering: starting again what an earlier run has stopped";
    private const int MostOfProblem = 200;

    internal static string Of(AgentView view)
    {
        var parts = new List<string>();
        if (view.Running is { } run) parts.Add($"{(view.IsEnding ? "ending, waiting for" : "running")} {run.Schedule} since {DueRuns.Shown(run.Started.ToLocalTime())} (process {run.ProcessId})");
        else if (view.IsEnding) parts.Add("ending");
        if (view.Queue.Count > 0) parts.Add($"waiting: {string.Join(", ", view.Queue.Select(static waiting => waiting.Schedule))}");
        ScheduleView? next = view.Schedules.Where(static schedule => schedule.Next is not null).MinBy(static schedule => schedule.Next);
        if (!view.IsEnding) parts.Add(next is null ? "nothing is scheduled" : $"next: {next.Name} on {DueRuns.Shown(next.Next!.Value)}");
        if (view.Configuration.LeftOut is [var leftOut, ..]) parts.Add($"left out: {Short($"{leftOut}")}");
        if (view.Configuration is { Refused: { } refused, Problem: { } problem })
            parts.Add($"configuration: refused at {refused.ToLocalTime():HH:mm:ss}, {Short(problem)}");
        return string.Join("; ", parts);
    }

    private static string Short(string problem) => problem.Length > MostOfProblem ? problem[..MostOfProblem] + "…" : problem;
}
