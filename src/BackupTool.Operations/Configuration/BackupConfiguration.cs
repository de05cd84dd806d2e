using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Services.Profiles.Toml;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Configuration;

/// <summary>What /etc/backup/backup.toml says, with its defaults filled in and everything checked that can be without touching the services.</summary>
public sealed record BackupConfiguration
{
    /// <summary>The file it was read from.</summary>
    public required BytePath File { get; init; }

    /// <summary>Where snapshots are stored.</summary>
    public required RepositorySettings Repository { get; init; }

    /// <summary>Where copies of databases are made before they are stored.</summary>
    public required StagingSettings Staging { get; init; }

    /// <summary>The services in the order of the file. Empty for a host that only reads a repository: a backup then has nothing to do.</summary>
    public required IReadOnlyList<ServiceSettings> Services { get; init; }

    /// <summary>What is allowed, but worth telling the operator, in the order of the file.</summary>
    public required IReadOnlyList<ConfigurationProblem> Warnings { get; init; }
}

/// <summary><c>[repository]</c></summary>
public sealed record RepositorySettings
{
    /// <summary>The repository's directory, absolute.</summary>
    public required BytePath Path { get; init; }

    /// <summary>How hard to compress.</summary>
    public CompressionSetting Compression { get; init; } = CompressionSetting.Default;

    /// <summary>How long a run waits for another one before it gives up.</summary>
    public TimeSpan LockWait { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>How hard to compress: the values are zstd's levels.</summary>
public enum CompressionSetting
{
    /// <summary>Level 1.</summary>
    Fast = 1,
    /// <summary>Level 3.</summary>
    Default = 3,
    /// <summary>Level 6: above it, less than 3 % is gained.</summary>
    Small = 6,
}

/// <summary><c>[staging]</c></summary>
public sealed record StagingSettings
{
    /// <summary>The directory, absolute. It should be on the file system of the homeserver's database, so that its files can be linked.</summary>
    public required BytePath Path { get; init; }
}

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

    /// <summary>What is done to it while its state is cut.</summary>
    public QuiesceMode Quiesce { get; init; }

    /// <summary>Whether its databases may be pinned while it starts; otherwise they are copied inside the window.</summary>
    public bool Pin { get; init; } = true;

    /// <summary>Where it stands in the file.</summary>
    public required TextPlace Place { get; init; }

    /// <summary>What the service's profile is told.</summary>
    public ServiceFacts ToFacts() => new() { Name = Name, Kind = Kind, ConfigFile = ConfigFile, DataPaths = DataPaths };
}
