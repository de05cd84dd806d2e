using BackupTool.Operations.Configuration;
using BackupTool.Services.Health;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Health;

/// <summary>
/// Asks every configured service whether it is well: its unit's state, its endpoint, and what its journal holds of errors. All at once; nothing is changed.
/// </summary>
public sealed class HealthRun(BackupConfiguration configuration, IServiceManager manager, TimeProvider time)
{
    private const int MaxErrors = 100;

    /// <summary>Asks.</summary>
    /// <exception cref="UnknownServiceException">The request names a service that the configuration does not know.</exception>
    public async Task<HealthReport> RunAsync(HealthRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        DateTimeOffset now = time.GetUtcNow(), since = now - request.JournalSince;
        ServiceHealth[] services = await Task.WhenAll(Choose(request.Services).Select(service => Task.Run(() => AskAsync(service, since, cancellationToken), cancellationToken)));
        return new HealthReport(now, since, services);
    }

    private async Task<ServiceHealth> AskAsync(ServiceSettings service, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var findings = new List<string>();
        (HealthProbe? probe, bool isEndpointKnown, string? problem) = ServiceEndpoint.Find(service);
        if (problem is not null) findings.Add(problem);
        Task<HealthAnswer?> asking = AskAsync(probe, cancellationToken);
        (UnitState? state, HealthAnswer? unit) = await AskUnitAsync(service.Unit, cancellationToken);
        HealthAnswer? endpoint = await asking;
        IReadOnlyList<JournalLine>? errors = state is { IsLoaded: true } ? await ReadErrorsAsync(state.Name, since, findings, cancellationToken) : null;

        (HealthVerdict verdict, string reason) = Judge(state, unit, endpoint, isEndpointKnown ? null : problem);
        return new ServiceHealth
        {
            Name = service.Name,
            Kind = service.Kind,
            Unit = service.Unit,
            State = state,
            Probe = probe,
            Endpoint = endpoint,
            Verdict = verdict,
            Reason = reason,
            Errors = errors is { Count: > MaxErrors } ? [.. errors.TakeLast(MaxErrors)] : errors,
            HasMoreErrors = errors is { Count: > MaxErrors },
            Findings = findings,
        };
    }

    private static async Task<HealthAnswer?> AskAsync(HealthProbe? probe, CancellationToken cancellationToken) =>
        probe is null ? null : await HealthChecks.For(probe).AskAsync(cancellationToken);

    private async Task<(UnitState? State, HealthAnswer? Answer)> AskUnitAsync(string? unit, CancellationToken cancellationToken)
    {
        if (unit is null) return (null, null);
        try
        {
            UnitState state = (await manager.DescribeAsync([unit], cancellationToken))[0];
            return (state, UnitCheck.Judge(state));
        }
        catch (ServiceManagerException e)
        {
            return (null, new HealthAnswer(false, false, $"the state of {unit} is not known: {e.Message}"));
        }
    }

    private async Task<IReadOnlyList<JournalLine>?> ReadErrorsAsync(string unit, DateTimeOffset since, List<string> findings, CancellationToken cancellationToken)
    {
        try
        {
            return await manager.ReadJournalAsync(unit, new JournalQuery(MaxErrors + 1, since, ErrorsOnly: true), cancellationToken);
        }
        catch (ServiceManagerException e)
        {
            findings.Add($"its journal cannot be read: {e.Message}");
            return null;
        }
    }

    private static (HealthVerdict Verdict, string Reason) Judge(UnitState? state, HealthAnswer? unit, HealthAnswer? endpoint, string? silence)
    {
        if (unit is { IsHealthy: false }) return (state is null ? HealthVerdict.Unknown : HealthVerdict.NotHealthy, unit.Reason);
        if (endpoint is { IsHealthy: false }) return (HealthVerdict.NotHealthy, endpoint.Reason);
        if (unit is null && endpoint is null)
            return silence is null ? (HealthVerdict.NothingToAsk, "it has neither a unit nor an endpoint that could be asked") : (HealthVerdict.Unknown, silence);
        return (HealthVerdict.Healthy, string.Join("; ", new[] { unit?.Reason, endpoint?.Reason }.OfType<string>()));
    }

    private IReadOnlyList<ServiceSettings> Choose(IReadOnlyList<string> names)
    {
        if (names.Count == 0) return configuration.Services;
        string? unknown = names.FirstOrDefault(name => configuration.Services.All(service => service.Name != name));
        if (unknown is not null)
            throw new UnknownServiceException($"There is no service '{unknown}' in {configuration.File}.", $"It has: {string.Join(", ", configuration.Services.Select(static service => service.Name))}.");
        return [.. configuration.Services.Where(service => names.Contains(service.Name))];
    }
}
