namespace BackupTool.Services.Systemd;

/// <summary>What systemd says of a unit at one moment. Names and values are systemd's own (org.freedesktop.systemd1(5)).</summary>
public sealed record UnitState
{
    /// <summary>The unit's primary name, <c>maubot.service</c>: aliases and missing suffixes are resolved.</summary>
    public required string Name { get; init; }

    /// <summary><c>loaded</c>, <c>not-found</c>, <c>masked</c>, <c>bad-setting</c>, <c>error</c>.</summary>
    public required string LoadState { get; init; }

    /// <summary><c>active</c>, <c>reloading</c>, <c>inactive</c>, <c>failed</c>, <c>activating</c>, <c>deactivating</c>.</summary>
    public required string ActiveState { get; init; }

    /// <summary><c>running</c>, <c>exited</c>, <c>auto-restart</c>, <c>listening</c>, …</summary>
    public string SubState { get; init; } = "";

    /// <summary>How its last run ended: <c>success</c>, <c>timeout</c> (killed), <c>signal</c>, <c>exit-code</c>, <c>oom-kill</c>, <c>watchdog</c>, … Empty for units that have none.</summary>
    public string Result { get; init; } = "";

    /// <summary>0 when there is none.</summary>
    public int MainPid { get; init; }

    /// <summary>Changes with every start: the same id before and after means that it was never restarted.</summary>
    public string InvocationId { get; init; } = "";

    /// <summary>How often systemd restarted it by itself. Counted when it decides to (<c>activating</c>, <c>auto-restart</c>), before the next run has its own <see cref="InvocationId"/>.</summary>
    public int Restarts { get; init; }

    /// <summary>
    /// <c>running</c>, <c>frozen</c>, <c>freezing</c>, <c>thawing</c>; newer versions add <c>frozen-by-parent</c> and its like. What systemd remembers, not what the kernel says: a unit that
    /// was killed while frozen and started again is called frozen and runs. Freezing and thawing ask the kernel.
    /// </summary>
    public string FreezerState { get; init; } = "";

    /// <summary>Whether this kind of unit can be frozen here (cgroup version 2). It must be <c>active</c>, besides.</summary>
    public bool CanFreeze { get; init; }

    /// <summary>It cannot be started by hand (RefuseManualStart=).</summary>
    public bool RefusesStart { get; init; }

    /// <summary>It cannot be stopped by hand (RefuseManualStop=).</summary>
    public bool RefusesStop { get; init; }

    /// <summary>It was made by <c>systemd-run</c> or its like: when it has stopped, it is gone.</summary>
    public bool IsTransient { get; init; }

    /// <summary>How long it may be silent before systemd ends it (WatchdogSec=); null when it is not watched. Freezing does not stop this clock: freeze for less than half of it.</summary>
    public TimeSpan? Watchdog { get; init; }

    /// <summary>Sockets, timers and paths that start it. As with the other lists: direct ones only, and only those whose own units systemd has loaded; all that are active are.</summary>
    public IReadOnlyList<string> TriggeredBy { get; init; } = [];

    /// <summary>
    /// Units that stop with it: those that require it (<c>RequiredBy</c>, <c>RequisiteOf</c>), are bound to it (<c>BoundBy</c>), are part of it (<c>ConsistsOf</c>) or say so
    /// (<c>PropagatesStopTo</c>). None of them is started with it again.
    /// </summary>
    public IReadOnlyList<string> StopsWithIt { get; init; } = [];

    /// <summary>Units that start it again whenever it is down.</summary>
    public IReadOnlyList<string> UpheldBy { get; init; } = [];

    /// <summary>Units that are ordered before it, as far as systemd knows.</summary>
    public IReadOnlyList<string> After { get; init; } = [];

    /// <summary>Units that are started with it when they are down, and so on from each of those, whether it is up or not.</summary>
    public IReadOnlyList<string> PullsIn { get; init; } = [];

    /// <summary>It is down whenever nobody needs it: a oneshot that leaves nothing behind, or one that systemd stops when it is not needed. That it is down is nobody's wish.</summary>
    public bool IsPassing { get; init; }

    /// <summary>How long its start may take before systemd gives up; null for ever.</summary>
    public TimeSpan? StartTimeout { get; init; }

    /// <summary>systemd can act on it.</summary>
    public bool IsLoaded => LoadState == "loaded";

    /// <summary>It runs, or is on its way to: what must be so again afterwards.</summary>
    public bool IsActive => ActiveState is "active" or "reloading" or "refreshing" or "activating";
}
