using BackupTool.Services.Systemd;

namespace BackupTool.Services.Health;

/// <summary>Makes the check that a service needs.</summary>
public static class HealthChecks
{
    /// <summary>The unit first, then the probe, as far as there are such; null when there is nothing to ask.</summary>
    public static IHealthCheck? For(HealthProbe? probe, string? unit, IServiceManager manager)
    {
        IHealthCheck? endpoint = probe is null ? null : For(probe);
        if (unit is null) return endpoint;
        var state = new UnitCheck(unit, manager);
        return endpoint is null ? state : new CombinedCheck(state, endpoint);
    }

    /// <summary>The check of a probe alone.</summary>
    public static IHealthCheck For(HealthProbe probe) => probe switch
    {
        HttpProbe http => new HttpCheck(http),
        TcpProbe tcp => new TcpCheck(tcp),
        CommandProbe command => new CommandCheck(command),
        _ => throw new ArgumentException($"Nothing knows how to ask {probe}.", nameof(probe)),
    };
}
