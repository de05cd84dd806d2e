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

    /// <summary>How often systemd restarted it by itself.</summary>
    public int Restarts { get; init; }

    /// <summary><c>running</c>, <c>frozen</c>, <c>freezing</c>, <c>thawing</c>.</summary>
    public string FreezerState { get; init; } = "";

    /// <summary>Whether its processes can be frozen.</summary>
    public bool CanFreeze { get; init; }

    /// <summary>Sockets, timers and paths that start it.</summary>
    public IReadOnlyList<string> TriggeredBy { get; init; } = [];

    /// <summary>Units that stop with it: those that require it (<c>RequiredBy</c>), are bound to it (<c>BoundBy</c>) or are part of it (<c>ConsistsOf</c>).</summary>
    public IReadOnlyList<string> StopsWithIt { get; init; } = [];

    /// <summary>Units that start it again whenever it is down.</summary>
    public IReadOnlyList<string> UpheldBy { get; init; } = [];

    /// <summary>Units that are ordered before it, as far as systemd knows.</summary>
    public IReadOnlyList<string> After { get; init; } = [];

    /// <summary>systemd can act on it.</summary>
    public bool IsLoaded => LoadState == "loaded";

    /// <summary>It runs, or is on its way to: what must be so again afterwards.</summary>
    public bool IsActive => ActiveState is "active" or "reloading" or "refreshing" or "activating";
}
