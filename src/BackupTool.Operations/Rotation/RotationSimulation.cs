using System.Globalization;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Verify;
using BackupTool.Repositories.Retention;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Rotation;

/// <summary>One schedule in a simulation.</summary>
/// <param name="Settings">It.</param>
/// <param name="Next">The first run after a time; null when there is none any more.</param>
public sealed record SimulatedSchedule(ScheduleSettings Settings, Func<DateTimeOffset, DateTimeOffset?> Next);

/// <summary>What would come of a schedule.</summary>
/// <param name="Settings">It.</param>
/// <param name="Runs">How often it would run.</param>
/// <param name="Most">The largest number of its snapshots at any time: right after a run, before anything was rotated.</param>
/// <param name="AtTheEnd">Its snapshots that would exist at the end, oldest first, each with why.</param>
public sealed record SimulationResult(ScheduleSettings Settings, int Runs, int Most, IReadOnlyList<RetentionDecision> AtTheEnd);

/// <summary>
/// What would exist when: every schedule runs at its times from an empty repository on, each run succeeds, <c>verify</c> proves what the schedule says, and
/// <c>rotate</c> forgets. In memory only.
/// </summary>
public sealed class RotationSimulation
{
    private const int MostRuns = 100_000;
    private const string Host = "simulation";
    private readonly RetentionRules _rules;
    private readonly Dictionary<string, IReadOnlyList<string>> _servicesOf;
    private readonly Dictionary<string, (int Runs, int Most)> _counts = [];
    private readonly Dictionary<(string Schedule, SnapshotId Snapshot), int> _partsRead = [];
    private List<RetentionSnapshot> _snapshots = [];
    private int _made;

    private RotationSimulation(BackupConfiguration configuration, IReadOnlyList<ScheduleSettings> schedules, TimeZoneInfo local)
    {
        _rules = ConfiguredRetention.RulesOf(configuration, local);
        _servicesOf = Representatives([.. configuration.Services.Select(static service => service.Name)], schedules);
    }

    /// <summary>Of services that the same schedules back up one stands for all: what is decided of them is the same.</summary>
    private static Dictionary<string, IReadOnlyList<string>> Representatives(IReadOnlyList<string> services, IReadOnlyList<ScheduleSettings> schedules)
    {
        IEnumerable<string> all = services.Concat(schedules.SelectMany(static schedule => schedule.Services ?? [])).DefaultIfEmpty("everything").Distinct();
        List<string> some = [.. all.GroupBy(service => string.Concat(schedules.Select(schedule => Holds(schedule, service) ? '1' : '0'))).Select(static alike => alike.First())];
        return schedules.ToDictionary(static schedule => schedule.Name, schedule => (IReadOnlyList<string>)[.. some.Where(service => Holds(schedule, service))]);
    }

    private static bool Holds(ScheduleSettings schedule, string service) => schedule.Services is null || schedule.Services.Contains(service);

    /// <summary>Simulates all schedules together.</summary>
    /// <param name="configuration">The policies and services.</param>
    /// <param name="schedules">The schedules and their times.</param>
    /// <param name="from">The beginning: runs after it count.</param>
    /// <param name="to">The end: runs until it count.</param>
    /// <param name="local">Where days begin for what no schedule made.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="OperationException">There are more runs than can be gone through in reasonable time.</exception>
    public static IReadOnlyList<SimulationResult> Run(
        BackupConfiguration configuration, IReadOnlyList<SimulatedSchedule> schedules, DateTimeOffset from, DateTimeOffset to, TimeZoneInfo local, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(schedules);
        var simulation = new RotationSimulation(configuration, [.. schedules.Select(static one => one.Settings)], local);
        DateTimeOffset last = from;
        foreach ((DateTimeOffset time, ScheduleSettings schedule) in RunsOf(schedules, from, to))
        {
            cancellationToken.ThrowIfCancellationRequested();
            simulation.RunSchedule(schedule, time);
            last = time;
        }
        ILookup<string?, RetentionDecision> left = simulation.Decide(last).ToLookup(static decision => decision.Snapshot.Schedule);
        return [.. schedules.Select(one => new SimulationResult(one.Settings, simulation._counts.GetValueOrDefault(one.Settings.Name).Runs, simulation._counts.GetValueOrDefault(one.Settings.Name).Most, [.. left[one.Settings.Name]]))];
    }

    private static IEnumerable<(DateTimeOffset Time, ScheduleSettings Schedule)> RunsOf(IReadOnlyList<SimulatedSchedule> schedules, DateTimeOffset from, DateTimeOffset to)
    {
        var queue = new PriorityQueue<SimulatedSchedule, (DateTimeOffset Time, string Name)>();
        foreach (SimulatedSchedule schedule in schedules) Enqueue(schedule, from);
        for (int runs = 0; queue.TryDequeue(out SimulatedSchedule? next, out (DateTimeOffset Time, string Name) at); runs++)
        {
            if (runs == MostRuns) throw new OperationException($"The schedules run more than {MostRuns:N0} times until {to:yyyy-MM-dd}.", "Simulate fewer years.");
            yield return (at.Time, next.Settings);
            Enqueue(next, at.Time);
        }

        void Enqueue(SimulatedSchedule schedule, DateTimeOffset after)
        {
            if (schedule.Next(after) is { } time && time <= to) queue.Enqueue(schedule, (time, schedule.Settings.Name));
        }
    }

    private void RunSchedule(ScheduleSettings schedule, DateTimeOffset time)
    {
        foreach (ScheduleStep step in schedule.Run)
        {
            if (step == ScheduleStep.Backup) _snapshots.Add(Make(schedule, time));
            else if (step == ScheduleStep.Verify) Verify(schedule);
            else if (step == ScheduleStep.Rotate) _snapshots = [.. Decide(time).Where(static decision => decision.IsKept).Select(static decision => decision.Snapshot)];
            Count(schedule.Name, step == schedule.Run[0] ? 1 : 0);
        }
    }

    private void Verify(ScheduleSettings schedule)
    {
        ScheduleVerification verify = schedule.Verify;
        if (verify.Level == VerifyLevel.Structure) return;
        bool isNewestAlone = verify is { Level: VerifyLevel.Content, EverySnapshot: false };
        for (int i = isNewestAlone ? Math.Max(0, _snapshots.Count - 1) : 0; i < _snapshots.Count; i++)
        {
            (string, SnapshotId) key = (schedule.Name, _snapshots[i].Id);
            int parts = _partsRead[key] = _partsRead.GetValueOrDefault(key) + 1;
            if (parts >= verify.Parts) _snapshots[i] = _snapshots[i] with { IsVerified = true };
        }
    }

    private void Count(string schedule, int runs)
    {
        (int before, int most) = _counts.GetValueOrDefault(schedule);
        _counts[schedule] = (before + runs, Math.Max(most, _snapshots.Count(snapshot => snapshot.Schedule == schedule)));
    }

    private IReadOnlyList<RetentionDecision> Decide(DateTimeOffset now) => RetentionPlan.Decide(_snapshots, _rules, now, onlyHost: null).Decisions;

    private RetentionSnapshot Make(ScheduleSettings schedule, DateTimeOffset time)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"snapshots/{++_made:x64}.json");
        return new RetentionSnapshot
        {
            Id = SnapshotId.TryParseFileName(name, out SnapshotId? id) ? id.Value : throw new FormatException(name),
            Time = time,
            Host = Host,
            Schedule = schedule.Name,
            Labels = schedule.Labels,
            Services = _servicesOf[schedule.Name],
        };
    }
}
