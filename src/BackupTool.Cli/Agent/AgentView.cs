using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;

namespace BackupTool.Cli.Agent;

/// <summary>What the agent's loop knows at one moment, for those who ask from other threads.</summary>
internal sealed record AgentView
{
    /// <summary>When the agent began.</summary>
    internal required DateTimeOffset Began { get; init; }

    /// <summary>The configuration.</summary>
    internal required ConfigurationView Configuration { get; init; }

    /// <summary>The exit code of the recovery at the start; null while it runs.</summary>
    internal int? Recovery { get; init; }

    /// <summary>Whether it is about to end.</summary>
    internal bool IsEnding { get; init; }

    /// <summary>What runs; null when nothing does.</summary>
    internal RunningView? Running { get; init; }

    /// <summary>What waits, the next first.</summary>
    internal IReadOnlyList<DueRun> Queue { get; init; } = [];

    /// <summary>The schedules, in the order of the configuration.</summary>
    internal IReadOnlyList<ScheduleView> Schedules { get; init; } = [];

    /// <summary>What is not well with the agent and with what it has started; empty when all is.</summary>
    internal IEnumerable<string> Problems()
    {
        if (Recovery is { } code && code is not ((int)ExitCode.Done or (int)ExitCode.Locked)) yield return $"the recovery at the start: {RunOutcome.Describe(code)}";
        foreach (ConfigurationProblem problem in Configuration.LeftOut) yield return $"left out until it is right: {problem}";
        foreach (ScheduleView schedule in Schedules)
            if (schedule.LastRun is { } run && schedule.Outcome(Running) is RunOutcome.Failed or RunOutcome.Interrupted)
                yield return $"{schedule.Name}: the run of {DueRuns.Shown(run.Slot)} {(run.ExitCode is { } exitCode ? $"ended with {RunOutcome.Describe(exitCode)}" : "was cut short, and nobody saw how it ended")}";
    }
}

/// <summary>The configuration that is in force, and the one that was refused.</summary>
/// <param name="File">The file.</param>
/// <param name="Loaded">When what is in force was read.</param>
/// <param name="Refused">When a later one was refused; null when none was.</param>
/// <param name="Problem">What is wrong with that one, with file and line.</param>
internal sealed record ConfigurationView(string File, DateTimeOffset Loaded, DateTimeOffset? Refused = null, string? Problem = null)
{
    /// <summary>What is wrong with schedules and channels without which the agent has begun.</summary>
    internal IReadOnlyList<ConfigurationProblem> LeftOut { get; init; } = [];
}

/// <summary>A run under way.</summary>
internal sealed record RunningView(string Schedule, DateTimeOffset Slot, DateTimeOffset Started, int ProcessId);

/// <summary>A schedule.</summary>
internal sealed record ScheduleView(string Name, string Cron, string TimeZone, bool CatchUp, DateTimeOffset? Next, LastRun? LastRun)
{
    /// <summary>How its last run ended, in a word: see <see cref="RunOutcome"/>.</summary>
    internal string Outcome(RunningView? running) =>
        LastRun is null ? RunOutcome.None : LastRun.ExitCode is { } code ? RunOutcome.Of(code) : running?.Schedule == Name ? RunOutcome.Running : RunOutcome.Interrupted;
}

/// <summary>The latest view, and when the loop was last seen to go round. Thread-safe.</summary>
/// <param name="time">The clock.</param>
/// <param name="stuckAfter">A loop that does not go round for so long is stuck.</param>
internal sealed class AgentBoard(TimeProvider time, TimeSpan stuckAfter)
{
    private AgentView? _view;
    private long _beat = time.GetTimestamp();

    /// <summary>The clock.</summary>
    internal TimeProvider Time => time;

    /// <summary>The latest; null before the first.</summary>
    internal AgentView? View => Volatile.Read(ref _view);

    /// <summary>How long ago the loop went round.</summary>
    internal TimeSpan BeatAge => time.GetElapsedTime(Volatile.Read(ref _beat));

    /// <summary>Whether the loop does not go round any more.</summary>
    internal bool IsStuck => BeatAge > stuckAfter;

    /// <summary>The loop goes round.</summary>
    internal void Beat() => Volatile.Write(ref _beat, time.GetTimestamp());

    /// <summary>Others see it from now on.</summary>
    internal void Show(AgentView view) => Volatile.Write(ref _view, view);
}
