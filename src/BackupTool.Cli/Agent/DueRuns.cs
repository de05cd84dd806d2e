using System.Globalization;

namespace BackupTool.Cli.Agent;

/// <summary>
/// Decides which runs are due, and in what order. Pure: it is told what time it is, and starts nothing. One run at a time; who is due meanwhile waits, in the order of the times, and once.
/// Not thread-safe.
/// </summary>
/// <remarks>
/// Every time of a schedule is settled once: by a start, or by being passed over. So a clock that goes back runs nothing twice, and one that goes forward, a boot and the end of a
/// suspension are the same thing: times lie behind that nobody saw come. Of these, however many, one is caught up, or none.
/// </remarks>
internal sealed class DueRuns
{
    /// <summary>A time is missed when it lies behind by more than this, or came when nobody looked.</summary>
    internal static readonly TimeSpan Punctuality = TimeSpan.FromMinutes(2);

    /// <summary>A time that is settled and lies ahead by more than this was settled by a clock that was wrong.</summary>
    internal static readonly TimeSpan MostStepBack = TimeSpan.FromDays(1);

    private readonly Dictionary<string, Watch> _watches = new(StringComparer.Ordinal);
    private readonly List<DueRun> _queue = [];
    private List<string> _order = [];
    private DateTimeOffset _looked;

    /// <summary>Begins to watch.</summary>
    /// <param name="schedules">The schedules.</param>
    /// <param name="memory">What an earlier agent has settled.</param>
    /// <param name="newestOf">When a schedule that is not in it last ran; null when it is not known. Asked here only.</param>
    /// <param name="now">The time.</param>
    internal DueRuns(IReadOnlyList<WatchedSchedule> schedules, AgentMemory memory, Func<string, DateTimeOffset?> newestOf, DateTimeOffset now)
    {
        _looked = now;
        foreach (WatchedSchedule schedule in schedules)
        {
            bool isKnown = memory.Schedules.TryGetValue(schedule.Name, out ScheduleMemory? known);
            // Other times than those that were settled are no times that were missed.
            DateTimeOffset settled = isKnown ? known!.Times == schedule.TimesKey ? known.LastSlot : now : newestOf(schedule.Name) ?? now;
            _watches[schedule.Name] = new Watch(schedule, settled) { LastRun = known?.LastRun, SettledAhead = known?.SettledAhead };
        }
        _order = [.. schedules.Select(static schedule => schedule.Name)];
    }

    /// <summary>What runs; null when nothing does.</summary>
    internal DueRun? Running { get; private set; }

    /// <summary>What waits, the next first.</summary>
    internal IReadOnlyList<DueRun> Queue => _queue;

    /// <summary>The schedules in the order of the configuration.</summary>
    internal IEnumerable<WatchedSchedule> Schedules => _order.Select(name => _watches[name].Schedule);

    /// <summary>What is to be kept for the next agent.</summary>
    internal AgentMemory Memory => AgentMemory.Empty with
    {
        Schedules = new SortedDictionary<string, ScheduleMemory>(
            _watches.ToDictionary(static each => each.Key, static each => new ScheduleMemory { LastSlot = each.Value.Settled, SettledAhead = each.Value.SettledAhead, Times = each.Value.Schedule.TimesKey, LastRun = each.Value.LastRun }), StringComparer.Ordinal),
    };

    /// <summary>The next time of a schedule that nobody has looked at yet; null when there is none any more.</summary>
    internal DateTimeOffset? NextOf(string schedule) => _watches[schedule].Next;

    /// <summary>The next time of any.</summary>
    internal DateTimeOffset? Next => _watches.Values.Min(static watch => watch.Next);

    /// <summary>The last run of a schedule.</summary>
    internal LastRun? LastRunOf(string schedule) => _watches[schedule].LastRun;

    /// <summary>
    /// Goes on with other schedules. One that is gone waits no longer; one that is new, or has other times, begins now; what runs is not touched, and what was due already stays due.
    /// </summary>
    internal void Replace(IReadOnlyList<WatchedSchedule> schedules, DateTimeOffset now)
    {
        Dictionary<string, Watch> before = new(_watches, StringComparer.Ordinal);
        _watches.Clear();
        foreach (WatchedSchedule schedule in schedules)
        {
            Watch? old = before.GetValueOrDefault(schedule.Name);
            _watches[schedule.Name] = old is not null && old.Schedule.TimesKey == schedule.TimesKey ? old.With(schedule) : new Watch(schedule, now) { LastRun = old?.LastRun };
        }
        _order = [.. schedules.Select(static schedule => schedule.Name)];
        _queue.RemoveAll(run => !_watches.ContainsKey(run.Schedule));
    }

    /// <summary>Looks at the clock: what has become due since the last look goes into the queue.</summary>
    internal IReadOnlyList<DueDecision> Look(DateTimeOffset now)
    {
        var decisions = new List<DueDecision>();
        foreach (Watch watch in _order.Select(name => _watches[name]))
        {
            if (watch.Seen - now > MostStepBack)
            {
                decisions.Add(Decide(watch, watch.Seen, DueVerdict.BegunAnew, $"was settled up to {Shown(watch.Seen)}, which is more than a day ahead: the clock was wrong then, and it begins anew from now"));
                watch.BeginAnew(now);
            }
            if (watch.Next is { } next && next <= now) decisions.Add(Settle(watch, next, now));
        }
        _looked = now;
        return decisions;
    }

    /// <summary>Takes the first of the queue when nothing runs; it is what runs from then on, and settled.</summary>
    internal DueRun? Start(DateTimeOffset now)
    {
        if (Running is not null || _queue.Count == 0) return null;
        Running = _queue[0];
        _queue.RemoveAt(0);
        Watch watch = _watches[Running.Schedule];
        watch.Settled = watch.Seen;
        watch.LastRun = new LastRun { Slot = Running.Slot, Started = now };
        return Running;
    }

    /// <summary>What runs has ended.</summary>
    internal void Finish(int exitCode, DateTimeOffset now)
    {
        if (_watches.TryGetValue(Running!.Schedule, out Watch? watch) && watch.LastRun is { } run) watch.LastRun = run with { Finished = now, ExitCode = exitCode };
        Running = null;
    }

    private DueDecision Settle(Watch watch, DateTimeOffset first, DateTimeOffset now)
    {
        DateTimeOffset slot = watch.Schedule.Times.Latest(now) ?? first;
        if (slot < first) slot = first;
        watch.See(slot);
        if (slot == watch.SettledAhead)
        {
            watch.Settled = slot;
            return Decide(watch, slot, DueVerdict.PassedOver, $"has had its run of {Shown(slot)} before the clock went back");
        }
        string shown = Shown(slot);
        if (_queue.Exists(run => run.Schedule == watch.Schedule.Name)) return Decide(watch, slot, DueVerdict.Absorbed, $"is due again ({shown}) and waits still: it will run once");
        bool isPunctual = slot > _looked && now - slot <= Punctuality;
        if (!isPunctual && !watch.Schedule.Settings.CatchUp)
        {
            watch.Settled = slot;
            return Decide(watch, slot, DueVerdict.PassedOver, $"missed {shown}, and is not caught up (catch-up = false)");
        }
        Enqueue(new DueRun(watch.Schedule.Name, slot));
        return isPunctual ? Decide(watch, slot, DueVerdict.Due, $"is due ({shown})") : Decide(watch, slot, DueVerdict.CatchUp, $"missed {shown}, and is caught up");
    }

    private void Enqueue(DueRun run)
    {
        int at = _queue.FindIndex(waiting => waiting.Slot > run.Slot);
        _queue.Insert(at < 0 ? _queue.Count : at, run);
    }

    private static DueDecision Decide(Watch watch, DateTimeOffset slot, DueVerdict verdict, string sentence) => new(watch.Schedule.Name, slot, verdict, $"{watch.Schedule.Name} {sentence}");

    /// <summary>A time in the zone that it comes in.</summary>
    internal static string Shown(DateTimeOffset time) => time.ToString("ddd yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture);

    /// <summary>One schedule: up to where its times are settled, and up to where they have been looked at (more, while it waits).</summary>
    private sealed class Watch(WatchedSchedule schedule, DateTimeOffset settled)
    {
        internal WatchedSchedule Schedule { get; private set; } = schedule;

        internal DateTimeOffset Settled { get; set; } = settled;

        internal DateTimeOffset Seen { get; private set; } = settled;

        internal DateTimeOffset? Next { get; private set; } = schedule.Times.Next(settled);

        internal LastRun? LastRun { get; set; }

        internal void See(DateTimeOffset slot) => (Seen, Next) = (slot, Schedule.Times.Next(slot));

        /// <summary>What was settled when the clock went back too far. If it is now that the clock is wrong, this time will come once more.</summary>
        internal DateTimeOffset? SettledAhead { get; set; }

        internal void BeginAnew(DateTimeOffset now)
        {
            SettledAhead = Seen;
            Settled = now;
            See(now);
        }

        internal Watch With(WatchedSchedule schedule)
        {
            Schedule = schedule;
            return this;
        }
    }
}
