using BackupTool.Cli.Output;
using BackupTool.Operations;
using BackupTool.Posix;

namespace BackupTool.Cli.Agent;

/// <summary>
/// The agent after its start: one loop that looks at the clock, starts what is due, one run at a time, and hears signals. It goes round at least every 30 seconds, so that the end of a
/// suspension and a clock that was set are noticed, and it is the loop itself that gives the signs of life: one that is stuck gives none.
/// </summary>
/// <param name="world">What it stands on.</param>
/// <param name="configuration">The configuration in force.</param>
/// <param name="due">What is due.</param>
/// <param name="file">Where that is remembered.</param>
/// <param name="board">Where others look.</param>
internal sealed class AgentLoop(AgentWorld world, AgentConfiguration configuration, DueRuns due, AgentStateFile file, AgentBoard board)
{
    internal static readonly TimeSpan LongestSleep = TimeSpan.FromSeconds(30);
    private readonly DateTimeOffset _began = world.Time.GetUtcNow();
    private IChildRun? _child;
    private RunningView? _running;
    private AgentSignal? _ending;
    private readonly StalenessWatch _staleness = new(world);

    /// <summary>The exit code of the recovery at the start.</summary>
    internal required int Recovery { get; init; }

    /// <summary>How the backups are: to be looked at anew after each run.</summary>
    internal required BackupStatus Backups { get; init; }

    /// <summary>Goes round until a signal ends it, and what runs then has ended.</summary>
    /// <returns>The signal.</returns>
    internal async Task<AgentSignal> RunAsync()
    {
        // From now on times can be missed.
        Remember();
        Show();
        world.Notices.Ready();
        while (true)
        {
            board.Beat();
            world.Notices.Alive();
            if (_ending is null)
            {
                StartWhatIsDue();
                _staleness.Look(configuration.Current);
            }
            else if (_child is null) return _ending.Value;
            Show();
            await SleepAsync();
            await HearAsync();
            if (_child is { Ended.IsCompleted: true }) await FinishAsync(_child);
        }
    }

    private void StartWhatIsDue()
    {
        DateTimeOffset now = world.Time.GetUtcNow();
        IReadOnlyList<DueDecision> decisions = due.Look(now);
        foreach (DueDecision decision in decisions) Tell(decision);
        DueRun? run = due.Start(now);
        // Before the start: a time that is settled is never run twice, whatever kills us in between.
        if (run is not null || decisions.Count > 0) Remember();
        if (run is null) return;
        try
        {
            _child = world.Launcher.Start(configuration.ForRun(), "run", run.Schedule);
            _running = new RunningView(run.Schedule, run.Slot, now, _child.ProcessId);
            world.Terminal.Info($"{run.Schedule} begins (process {_child.ProcessId})");
        }
        catch (Exception e) when (e is OperationException or PosixException)
        {
            world.Terminal.Error($"{run.Schedule}: {e.Message}{(e is OperationException { Hint: { } hint } ? $"\n  → {hint}" : "")}");
            due.Finish((int)ExitCode.Failed, now);
            Remember();
        }
    }

    /// <summary>Until the next time, a signal, the end of a run, or the next sign of life is to be given.</summary>
    private async Task SleepAsync()
    {
        TimeSpan sleep = world.AliveInterval is { } alive && alive < LongestSleep ? alive : LongestSleep;
        if (_ending is null && due.Next is { } next && next - world.Time.GetUtcNow() is var left && left < sleep) sleep = left;
        // A timer counts whole milliseconds, and must not be early.
        sleep = TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(sleep.TotalMilliseconds)));
        using var woken = new CancellationTokenSource();
        Task timer = Task.Delay(sleep, world.Time, woken.Token), signal = world.Signals.WaitToReadAsync(woken.Token).AsTask();
        await Task.WhenAny(_child is null ? [timer, signal] : [timer, signal, _child.Ended]);
        await woken.CancelAsync();
    }

    /// <summary>However often it was asked meanwhile, it loads the configuration once: a storm of signals must not keep the loop from going round.</summary>
    private async Task HearAsync()
    {
        bool isToReload = false;
        while (world.Signals.TryRead(out AgentSignal signal))
        {
            if (signal == AgentSignal.Reload) isToReload = true;
            else End(signal);
        }
        if (isToReload && _ending is null) await ReloadAsync();
    }

    private void End(AgentSignal signal)
    {
        _ending ??= signal;
        world.Notices.Stopping();
        world.Terminal.Info(_running is null ? "the agent ends" : $"the agent ends as soon as {_running.Schedule} has brought back what it stopped");
        // Whoever asks again may mean it more than the run has understood.
        _child?.Terminate();
    }

    private async Task ReloadAsync()
    {
        world.Notices.Reloading();
        if (await configuration.ReloadAsync())
        {
            due.Replace(configuration.Schedules, world.Time.GetUtcNow());
            Remember();
            Backups.Forget();
        }
        Show();
        world.Notices.Ready();
    }

    private async Task FinishAsync(IChildRun child)
    {
        RunningView run = _running!;
        int exitCode = await child.Ended;
        child.Dispose();
        DateTimeOffset now = world.Time.GetUtcNow();
        (_child, _running) = (null, null);
        due.Finish(exitCode, now);
        Backups.Forget();
        Remember();
        string sentence = $"{run.Schedule} ended after {Duration.Format(now > run.Started ? now - run.Started : TimeSpan.Zero)} with {RunOutcome.Describe(exitCode)}";
        if (RunOutcome.Of(exitCode) == RunOutcome.Failed && _ending is null) world.Terminal.Error(sentence);
        else world.Terminal.Info(sentence);
    }

    private void Tell(DueDecision decision)
    {
        if (decision.Verdict is DueVerdict.BegunAnew or DueVerdict.PassedOver or DueVerdict.CatchUp) world.Terminal.Warn(decision.Sentence);
        else world.Terminal.Info(decision.Sentence);
    }

    /// <summary>That it cannot be remembered keeps nothing from being backed up.</summary>
    private void Remember()
    {
        try
        {
            file.Write(due.Memory);
        }
        catch (PosixException e)
        {
            world.Terminal.Error($"what has been run cannot be remembered: after a restart of the agent it may be run again: {e.Message}");
        }
    }

    private void Show()
    {
        var view = new AgentView
        {
            Began = _began,
            Configuration = configuration.View,
            Recovery = Recovery,
            IsEnding = _ending is not null,
            Running = _running,
            Queue = [.. due.Queue],
            Schedules = [.. due.Schedules.Select(schedule => new ScheduleView(schedule.Name, schedule.Settings.Cron, schedule.Settings.TimeZone.Id, schedule.Settings.CatchUp, due.NextOf(schedule.Name), due.LastRunOf(schedule.Name)))],
        };
        board.Show(view);
        world.Notices.Status(StatusLine.Of(view));
    }
}
