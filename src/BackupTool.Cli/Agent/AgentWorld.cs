using System.Threading.Channels;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Status;
using BackupTool.Posix;

namespace BackupTool.Cli.Agent;

/// <summary>What the agent stands on.</summary>
internal sealed record AgentWorld
{
    /// <summary>The clock: the wall's for schedules, the monotonic one for everything else.</summary>
    internal required TimeProvider Time { get; init; }

    /// <summary>Where the agent tells what it does.</summary>
    internal required Terminal Terminal { get; init; }

    /// <summary>The service manager.</summary>
    internal required ServiceNotices Notices { get; init; }

    /// <summary>How often it wants a sign of life at least; null when it wants none.</summary>
    internal TimeSpan? AliveInterval { get; init; }

    /// <summary>What comes from outside.</summary>
    internal required ChannelReader<AgentSignal> Signals { get; init; }

    /// <summary>Starts runs.</summary>
    internal required IRunLauncher Launcher { get; init; }

    /// <summary>Where the configuration is.</summary>
    internal required BytePath ConfigFile { get; init; }

    /// <summary>Reads the configuration from the disk; throws <see cref="ConfigurationException"/>.</summary>
    internal required Func<BackupConfiguration> ReadConfiguration { get; init; }

    /// <summary>The same for the start: schedules and channels with errors are left out, because an agent that does not start runs none at all.</summary>
    internal required Func<BackupConfiguration> ReadConfigurationAtStart { get; init; }

    /// <summary>Tells people what is left out; what went wrong with telling.</summary>
    internal Func<BackupConfiguration, CancellationToken, Task<IReadOnlyList<string>>> TellLeftOut { get; init; } = static (_, _) => Task.FromResult<IReadOnlyList<string>>([]);

    /// <summary>Looks how the backups of a configuration are.</summary>
    internal required Func<BackupConfiguration, CancellationToken, Task<StatusReport>> ReadStatus { get; init; }

    /// <summary>Tells people of services whose backups are too old; what went wrong with telling.</summary>
    internal Func<BackupConfiguration, CancellationToken, Task<IReadOnlyList<string>>> TellStaleness { get; init; } = static (_, _) => Task.FromResult<IReadOnlyList<string>>([]);

    /// <summary>What tells this machine apart, for the jitter.</summary>
    internal required string HostId { get; init; }

    /// <summary>$RUNTIME_DIRECTORY.</summary>
    internal string? RuntimeDirectory { get; init; }
}
