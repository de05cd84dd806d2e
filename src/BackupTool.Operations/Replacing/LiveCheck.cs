using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Profiles;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// Asks a service as its own configuration says at that moment: a replacement may bring another one, with another port. Where that says nothing, its unit is asked.
/// </summary>
internal sealed class LiveCheck(ServiceSettings settings, string? unit, IServiceManager manager) : IHealthCheck
{
    /// <summary>What is asked besides the unit; null for nothing.</summary>
    internal static HealthProbe? ProbeOf(ServiceSettings settings)
    {
        if (settings.Health.IsUnitOnly || settings.Health.Probe is not null) return settings.Health.Probe;
        try
        {
            return ServiceProfiles.For(settings.Kind)?.Describe(settings.ToFacts(), static _ => { }).Health;
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            return null;   // what is broken is what is being replaced
        }
    }

    /// <inheritdoc/>
    public Task<HealthAnswer> AskAsync(CancellationToken cancellationToken) =>
        HealthChecks.For(ProbeOf(settings), unit, manager) is { } check ? check.AskAsync(cancellationToken) : Task.FromResult(new HealthAnswer(true, false, "nothing to ask"));
}
