using BackupTool.Services.Health;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Health;

/// <summary>What is to be asked.</summary>
public sealed record HealthRequest
{
    /// <summary>Names of services; empty for all.</summary>
    public IReadOnlyList<string> Services { get; init; } = [];

    /// <summary>How far back the journals are searched for errors.</summary>
    public TimeSpan JournalSince { get; init; } = TimeSpan.FromMinutes(5);
}

/// <summary>What is to be thought of a service.</summary>
public enum HealthVerdict
{
    /// <summary>Everything that was asked said so.</summary>
    Healthy,
    /// <summary>Something that was asked said otherwise.</summary>
    NotHealthy,
    /// <summary>What should have been asked could not be: as bad as not healthy.</summary>
    Unknown,
    /// <summary>The configuration names neither unit nor endpoint, and the service's own says nothing.</summary>
    NothingToAsk,
}

/// <summary>What a service answered.</summary>
public sealed record ServiceHealth
{
    /// <summary>Its name in the configuration.</summary>
    public required string Name { get; init; }

    /// <summary>Its kind, as configured.</summary>
    public required string Kind { get; init; }

    /// <summary>Its unit, as configured; null when there is none.</summary>
    public string? Unit { get; init; }

    /// <summary>What systemd says of the unit; null when there is none, or systemd could not be asked.</summary>
    public UnitState? State { get; init; }

    /// <summary>What was asked besides the unit; null when nothing was.</summary>
    public HealthProbe? Probe { get; init; }

    /// <summary>What the probe came to; null when there is none.</summary>
    public HealthAnswer? Endpoint { get; init; }

    /// <summary>What is to be thought of it.</summary>
    public required HealthVerdict Verdict { get; init; }

    /// <summary>Why, in a sentence without its full stop.</summary>
    public required string Reason { get; init; }

    /// <summary>Lines of priority err and worse in its unit's journal, oldest first; null when the journal was not read.</summary>
    public IReadOnlyList<JournalLine>? Errors { get; init; }

    /// <summary>There are more such lines, older than these.</summary>
    public bool HasMoreErrors { get; init; }

    /// <summary>What could not be found out.</summary>
    public IReadOnlyList<string> Findings { get; init; } = [];
}

/// <summary>What all services answered.</summary>
/// <param name="Time">When they were asked.</param>
/// <param name="JournalSince">From when on the journals were searched.</param>
/// <param name="Services">In the order of the configuration.</param>
public sealed record HealthReport(DateTimeOffset Time, DateTimeOffset JournalSince, IReadOnlyList<ServiceHealth> Services)
{
    /// <summary>No service is unwell, and none could not be asked.</summary>
    public bool IsHealthy => Services.All(static service => service.Verdict is HealthVerdict.Healthy or HealthVerdict.NothingToAsk);

    /// <summary>There are errors in a journal, or something could not be found out.</summary>
    public bool HasWarnings => Services.Any(static service => service.Errors?.Count > 0 || service.Findings.Count > 0);
}
