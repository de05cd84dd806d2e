using BackupTool.Operations.Configuration;
using BackupTool.Operations.Health;
using BackupTool.Services.Health;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// Asks a service as its own configuration says at that moment: a replacement may bring another one, with another port. Where that cannot be read, it is asked as before; where it says nothing, its
/// unit is.
/// </summary>
internal sealed class LiveCheck(ServiceSettings settings, string? unit, IServiceManager manager, HealthProbe? before = null) : IHealthCheck
{
    /// <summary>What is asked besides the unit; null for nothing.</summary>
    internal static HealthProbe? ProbeOf(ServiceSettings settings, HealthProbe? before = null) => ServiceEndpoint.Find(settings) is { IsKnown: true } endpoint ? endpoint.Probe : before;

    /// <inheritdoc/>
    public Task<HealthAnswer> AskAsync(CancellationToken cancellationToken) =>
        HealthChecks.For(ProbeOf(settings, before), unit, manager) is { } check ? check.AskAsync(cancellationToken) : Task.FromResult(new HealthAnswer(true, false, "nothing to ask"));
}
