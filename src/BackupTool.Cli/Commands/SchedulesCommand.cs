using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.History;
using BackupTool.Operations.Schedules;
using BackupTool.Repositories.Retention;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup schedules</c></summary>
internal static class SchedulesCommand
{
    private const int Times = 5;

    internal static Command Create(CommandHost commands) => commands.Create("schedules", "Show each schedule: what it does, when it ran last and when it runs next, in local time.", static (context, _) =>
    {
        BackupConfiguration configuration = context.ReadConfigurationDespiteSchedules();
        DateTimeOffset now = context.Time.GetUtcNow();
        var history = new RunHistory(configuration.State.Path, context.Time);
        string host = HostId.Read();
        var shown = new List<ShownSchedule>();
        foreach (ScheduleSettings schedule in configuration.Schedules)
        {
            HistoryReading last = history.LastOf(schedule.Name);
            if (last.Problem is { } problem) context.Terminal.Warn(problem);
            var times = new ScheduleTimes(schedule, host);
            shown.Add(new ShownSchedule(schedule, times.Delay, NextOf(times, now), last.Newest));
        }
        if (context.Json) JsonReport.Write(context.Terminal, new SchedulesDocument(ScheduleLookup.FolderOf(configuration), [.. shown.Select(ScheduleDocument.From)], [.. configuration.ScheduleProblems.Select(FindingDocument.From)]), CliJson.Default.SchedulesDocument);
        else if (shown.Count == 0) context.Terminal.Info($"no schedule {(configuration.ScheduleProblems.Count > 0 ? "can be used" : "is configured")}: a schedule is a file {ScheduleLookup.FolderOf(configuration)}/NAME.toml");
        else Print(context.Terminal, shown);
        return Task.FromResult(configuration.ScheduleProblems.Count > 0 ? ExitCode.Usage : ExitCode.Done);
    }, SimulateCommand.Create(commands));

    private static List<DateTimeOffset> NextOf(ScheduleTimes times, DateTimeOffset now)
    {
        var next = new List<DateTimeOffset>();
        for (DateTimeOffset? at = times.Next(now); at is { } time && next.Count < Times; at = times.Next(time)) next.Add(time.ToLocalTime());
        return next;
    }

    private static void Print(Terminal terminal, List<ShownSchedule> shown)
    {
        foreach ((ScheduleSettings schedule, TimeSpan delay, IReadOnlyList<DateTimeOffset> next, RunRecord? last) in shown)
        {
            if (schedule != shown[0].Settings) terminal.WriteLine();
            terminal.WriteLine(schedule.Name, TextStyle.Bold);
            string late = schedule.Jitter == TimeSpan.Zero ? "" : delay == TimeSpan.Zero ? ", on time on this host" : $", {Duration.Format(delay)} later on this host";
            terminal.WriteLine($"  when      {schedule.Cron} in {schedule.TimeZone.Id}{late}{(schedule.CatchUp ? "; a missed run is made up for" : "; a missed run is left out")}");
            terminal.WriteLine($"  steps     {string.Join(", ", schedule.Run.Select(ScheduleLookup.WordOf))}");
            if (schedule.Run.Contains(ScheduleStep.Backup))
            {
                terminal.WriteLine($"  services  {(schedule.Services is { } some ? string.Join(", ", some) : "all")}");
                if (schedule.Labels.Count > 0) terminal.WriteLine($"  labels    {string.Join(", ", schedule.Labels)}");
                terminal.WriteLine($"  kept      {SchedulePrinter.DescribeKeep(schedule) ?? "for ever"}");
            }
            terminal.WriteLine($"  last run  {(last is null ? "none that is known" : Describe(last))}");
            for (int i = 0; i < next.Count; i++) terminal.WriteLine($"  {(i == 0 ? "next     " : "         ")} {next[i]:yyyy-MM-dd HH:mm:ss ddd}");
        }
    }

    private static string Describe(RunRecord run) => $"{run.Started.ToLocalTime():yyyy-MM-dd HH:mm:ss ddd}, {(run.ExitCode switch
    {
        (int)ExitCode.Done => "done",
        (int)ExitCode.DoneWithWarnings => "done with warnings",
        (int)ExitCode.ServiceNotHealthy => "a service was not well",
        (int)ExitCode.Cancelled => "cancelled",
        _ => $"failed with {run.ExitCode}",
    })} in {Duration.Format(run.Finished - run.Started)}{(run.Problem is null ? "" : $": {run.Problem}")}";
}

/// <summary>A schedule and its times.</summary>
internal sealed record ShownSchedule(ScheduleSettings Settings, TimeSpan Delay, IReadOnlyList<DateTimeOffset> Next, RunRecord? Last);

/// <summary>The JSON of <c>schedules</c>.</summary>
public sealed record SchedulesDocument(string Directory, ScheduleDocument[] Schedules, FindingDocument[] Problems);

/// <summary>A schedule in JSON; times in local time, with jitter.</summary>
public sealed record ScheduleDocument(
    string Name, string File, string Cron, string TimeZone, double JitterSeconds, double DelaySeconds, bool CatchUp, string[] Run, string[]? Services, string[] Labels, KeepDocument? Keep, DateTimeOffset[] Next, LastRunDocument? LastRun)
{
    internal static ScheduleDocument From(ShownSchedule shown)
    {
        ScheduleSettings s = shown.Settings;
        return new(s.Name, s.File.ToString(), s.Cron, s.TimeZone.Id, s.Jitter.TotalSeconds, shown.Delay.TotalSeconds, s.CatchUp, [.. s.Run.Select(ScheduleLookup.WordOf)], s.Services is null ? null : [.. s.Services], [.. s.Labels],
            KeepDocument.From(s.Keep), [.. shown.Next], shown.Last is { } last ? new LastRunDocument(last.Started, last.Finished, last.ExitCode, last.Snapshot, last.Problem) : null);
    }
}

/// <summary>How long snapshots are kept, in JSON.</summary>
public sealed record KeepDocument(int Last, int Hourly, int Daily, int Weekly, int Monthly, int Yearly, double? WithinSeconds)
{
    internal static KeepDocument? From(RetentionPolicy? keep) => keep is null ? null : new(keep.Last, keep.Hourly, keep.Daily, keep.Weekly, keep.Monthly, keep.Yearly, keep.Within?.TotalSeconds);
}

/// <summary>The last run of a schedule, in JSON.</summary>
public sealed record LastRunDocument(DateTimeOffset Started, DateTimeOffset Finished, int ExitCode, string? Snapshot, string? Problem);
