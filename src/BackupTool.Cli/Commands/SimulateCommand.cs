using System.CommandLine;
using System.Globalization;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Schedules;
using BackupTool.Repositories.Retention;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup schedules simulate</c></summary>
internal static class SimulateCommand
{
    private const int MostYears = 50;

    internal static Command Create(CommandHost host)
    {
        var years = new Option<int>("--years", "-y") { Description = $"How many years, 1 to {MostYears}", HelpName = "N", DefaultValueFactory = static _ => 3 };
        var from = new Option<string?>("--from") { Description = "From which day on, such as 2026-11-23 [default: today]", HelpName = "DATE" };
        return host.Create("simulate", "Show which snapshots would exist when the schedules have run for years, every run a success, from an empty repository on. Nothing is read or changed but the configuration.", (context, cancellationToken) =>
        {
            int count = context.Value(years);
            if (count is < 1 or > MostYears) throw new UsageException($"--years: {count} is not from 1 to {MostYears}.", "Write --years 3.");
            DateTimeOffset begin = BeginOf(context.Value(from), context.Time);
            BackupConfiguration configuration = context.ReadConfiguration();
            List<ScheduleSettings> schedules = [.. configuration.Schedules.OrderBy(static schedule => schedule.Name, StringComparer.Ordinal)];
            if (schedules.Count == 0)
            {
                if (context.Json) JsonReport.Write(context.Terminal, new SimulateDocument(begin, begin.AddYears(count), []), CliJson.Default.SimulateDocument);
                else context.Terminal.Info("no schedule is configured");
                return Task.FromResult(ExitCode.NothingToDo);
            }
            string hostId = HostId.Read();
            IReadOnlyList<SimulationResult> results = RotationSimulation.Run(configuration, [.. schedules.Select(schedule => new SimulatedSchedule(schedule, new ScheduleTimes(schedule, hostId).Next))],
                begin, begin.AddYears(count), context.Time.LocalTimeZone, cancellationToken);
            if (context.Json) JsonReport.Write(context.Terminal, SimulateDocument.Of(begin, begin.AddYears(count), results), CliJson.Default.SimulateDocument);
            else Print(context.Terminal, begin, count, results);
            return Task.FromResult(ExitCode.Done);
        }, years, from);
    }

    private static DateTimeOffset BeginOf(string? text, TimeProvider time)
    {
        if (text is null) return time.GetLocalNow();
        return DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day) && day.Year is >= 1970 and <= 9900
            ? new DateTimeOffset(day.ToDateTime(TimeOnly.MinValue), time.LocalTimeZone.GetUtcOffset(day.ToDateTime(TimeOnly.MinValue)))
            : throw new UsageException($"--from: '{text}' is no day.", "Write it like 2026-11-23.");
    }

    private static void Print(Terminal terminal, DateTimeOffset begin, int years, IReadOnlyList<SimulationResult> results)
    {
        foreach (SimulationResult result in results)
        {
            terminal.WriteLine($"{result.Settings.Name}: {result.AtTheEnd.Count:N0} snapshots exist at the end", TextStyle.Bold);
            foreach (RetentionDecision decision in result.AtTheEnd)
                terminal.WriteLine($"  {TimeZoneInfo.ConvertTime(decision.Snapshot.Time, result.Settings.TimeZone):yyyy-MM-dd HH:mm ddd}  {string.Join("; ", decision.Reasons)}");
            terminal.WriteLine();
        }
        var table = new Table(("SCHEDULE", Align.Left), ("CRON", Align.Left), ("RUNS", Align.Right), ("AT THE END", Align.Right), ("AT MOST", Align.Right), ("OLDEST", Align.Left), ("STEPS", Align.Left), ("KEEP", Align.Left));
        foreach (SimulationResult result in results)
        {
            table.Add(result.Settings.Name, result.Settings.Cron, $"{result.Runs:N0}", $"{result.AtTheEnd.Count:N0}", $"{result.Most:N0}",
                result.AtTheEnd.Count == 0 ? "-" : $"{TimeZoneInfo.ConvertTime(result.AtTheEnd[0].Snapshot.Time, result.Settings.TimeZone):yyyy-MM-dd}",
                string.Join(" ", result.Settings.Run.Select(static step => step.ToString().ToLowerInvariant())), result.Settings.Keep?.ToString() ?? "all, for ever");
        }
        table.WriteTo(terminal);
        if (!results.Any(static result => result.Settings.Run.Contains(ScheduleStep.Rotate))) terminal.Warn("no schedule has \"rotate\" among its steps: nothing is ever forgotten");
        terminal.Info($"{years} {(years == 1 ? "year" : "years")} from {begin:yyyy-MM-dd}, each run a success");
    }
}

/// <summary>The JSON of <c>schedules simulate</c>.</summary>
public sealed record SimulateDocument(DateTimeOffset From, DateTimeOffset To, SimulatedScheduleDocument[] Schedules)
{
    internal static SimulateDocument Of(DateTimeOffset from, DateTimeOffset to, IReadOnlyList<SimulationResult> results) => new(from, to, [.. results.Select(SimulatedScheduleDocument.From)]);
}

/// <summary>What would come of a schedule, in JSON.</summary>
public sealed record SimulatedScheduleDocument(string Name, string Cron, string TimeZone, int Runs, int Most, int AtTheEnd, SimulatedSnapshotDocument[] Snapshots)
{
    internal static SimulatedScheduleDocument From(SimulationResult result) => new(result.Settings.Name, result.Settings.Cron, result.Settings.TimeZone.Id, result.Runs, result.Most, result.AtTheEnd.Count,
        [.. result.AtTheEnd.Select(decision => new SimulatedSnapshotDocument(TimeZoneInfo.ConvertTime(decision.Snapshot.Time, result.Settings.TimeZone), [.. decision.Reasons]))]);
}

/// <summary>A snapshot that would exist at the end, in JSON.</summary>
public sealed record SimulatedSnapshotDocument(DateTimeOffset Time, string[] Reasons);
