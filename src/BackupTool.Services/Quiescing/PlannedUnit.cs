namespace BackupTool.Services.Quiescing;

/// <summary>Why a unit is in a plan.</summary>
public enum UnitRole
{
    /// <summary>Services of our configuration live in it.</summary>
    Service,
    /// <summary>A socket, timer or path that would start one of them in the window.</summary>
    Trigger,
    /// <summary>It stops with another, and systemd would not start it again.</summary>
    Dependent,
    /// <summary>It would start another again at once (<c>Upholds=</c>).</summary>
    Upholder,
}

/// <summary>A unit that is stopped and started, or frozen and thawed.</summary>
public sealed record PlannedUnit
{
    /// <summary>Its primary name.</summary>
    public required string Unit { get; init; }

    /// <summary>Why it is here.</summary>
    public required UnitRole Role { get; init; }

    /// <summary><see cref="QuiesceMode.Stop"/> or <see cref="QuiesceMode.Freeze"/>.</summary>
    public required QuiesceMode Mode { get; init; }

    /// <summary>The services that live in it; none when it is only stopped along.</summary>
    public required IReadOnlyList<string> Services { get; init; }

    /// <summary>Units of the same number are stopped together, lower ones first. 0 for frozen ones: they come after all stops.</summary>
    public required int StopLevel { get; init; }

    /// <summary>How long it may take to stop.</summary>
    public required TimeSpan StopPatience { get; init; }

    /// <summary>Services that must be healthy before it is started.</summary>
    public required IReadOnlyList<string> WaitsForServices { get; init; }

    /// <summary>Units that its start would start, too: it is held back until they run.</summary>
    public required IReadOnlyList<string> RequiresUnits { get; init; }

    /// <summary>Units whose start is tried before its own, whatever becomes of it.</summary>
    public required IReadOnlyList<string> OrderedAfterUnits { get; init; }

    /// <summary>Why it is stopped, for people.</summary>
    public required string Reason { get; init; }
}

/// <summary>What is meant to happen to a service.</summary>
/// <param name="Target">The service.</param>
/// <param name="Unit">Its unit's primary name.</param>
/// <param name="Mode">What is done to it. A service that is configured otherwise is stopped all the same where its unit stops with another.</param>
/// <param name="Expected">What its cut will be if all goes well.</param>
/// <param name="Notes">What an operator should know of it beforehand.</param>
public sealed record PlannedService(QuiesceTarget Target, string? Unit, QuiesceMode Mode, CopyKind Expected, IReadOnlyList<string> Notes);

/// <summary>One thing that is done, in order.</summary>
/// <param name="Unit">The unit; null for the cut itself and for services without one.</param>
/// <param name="Sentence">What is done and why.</param>
/// <param name="IsCut">It is the cut itself, of which there is one: everything is at rest that is to be.</param>
public sealed record PlanStep(string? Unit, string Sentence, bool IsCut = false);
