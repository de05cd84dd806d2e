using BackupTool.Operations.Configuration;
using BackupTool.Services.Profiles;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Replacing;

/// <summary>Finds who must be stopped for a replacement: those whose state is replaced and, before them, those that need them.</summary>
internal sealed class AffectedServices(BackupConfiguration configuration, IServiceManager manager)
{
    /// <summary>Finds them, and asks how they are now.</summary>
    /// <param name="replaced">Whose state is replaced.</param>
    /// <param name="identityOf">Which server a homeserver must be afterwards.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ServiceManagerException">systemd cannot be asked.</exception>
    internal async Task<IReadOnlyList<AffectedService>> FindAsync(IReadOnlyList<ServiceSettings> replaced, Func<ServiceSettings, ServerIdentity?> identityOf, CancellationToken cancellationToken)
    {
        HashSet<string> names = [.. replaced.Select(static service => service.Name)];
        var found = new List<AffectedService>();
        foreach (ServiceSettings service in configuration.Services)
        {
            bool isReplaced = names.Contains(service.Name);
            if (isReplaced || NeedsOneOf(service, names)) await AddAsync(found, service, isReplaced, isReplaced ? identityOf(service) : null, cancellationToken);
            // Nothing is done to it, but who needs it must not start before it is well.
            else if (replaced.Any(one => Needs(one, service.Name))) found.Add(await DescribeAsync(service, null, false, false, null, cancellationToken));
        }
        return found;
    }

    private async Task AddAsync(List<AffectedService> found, ServiceSettings service, bool isReplaced, ServerIdentity? identity, CancellationToken cancellationToken)
    {
        // The databases of a PostgreSQL server can be exchanged only while it runs.
        string? unit = ServiceProfiles.For(service.Kind) is PostgresProfile ? null : service.Unit;
        UnitState? state = unit is null ? null : (await manager.DescribeAsync([unit], cancellationToken))[0];
        if (!isReplaced && state is not { IsActive: true }) return;
        found.Add(await DescribeAsync(service, state is { IsLoaded: true } ? state.Name : unit, isReplaced, state is { IsActive: true }, identity, cancellationToken));
    }

    private async Task<AffectedService> DescribeAsync(ServiceSettings service, string? unit, bool isReplaced, bool wasActive, ServerIdentity? identity, CancellationToken cancellationToken) => new()
    {
        Name = service.Name,
        Unit = unit,
        IsReplaced = isReplaced,
        WasActive = wasActive,
        WasHealthy = (await new LiveCheck(service, unit ?? service.Unit, manager).AskAsync(cancellationToken)).IsHealthy,
        After = [.. service.After],
        HealthTimeoutSeconds = service.Health.Timeout.TotalSeconds,
        StopSeconds = service.StopTimeout.TotalSeconds,
        Probe = ProbeRecord.Of(LiveCheck.ProbeOf(service)),
        Identity = identity,
    };

    private bool NeedsOneOf(ServiceSettings service, HashSet<string> names) => names.Any(name => Needs(service, name));

    /// <summary>Whether a service needs another, by way of others, too.</summary>
    private bool Needs(ServiceSettings service, string name) =>
        service.After.Contains(name) || service.After.Any(next => configuration.Services.FirstOrDefault(other => other.Name == next) is { } other && Needs(other, name));
}
