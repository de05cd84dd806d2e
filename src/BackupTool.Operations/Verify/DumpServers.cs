using BackupTool.Operations.Configuration;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Verify;

/// <summary>Where the dumps of a service can be tried: on the server that they came from, as the present configuration says.</summary>
public static class DumpServers
{
    /// <summary>A database of that server; of this machine's own, when nothing says another.</summary>
    /// <param name="configuration">What is configured now; null without one.</param>
    /// <param name="service">A service of a snapshot, which need not be configured any more.</param>
    public static PostgresTarget Find(BackupConfiguration? configuration, string service)
    {
        var usual = PostgresTarget.Of("postgres", new PostgresAccess(null, null, null, null, null));
        if (configuration?.Services.FirstOrDefault(each => each.Name == service) is not { } settings) return usual;
        if (settings.ToFacts().Postgres is { } access) return PostgresTarget.Of("postgres", access);
        try
        {
            ServiceLayout? layout = ServiceProfiles.For(settings.Kind)?.Describe(settings.ToFacts(), static _ => { });
            // Who has a password may not know the database `postgres`, but its own.
            return layout?.PostgresDatabases is not [var own, ..] ? usual : own.Password is null ? own with { Database = "postgres" } : own;
        }
        catch (ExplainedException)
        {
            return usual;   // a service that is broken by now must not keep its earlier dumps from being tried
        }
    }
}
