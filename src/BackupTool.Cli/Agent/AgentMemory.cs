using System.Text.Json.Serialization;

namespace BackupTool.Cli.Agent;

/// <summary>What outlives the agent: <c>agent.json</c> of the state directory.</summary>
internal sealed record AgentMemory
{
    internal const int CurrentVersion = 1;

    /// <summary>The version of this shape.</summary>
    public required int Version { get; init; }

    /// <summary>By name.</summary>
    public required SortedDictionary<string, ScheduleMemory> Schedules { get; init; }

    /// <summary>Nothing is remembered.</summary>
    internal static AgentMemory Empty => new() { Version = CurrentVersion, Schedules = new SortedDictionary<string, ScheduleMemory>(StringComparer.Ordinal) };
}

/// <summary>What is remembered of a schedule.</summary>
internal sealed record ScheduleMemory
{
    /// <summary>Its newest time that is settled: a run was started for it, or it was passed over. Only later ones are due.</summary>
    public required DateTimeOffset LastSlot { get; init; }

    /// <summary>A time later than that which is settled all the same: the clock has gone back since. Null when it has not.</summary>
    public DateTimeOffset? SettledAhead { get; init; }

    /// <summary>What its times came of then.</summary>
    public required string Times { get; init; }

    /// <summary>Its last run; null when the agent has started none.</summary>
    public LastRun? LastRun { get; init; }
}

/// <summary>A run that the agent started.</summary>
internal sealed record LastRun
{
    /// <summary>The time for which it was started.</summary>
    public required DateTimeOffset Slot { get; init; }

    /// <summary>When it was started.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>When it ended; null while it runs, and for ever when the agent was killed meanwhile.</summary>
    public DateTimeOffset? Finished { get; init; }

    /// <summary>How; null as long as it has not, or nobody was there to see it.</summary>
    public int? ExitCode { get; init; }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(AgentMemory))]
internal sealed partial class AgentMemoryJson : JsonSerializerContext;
