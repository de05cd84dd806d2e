using System.Collections.Concurrent;

namespace BackupTool.Tests.Services.Quiescing;

/// <summary>
/// One thread and a clock that jumps to the next timer whenever there is nothing else to do: minutes pass in microseconds, and the same run is the same every time.
/// </summary>
internal sealed class VirtualTime : TimeProvider
{
    private readonly PriorityQueue<VirtualTimer, (TimeSpan, int)> _timers = new();
    private readonly BlockingCollection<Action> _work = [];
    private readonly Lock _lock = new();
    private TimeSpan _now;
    private int _count;

    internal TimeSpan Now => _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now.Ticks;

    public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2026, 11, 23, 2, 30, 0, TimeSpan.Zero) + _now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Runs to the end, or until <paramref name="isAbandoned"/>: then what is left never goes on, like a process that was killed.</summary>
    internal void Run(Func<Task> act, Func<bool>? isAbandoned = null)
    {
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new Loop(this));
        try
        {
            Task task = act();
            while (!task.IsCompleted && isAbandoned?.Invoke() != true)
            {
                if (_work.TryTake(out Action? next)) next();
                else if (TryFire()) continue;
                else if (_work.TryTake(out next, TimeSpan.FromSeconds(20))) next();
                else throw new TimeoutException("Nothing is left to do, and it has not ended: something waits for itself.");
            }
            if (task.IsCompleted) task.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private bool TryFire()
    {
        VirtualTimer? due = null;
        lock (_lock)
            while (due is null && _timers.TryDequeue(out VirtualTimer? next, out (TimeSpan At, int Order) when))
                if (next.IsDueAt(when)) (due, _now) = (next, when.At > _now ? when.At : _now);
        due?.Fire();
        return due is not null;
    }

    private sealed class Loop(VirtualTime time) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => time._work.Add(() => d(state));
    }

    private sealed class VirtualTimer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        private (TimeSpan, int)? _when;

        public bool IsDueAt((TimeSpan, int) when) => _when == when;

        public void Fire()
        {
            _when = null;
            callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (period != Timeout.InfiniteTimeSpan && period != TimeSpan.Zero) throw new NotSupportedException("Periodic timers are not needed here.");
            lock (time._lock)
            {
                _when = dueTime == Timeout.InfiniteTimeSpan ? null : (time._now + dueTime, time._count++);
                if (_when is { } when) time._timers.Enqueue(this, when);
            }
            return true;
        }

        public void Dispose() => _when = null;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
