using BackupTool.Cli.Agent;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Cli.Agent;

/// <summary>An agent's decisions under a clock that is set: it looks every 30 seconds, and runs take as long as is said.</summary>
internal sealed class Nights
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(30);
    private readonly SettableTime _time;
    private DateTimeOffset? _ends;

    private Nights(SettableTime time, DueRuns due) => (_time, Due) = (time, due);

    internal DueRuns Due { get; private set; }

    /// <summary>What was started, in order: who, and at what time.</summary>
    internal List<(string Schedule, DateTimeOffset At)> Runs { get; } = [];

    internal List<DueDecision> Decisions { get; } = [];

    /// <summary>How long a run takes.</summary>
    internal TimeSpan Takes { get; set; } = TimeSpan.FromMinutes(5);

    internal DateTimeOffset Now => _time.Now;

    internal static Nights Begin(string now, params WatchedSchedule[] schedules) => Begin(now, AgentMemory.Empty, static _ => null, schedules);

    internal static Nights Begin(string now, AgentMemory memory, Func<string, DateTimeOffset?> newestOf, params WatchedSchedule[] schedules)
    {
        var time = new SettableTime(At(now));
        return new Nights(time, new DueRuns(schedules, memory, newestOf, time.GetUtcNow()));
    }

    internal static DateTimeOffset At(string time) => DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal);

    internal static WatchedSchedule Schedule(string name, string cron = "30 2 * * *", bool catchUp = true, string zone = "UTC", string jitter = "0s")
    {
        DurationText.TryParse(jitter, out TimeSpan delay).Should().BeTrue();
        var settings = new ScheduleSettings
        {
            File = BytePath.From($"/etc/backup/schedules/{name}.toml"),
            Name = name,
            Cron = cron,
            TimeZone = TimeZoneInfo.FindSystemTimeZoneById(zone),
            Jitter = delay,
            CatchUp = catchUp,
            Run = [ScheduleStep.Backup],
        };
        return new WatchedSchedule(settings, new ScheduleTimes(settings, "host"));
    }

    /// <summary>The time passes, and the agent looks at it.</summary>
    internal Nights Until(string time)
    {
        DateTimeOffset end = At(time);
        Look();
        while (_time.Now < end)
        {
            _time.Now += Step;
            Look();
        }
        return this;
    }

    /// <summary>The clock says something else at once: it was set, or the machine was asleep.</summary>
    internal Nights JumpTo(string time)
    {
        _ends += At(time) - _time.Now;   // what runs takes no notice
        _time.Now = At(time);
        Look();
        return this;
    }

    /// <summary>The agent is killed, and another one begins later with what the first has left.</summary>
    internal Nights RebootAt(string time, params WatchedSchedule[] schedules)
    {
        AgentMemory memory = Due.Memory;
        _time.Now = At(time);
        Due = new DueRuns(schedules.Length > 0 ? schedules : [.. Due.Schedules], memory, static _ => throw new InvalidOperationException("all is remembered"), _time.GetUtcNow());
        _ends = null;
        Look();
        return this;
    }

    internal Nights Reload(params WatchedSchedule[] schedules)
    {
        Due.Replace(schedules, _time.GetUtcNow());
        return this;
    }

    private void Look()
    {
        if (_ends <= _time.Now)
        {
            Due.Finish(0, _time.GetUtcNow());
            _ends = null;
        }
        Decisions.AddRange(Due.Look(_time.GetUtcNow()));
        if (Due.Start(_time.GetUtcNow()) is not { } run) return;
        Runs.Add((run.Schedule, _time.Now));
        _ends = _time.Now + Takes;
    }
}
