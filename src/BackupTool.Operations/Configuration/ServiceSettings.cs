using BackupTool.Operations.Sanity;
using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Profiles;
using BackupTool.Services.Profiles.Toml;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Configuration;

/// <summary><c>[service.NAME]</c></summary>
public sealed record ServiceSettings
{
    /// <summary>Lower-case letters, digits and hyphens.</summary>
    public required string Name { get; init; }

    /// <summary>As configured: a profile's kind or one of its aliases.</summary>
    public required string Kind { get; init; }

    /// <summary>The systemd unit; null when the file does not say.</summary>
    public string? Unit { get; init; }

    /// <summary>Names of the services that this one needs. All exist; there are no cycles.</summary>
    public IReadOnlyList<string> After { get; init; } = [];

    /// <summary>The service's own configuration file, absolute; null for the usual places.</summary>
    public BytePath? ConfigFile { get; init; }

    /// <summary>Where its data are, absolute.</summary>
    public IReadOnlyList<BytePath> DataPaths { get; init; } = [];

    /// <summary>What to leave out, relative to each root of the service.</summary>
    public IReadOnlyList<Glob> Exclude { get; init; } = [];

    /// <summary>What is done to it while its state is cut. What stops or freezes has a <see cref="Unit"/>.</summary>
    public QuiesceMode Quiesce { get; init; }

    /// <summary>How long a stop may take before the service is killed.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Whether its databases are pinned in the window and copied after it; false for a service whose start needs its database alone: copied inside the window.</summary>
    public bool Pin { get; init; } = true;

    /// <summary>How it is asked for its health.</summary>
    public HealthSettings Health { get; init; } = new();

    /// <summary>The PostgreSQL databases to dump, for the kind <c>postgres</c>; empty for all but the templates.</summary>
    public IReadOnlyList<string> Databases { get; init; } = [];

    /// <summary>How its PostgreSQL databases are reached; null for what the service's own configuration says.</summary>
    public PostgresOverride? Postgres { get; init; }

    /// <summary>When what was stored of it is dubious.</summary>
    public SanitySettings Sanity { get; init; } = new();

    /// <summary>How old its last good snapshot may be; null for what its schedules come to.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>Where it stands in the file.</summary>
    public required TextPlace Place { get; init; }

    /// <summary>What the service's profile is told.</summary>
    public ServiceFacts ToFacts() => new()
    {
        Name = Name,
        Kind = Kind,
        ConfigFile = ConfigFile,
        DataPaths = DataPaths,
        Databases = Databases,
        Postgres = Postgres is { } postgres ? new PostgresAccess(postgres.Host, postgres.Port, postgres.Role, postgres.SystemUser, postgres.Password) : null,
    };
}

/// <summary><c>health</c> of a service.</summary>
public sealed record HealthSettings
{
    /// <summary>What is asked besides the unit; null for what the service's own configuration says.</summary>
    public HealthProbe? Probe { get; init; }

    /// <summary><c>health = false</c>: only the unit's state is asked, whatever the service's own configuration says.</summary>
    public bool IsUnitOnly { get; init; }

    /// <summary>How long a service may take, after its start, to become healthy.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(1);
}

/// <summary><c>postgres</c> of a service: null where nothing is said.</summary>
public sealed record PostgresOverride
{
    /// <summary>A host's name or address, or the absolute directory of a Unix socket.</summary>
    public string? Host { get; init; }

    /// <summary>Of TCP, or the number in the socket's name.</summary>
    public int? Port { get; init; }

    /// <summary>The role to connect as.</summary>
    public string? Role { get; init; }

    /// <summary>The system user to run as, where peer authentication asks who is there.</summary>
    public string? SystemUser { get; init; }

    /// <summary>The file that the password was read from.</summary>
    public BytePath? PasswordFile { get; init; }

    /// <summary>The name, in $CREDENTIALS_DIRECTORY, of the file that the password was read from.</summary>
    public string? PasswordCredential { get; init; }

    /// <summary>The password; null for peer authentication, and for a credential when systemd does not run this process.</summary>
    public PostgresPassword? Password { get; init; }
}
