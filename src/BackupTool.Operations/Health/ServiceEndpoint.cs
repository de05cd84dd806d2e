using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Profiles;

namespace BackupTool.Operations.Health;

/// <summary>Where a service answers, as the operator or its own configuration says at that moment.</summary>
/// <param name="Probe">How to ask; null: nothing but its unit.</param>
/// <param name="IsKnown">False when its configuration could not be read: that nothing is asked is then no verdict.</param>
/// <param name="Problem">What is wrong with its state or configuration, as a sentence; null for nothing.</param>
internal readonly record struct ServiceEndpoint(HealthProbe? Probe, bool IsKnown, string? Problem)
{
    /// <summary>Finds it. A database that is missing or empty (a wiped one, for a moment) hides nothing: an active unit is not yet a service that answers.</summary>
    internal static ServiceEndpoint Find(ServiceSettings service)
    {
        if (service.Health.IsUnitOnly || service.Health.Probe is not null) return new(service.Health.Probe, true, null);
        // Plain files listen nowhere, and whether they are there is the backup's to say.
        ServiceProfile? profile = ServiceProfiles.For(service.Kind);
        if (profile is null or FilesProfile) return new(null, true, null);
        try
        {
            return new(profile.Describe(service.ToFacts(), static _ => { }).Health, true, null);
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            return FindDespite(e, profile, service.ToFacts() with { AcceptsDamage = true });
        }
    }

    private static ServiceEndpoint FindDespite(Exception damage, ServiceProfile profile, ServiceFacts facts)
    {
        try
        {
            return new(profile.Describe(facts, static _ => { }).Health, true, $"its state is not whole: {damage.Message}");
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            return new(null, false, $"its endpoint is not known: {e.Message}");
        }
    }
}
