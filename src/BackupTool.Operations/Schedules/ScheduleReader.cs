using System.Collections.Frozen;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Rotation;
using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;
using Cronos;

namespace BackupTool.Operations.Schedules;

/// <summary>Reads one <c>schedules/NAME.toml</c>.</summary>
/// <param name="problems">Told what is wrong.</param>
/// <param name="services">The names of the configured services; null when nobody knows them.</param>
internal sealed class ScheduleReader(ProblemList problems, IReadOnlyCollection<string>? services)
{
    private const string This = "this schedule";

    internal static readonly FrozenDictionary<string, ScheduleStep> Steps = new Dictionary<string, ScheduleStep>
    {
        ["backup"] = ScheduleStep.Backup,
        ["verify"] = ScheduleStep.Verify,
        ["rotate"] = ScheduleStep.Rotate,
    }.ToFrozenDictionary();

    private static readonly string[] LaterSteps = ["copy", "drill"];
    private static readonly DateTime Long = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>The schedule; null when it cannot be used.</summary>
    internal ScheduleSettings? Read(BytePath file, string name, ReadOnlySpan<byte> content)
    {
        TomlDocument document = TomlDocument.Parse(content);
        foreach (TomlProblem problem in document.Problems) problems.Add(problem.Place, problem.Message);
        if (problems.HasErrors) return null;
        var reader = new TableReader(document.Root, This, problems);
        IReadOnlyList<ScheduleStep> run = ReadRun(reader);
        var settings = new ScheduleSettings
        {
            File = file,
            Name = name,
            Cron = ReadCron(reader) ?? "",
            TimeZone = ReadZone(reader),
            Jitter = ReadJitter(reader),
            CatchUp = reader.Truth("catch-up") ?? true,
            Run = run,
            Services = ReadServices(reader),
            Labels = [.. reader.Texts("labels").Select(static label => label.Text).Distinct()],
            Keep = KeepReader.Read(reader, problems),
            Verify = new VerificationReader(problems).Read(reader, This),
        };
        WarnOfUnused(reader, run);
        reader.RefuseOtherKeys();
        return problems.HasErrors ? null : settings;
    }

    private string? ReadCron(TableReader reader)
    {
        if (reader.Text("cron") is not { } cron)
        {
            if (reader.Entry("cron") is null) problems.Add(new TextPlace(1, 1), "there is no `cron`", "Say when it runs: cron = \"30 2 * * *\" is every night at half past two.");
            return null;
        }
        TextPlace place = reader.Entry("cron")!.Value.Place;
        (CronExpression? expression, string? problem) = CronText.Read(cron);
        if (expression is null)
            problems.Add(place, $"`cron` is `{cron}`, which is no cron expression: {problem}", "Write minute, hour, day of month, month and day of week, like \"30 2 * * *\" or \"0 4 * * SUN\"; or @daily.");
        else if (expression.GetNextOccurrence(Long) is null)
            problems.Add(place, $"`cron` is `{cron}`, which never occurs", "There is no such day in any month that it names.");
        return cron;
    }

    private TimeZoneInfo ReadZone(TableReader reader)
    {
        if (reader.Text("time-zone") is not { } name) return TimeZoneInfo.Local;
        if (ZoneName.Find(name) is { } zone) return zone;
        problems.Add(reader.Entry("time-zone")!.Value.Place, $"`time-zone` is `{name}`, which is no time zone known here", ZoneName.Hint(name));
        return TimeZoneInfo.Utc;
    }

    private TimeSpan ReadJitter(TableReader reader)
    {
        if (reader.Duration("jitter") is not { } jitter) return TimeSpan.Zero;
        if (jitter > TimeSpan.FromDays(1)) problems.Add(reader.Entry("jitter")!.Value.Place, "`jitter` is longer than a day", "It only spreads several machines over a while: write like \"10m\".");
        return jitter;
    }

    private List<ScheduleStep> ReadRun(TableReader reader)
    {
        const string hint = "Write run = [\"backup\", \"verify\", \"rotate\"], or some of them.";
        var steps = new List<ScheduleStep>();
        foreach ((string word, TextPlace place) in reader.Texts("run"))
        {
            if (LaterSteps.Contains(word)) problems.Add(place, $"`run` names `{word}`, which this version cannot do: it comes with a later one", "Remove it until then.");
            else if (!Steps.TryGetValue(word, out ScheduleStep step)) problems.Add(place, $"`run` names `{word}`, which is no step", NearestName.Hint(word, ["backup", "verify", "rotate"], "steps"));
            else if (steps.Contains(step)) problems.Add(place, $"`run` names `{word}` twice", hint);
            else if (steps.Count > 0 && step < steps[^1]) problems.Add(place, $"`run` names `{word}` after `{WordOf(steps[^1])}`", "The order is backup, verify, rotate: nothing is removed before what replaces it is there, and proved.");
            else steps.Add(step);
        }
        if (reader.Entry("run") is not { } entry) problems.Add(new TextPlace(1, 1), "there is no `run`", hint);
        else if (entry.Value is TomlArray { Items.Count: 0 }) problems.Add(entry.Value.Place, "`run` is empty: there is nothing to do", hint);
        return steps;
    }

    private List<string>? ReadServices(TableReader reader)
    {
        if (reader.Entry("services") is not { } entry) return null;
        if (entry.Value is TomlArray { Items.Count: 0 }) problems.Add(entry.Value.Place, "`services` is empty", "Name at least one, or remove the line for all.");
        var names = new List<string>();
        foreach ((string name, TextPlace place) in reader.Texts("services"))
        {
            if (services is not null && !services.Contains(name)) problems.Add(place, $"`services` names `{name}`, which is no service of the configuration", NearestName.Hint(name, services, "services"));
            else if (!names.Contains(name)) names.Add(name);
        }
        return names;
    }

    private void WarnOfUnused(TableReader reader, IReadOnlyList<ScheduleStep> run)
    {
        foreach ((string key, ScheduleStep step) in ((string, ScheduleStep)[])[("services", ScheduleStep.Backup), ("labels", ScheduleStep.Backup), ("keep", ScheduleStep.Backup), ("verify", ScheduleStep.Verify)])
        {
            if (run.Count > 0 && !run.Contains(step) && reader.Entry(key) is { } entry)
                problems.Warn(entry.KeyPlace, $"`{key}` does nothing: `run` has no `{WordOf(step)}`", key == "keep" ? "`keep` says how long the snapshots are kept that this schedule makes; [rotation] and the other schedules say it of theirs." : null);
        }
    }

    internal static string WordOf(ScheduleStep step) => Steps.First(each => each.Value == step).Key;
}
