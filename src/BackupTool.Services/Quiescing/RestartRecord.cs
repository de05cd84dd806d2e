using System.Text.Json;
using System.Text.Json.Serialization;
using BackupTool.Services.Health;

namespace BackupTool.Services.Quiescing;

/// <summary>
/// What the restart journal says: all that is needed to bring back what was stopped, without the configuration. A change to these shapes is a new
/// <see cref="FormatVersion"/>.
/// </summary>
internal sealed record RestartRecord
{
    internal const int CurrentVersion = 1;

    /// <summary>1.</summary>
    public required int FormatVersion { get; init; }

    /// <summary>/proc/sys/kernel/random/boot_id: after a reboot nothing is frozen, and invocation ids mean nothing.</summary>
    public required string BootId { get; init; }

    /// <summary>When it was first written, in UTC.</summary>
    public required DateTimeOffset WrittenAt { get; init; }

    /// <summary>Who stopped the units: for people.</summary>
    public required int ProcessId { get; init; }

    /// <summary>The units that were active, and those that are to be up in any case, in the order of starting.</summary>
    public required OwedUnit[] Units { get; init; }

    /// <summary>The services that others wait for, and those of the units.</summary>
    public required AwaitedService[] Services { get; init; }

    internal bool IsAnythingOwed => Units.Any(static unit => unit.IsOwed);

    /// <summary>This, with units that are owed no more because they are to stay down: nobody waits for what lives in them.</summary>
    internal RestartRecord Without(IReadOnlySet<string> units) => this with
    {
        Units = [.. Units.Select(unit => units.Contains(unit.Unit) ? unit with { IsOwed = false } : unit)],
        Services = [.. Services.Select(service => service.LivesIn is { } unit && units.Contains(unit) ? service with { WasHealthy = false } : service)],
    };

    internal byte[] Serialize() => [.. JsonSerializer.SerializeToUtf8Bytes(this, RestartJson.Default.RestartRecord), (byte)'\n'];

    /// <summary>Reads one; null, and why, when it is not one of this version.</summary>
    internal static RestartRecord? Parse(byte[] content, out string problem)
    {
        try
        {
            RestartRecord? record = JsonSerializer.Deserialize(content, RestartJson.Default.RestartRecord);
            problem = record?.FindProblem() ?? "";
            if (record is null) problem = "it is null";
            return problem.Length == 0 ? record : null;
        }
        catch (JsonException e)
        {
            problem = e.Message;
            return null;
        }
    }

    /// <summary>What is wrong with it; null when nothing is. Whoever waits for himself would wait for ever.</summary>
    internal string? FindProblem()
    {
        if (FormatVersion != CurrentVersion) return $"it has format {FormatVersion}, and this version reads {CurrentVersion}";
        if (Units.Select(static u => u.Unit).Distinct().Count() != Units.Length || Services.Select(static s => s.Name).Distinct().Count() != Services.Length) return "a name is in it twice";
        if (Units.Any(static unit => unit.Unit.Length == 0 || unit.Mode == QuiesceMode.Online)) return "a unit is malformed";
        if (Services.Any(static service => !double.IsFinite(service.HealthTimeoutSeconds) || service.HealthTimeoutSeconds is < 0 or > 1e7)) return "a timeout is malformed";
        if (Services.Any(static service => service.Probe is { } probe && probe.ToProbe() is null)) return "a health probe is malformed";
        var order = new UnitGraph();
        foreach (OwedUnit unit in Units)
            foreach (string before in unit.RequiresUnits.Concat(unit.OrderedAfterUnits).Concat(unit.WaitsForServices.Select(Node)))
                if (!order.TryOrder(before, unit.Unit)) return $"{unit.Unit} waits for itself";
        foreach (AwaitedService service in Services)
            foreach (string before in service.After.Select(Node))
                if (!order.TryOrder(before, Node(service.Name)) && before != Node(service.Name)) return $"'{service.Name}' waits for itself";
        return null;
    }

    private string Node(string service) =>
        Services.FirstOrDefault(known => known.Name == service)?.LivesIn is { } unit && Units.Any(owed => owed.Unit == unit) ? unit : $"service/{service}";
}

/// <summary>A unit that must be as it was.</summary>
internal sealed record OwedUnit
{
    /// <summary>Its primary name.</summary>
    public required string Unit { get; init; }

    /// <summary>What was done to it: <c>Stop</c> or <c>Freeze</c>.</summary>
    public required QuiesceMode Mode { get; init; }

    /// <summary>False once it is back; it stays here for those that wait for it.</summary>
    public required bool IsOwed { get; init; }

    /// <summary>Its invocation while it was down: another one later means that somebody else has started it since. Null until it is down.</summary>
    public string? StoppedInvocation { get; init; }

    /// <summary>As <see cref="PlannedUnit.WaitsForServices"/>.</summary>
    public required string[] WaitsForServices { get; init; }

    /// <summary>As <see cref="PlannedUnit.RequiresUnits"/>.</summary>
    public required string[] RequiresUnits { get; init; }

    /// <summary>As <see cref="PlannedUnit.OrderedAfterUnits"/>.</summary>
    public required string[] OrderedAfterUnits { get; init; }
}

/// <summary>A service and how it is asked whether it is healthy.</summary>
internal sealed record AwaitedService
{
    /// <summary>Its name in the configuration.</summary>
    public required string Name { get; init; }

    /// <summary>Its unit.</summary>
    public string? LivesIn { get; init; }

    /// <summary>Whether it was healthy before, or is brought back from being broken and must be so; one that was not, and need not, keeps nobody waiting.</summary>
    public required bool WasHealthy { get; init; }

    /// <summary>How long it may take.</summary>
    public required double HealthTimeoutSeconds { get; init; }

    /// <summary>Services that it needs.</summary>
    public required string[] After { get; init; }

    /// <summary>What is asked besides the unit's state.</summary>
    public ProbeRecord? Probe { get; init; }
}

/// <summary>A <see cref="HealthProbe"/> as it is written down. The members of one of them are set.</summary>
public sealed record ProbeRecord
{
    /// <summary>Of <see cref="HttpProbe"/>.</summary>
    public Uri? Url { get; init; }

    /// <summary>Of <see cref="HttpProbe"/>.</summary>
    public int[]? ExpectedCodes { get; init; }

    /// <summary>Of <see cref="TcpProbe"/>.</summary>
    public string? Host { get; init; }

    /// <summary>Of <see cref="TcpProbe"/>.</summary>
    public int? Port { get; init; }

    /// <summary>Of <see cref="CommandProbe"/>.</summary>
    public string[]? Command { get; init; }

    /// <summary>Of a probe; null of none.</summary>
    public static ProbeRecord? Of(HealthProbe? probe) => probe switch
    {
        null => null,
        HttpProbe http => new ProbeRecord { Url = http.Url, ExpectedCodes = [.. http.ExpectedCodes] },
        TcpProbe tcp => new ProbeRecord { Host = tcp.Host, Port = tcp.Port },
        CommandProbe command => new ProbeRecord { Command = [.. command.Command] },
        _ => throw new ArgumentOutOfRangeException(nameof(probe), probe, "A probe of an unknown kind."),
    };

    /// <summary>The probe; null when it is malformed.</summary>
    public HealthProbe? ToProbe() => this switch
    {
        { Url: { IsAbsoluteUri: true } url, ExpectedCodes: { Length: > 0 } codes, Host: null, Port: null, Command: null } => new HttpProbe(url, codes),
        { Host: { } host, Port: > 0 and <= 65535 and int port, Url: null, ExpectedCodes: null, Command: null } => new TcpProbe(host, port),
        { Command: { Length: > 0 } command, Url: null, ExpectedCodes: null, Host: null, Port: null } => new CommandProbe(command),
        _ => null,
    };
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, UseStringEnumConverter = true, NewLine = "\n",
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(RestartRecord))]
internal sealed partial class RestartJson : JsonSerializerContext;
