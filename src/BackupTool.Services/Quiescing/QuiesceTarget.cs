using BackupTool.Services.Health;

namespace BackupTool.Services.Quiescing;

/// <summary>A service of our configuration, and how it is to be brought to rest.</summary>
public sealed record QuiesceTarget
{
    /// <summary>Its name in our configuration.</summary>
    public required string Name { get; init; }

    /// <summary>Its unit; null for state that no unit keeps.</summary>
    public string? Unit { get; init; }

    /// <summary>What is done to it.</summary>
    public required QuiesceMode Mode { get; init; }

    /// <summary>Names of the services that must be healthy before it is started; it is stopped before them. Names that are not in the plan mean nothing.</summary>
    public IReadOnlyList<string> After { get; init; } = [];

    /// <summary>Asked again and again until it is healthy.</summary>
    public required IHealthCheck Health { get; init; }

    /// <summary>What <see cref="Health"/> asks, for the restart journal: a recovery has no configuration. Null when only the unit's state is asked.</summary>
    public HealthProbe? Probe { get; init; }

    /// <summary>How long it may take to become healthy after its start.</summary>
    public TimeSpan HealthTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long it may take to stop before it is killed.</summary>
    public TimeSpan StopPatience { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Whether it was healthy before anything was stopped. One that was not keeps no other waiting.</summary>
    public bool WasHealthy { get; init; } = true;

    /// <summary>
    /// Its unit is to be up after the window, though it is down or has failed when that is entered: a restore brings a broken service back. Its start is owed from before the first stop,
    /// and what needs it waits until it is healthy, whatever <see cref="WasHealthy"/> says. Only with <see cref="QuiesceMode.Stop"/>.
    /// </summary>
    public bool StartsInAnyCase { get; init; }

    /// <summary>What it is started on in any case was no good before either: nobody waits until it is healthy.</summary>
    public bool MayBeUnwell { get; init; }

    /// <summary>Whether it is to be healthy afterwards: others wait for it, and it has its whole <see cref="HealthTimeout"/>.</summary>
    internal bool MustBeHealthy => WasHealthy || (StartsInAnyCase && !MayBeUnwell);
}

/// <summary>Why a plan cannot be carried out. Found before anything is stopped.</summary>
/// <param name="Service">The service, as configured.</param>
/// <param name="Message">What is wrong, as a sentence.</param>
/// <param name="Hint">What to do.</param>
public sealed record QuiesceProblem(string Service, string Message, string Hint);
