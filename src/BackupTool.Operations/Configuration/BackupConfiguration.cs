using BackupTool.Operations.Notifications;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Sanity;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Status;
using BackupTool.Posix;

namespace BackupTool.Operations.Configuration;

/// <summary>What /etc/backup/backup.toml says, with its defaults filled in and everything checked that can be without touching the services.</summary>
public sealed record BackupConfiguration
{
    /// <summary>The file it was read from.</summary>
    public required BytePath File { get; init; }

    /// <summary>Where snapshots are stored.</summary>
    public required RepositorySettings Repository { get; init; }

    /// <summary>Where the tool keeps what it must remember itself.</summary>
    public required StateSettings State { get; init; }

    /// <summary>Where copies of databases are made before they are stored.</summary>
    public required StagingSettings Staging { get; init; }

    /// <summary>What a restore in place and a wipe leave behind.</summary>
    public RestoreSettings Restore { get; init; } = new();

    /// <summary>What is kept, and for how long, where no schedule says it; and how packs are removed.</summary>
    public RotationSettings Rotation { get; init; } = new();

    /// <summary>When what was stored is dubious, for services that do not say otherwise.</summary>
    public SanitySettings Sanity { get; init; } = new();

    /// <summary>Where the state of the backups is written for Prometheus.</summary>
    public MetricsSettings Metrics { get; init; } = new();

    /// <summary>The schedules: the files <c>schedules/*.toml</c> beside the configuration file, by name.</summary>
    public IReadOnlyList<ScheduleSettings> Schedules { get; init; } = [];

    /// <summary>Where the agent says how it is.</summary>
    public AgentSettings Agent { get; init; } = new();

    /// <summary>Who is told how it went.</summary>
    public NotifySettings Notify { get; init; } = new();

    /// <summary>What is wrong with files in <c>schedules/</c>, which are then not among <see cref="Schedules"/>. Empty unless it was read with <see cref="ConfigurationReader.ReadDespiteSchedules"/>.</summary>
    public IReadOnlyList<ConfigurationProblem> ScheduleProblems { get; init; } = [];

    /// <summary>What is wrong below [notify]: who is told by the rest is in <see cref="Notify"/>. Empty as <see cref="ScheduleProblems"/> are.</summary>
    public IReadOnlyList<ConfigurationProblem> ChannelProblems { get; init; } = [];

    /// <summary>Errors that keep nobody from a restore or a backup: <see cref="ChannelProblems"/> and <see cref="ScheduleProblems"/>.</summary>
    public IReadOnlyList<ConfigurationProblem> LesserProblems => [.. ChannelProblems, .. ScheduleProblems];

    /// <summary>The services in the order of the file. Empty for a host that only reads a repository: a backup then has nothing to do.</summary>
    public required IReadOnlyList<ServiceSettings> Services { get; init; }

    /// <summary>What is allowed, but worth telling the operator, in the order of the files.</summary>
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

/// <summary><c>[state]</c></summary>
public sealed record StateSettings
{
    /// <summary>The directory, absolute: the journal of owed restarts is there, so it should outlive a restart of the machine.</summary>
    public required BytePath Path { get; init; }
}

/// <summary><c>[staging]</c></summary>
public sealed record StagingSettings
{
    /// <summary>The directory, absolute. It should be on the file system of the homeserver's database, so that its files can be linked.</summary>
    public required BytePath Path { get; init; }
}

/// <summary><c>[restore]</c></summary>
public sealed record RestoreSettings
{
    /// <summary>How long the state that a restore in place or a wipe has replaced is kept, so that it can be rolled back: then the next backup removes it. Null for ever.</summary>
    public TimeSpan? KeepPrevious { get; init; } = TimeSpan.FromDays(14);
}
