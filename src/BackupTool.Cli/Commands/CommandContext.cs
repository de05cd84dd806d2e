using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Notifications;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Snapshots;
using BackupTool.Operations.Verify;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Storage;
using BackupTool.Services.Health;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Services.Systemd;

namespace BackupTool.Cli.Commands;

/// <summary>What a command knows of how it was called.</summary>
internal sealed class CommandContext(ParseResult parsed, GlobalOptions options, Terminal terminal, ProgressBar progress)
{
    private readonly HashSet<string> _toldWarnings = [];
    private IServiceManager? _serviceManager;
    private OwedRecovery? _owed;

    internal Terminal Terminal => terminal;

    internal ProgressBar Progress => progress;

    internal TimeProvider Time { get; } = TimeProvider.System;

    /// <summary>This machine's systemd.</summary>
    internal IServiceManager ServiceManager => _serviceManager ??= new SystemdServiceManager(Time);

    internal bool Json => parsed.GetValue(options.Json);

    /// <summary>Whether only what went wrong is to be told; what was asked for, such as a list, always is.</summary>
    internal bool Quiet => terminal.Verbosity == Verbosity.Quiet;

    /// <summary>The run that the history will be told of; null for a command that is none, or of which nobody knows where the history is.</summary>
    internal RecordedRun? Recorded { get; private set; }

    /// <summary>From now on this is a run, and recorded when it ends, however it does.</summary>
    internal void StartRecording(string action, BackupConfiguration? configuration, string? schedule = null) =>
        Recorded = configuration is null ? null : new RecordedRun(action, schedule, configuration, Time);

    /// <summary>Tells the history, and Prometheus. That they cannot be told makes the run no worse.</summary>
    internal async Task EndRecordingAsync(ExitCode code, string? failure)
    {
        if (Recorded is not { } ended) return;
        Recorded = null;
        try
        {
            if (ended.End(code, failure) is { } unwritten) terminal.Warn(unwritten);
            if (await ended.PublishAsync() is { } unpublished) terminal.Warn(unpublished);
        }
        // Whatever it is: a run that failed must still say what it failed of, and end with its own code.
        catch (Exception e)
        {
            terminal.Warn($"the history of runs could not be written: {ErrorReport.From(e).Message}");
        }
    }

    internal T? Value<T>(Option<T> option) => parsed.GetValue(option);

    internal T? Value<T>(Argument<T> argument) => parsed.GetValue(argument);

    /// <summary>Where the configuration is.</summary>
    internal BytePath ConfigFile => AbsolutePath(parsed.GetValue(options.Config) ?? NonEmpty(Environment.GetEnvironmentVariable("BACKUP_CONFIG")) ?? GlobalOptions.DefaultConfig);

    private BackupConfiguration ReadConfigurationQuietly() =>
        ConfigurationReader.ReadDespiteSchedules(ConfigFile, Environment.GetEnvironmentVariable("STATE_DIRECTORY"), Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY"));

    /// <summary>Reads the configuration with its schedules; its warnings are told.</summary>
    internal BackupConfiguration ReadConfiguration()
    {
        BackupConfiguration configuration = ReadConfigurationQuietly();
        if (configuration.LesserProblems.Count > 0) throw new ConfigurationException(configuration.LesserProblems);
        return Told(configuration);
    }

    /// <summary>
    /// As <see cref="ReadConfiguration"/>, but what is wrong with schedules, and with channels, is a warning, and they are left out: a typing error in one of them must keep nobody from a restore.
    /// </summary>
    internal BackupConfiguration ReadConfigurationDespiteSchedules() => Told(ReadConfigurationQuietly());

    /// <summary>Who is to be told, also of a configuration that cannot be used: as far as it can be made out.</summary>
    internal NotifySettings ReadNotify()
    {
        try
        {
            return ReadConfigurationDespiteSchedules().Notify;
        }
        catch (ConfigurationException e)
        {
            NotifySettings notify = ConfigurationReader.ReadNotify(ConfigFile, Environment.GetEnvironmentVariable("STATE_DIRECTORY"), Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY"));
            terminal.Warn($"the configuration cannot be used, and who is told is what is legible of it: {e.Message}");
            return notify;
        }
    }

    private BackupConfiguration Told(BackupConfiguration configuration)
    {
        foreach (ConfigurationProblem warning in configuration.Warnings.Concat(configuration.LesserProblems).Where(warning => _toldWarnings.Add($"{warning}"))) terminal.Warn($"{warning with { IsWarning = false }}{(warning.Hint is null ? "" : $" ({warning.Hint})")}");
        return parsed.GetValue(options.Repository) is { } repository
            ? configuration with { Repository = configuration.Repository with { Path = AbsolutePath(repository) } } : configuration;
    }

    /// <summary>What hands --repository on to a process of our own; nothing when it was not given.</summary>
    internal IReadOnlyList<string> RepositoryArguments => parsed.GetValue(options.Repository) is { } repository ? ["--repository", AbsolutePath(repository).ToString()] : [];

    /// <summary>Where owed restarts are kept. A configuration that cannot be read must not keep services down: then it is the usual place.</summary>
    internal BytePath StateDirectory
    {
        get
        {
            try
            {
                return ReadConfigurationQuietly().State.Path;
            }
            catch (ConfigurationException e)
            {
                string usual = NonEmpty(Environment.GetEnvironmentVariable("STATE_DIRECTORY"))?.Split(':')[0] ?? "/var/lib/backup";
                terminal.Warn($"the configuration cannot be used, so restarts that are owed are looked for in {usual}: {e.Message}");
                return BytePath.From(usual);
            }
        }
    }

    /// <summary>Whether services that an earlier run stopped are still down after <see cref="RecoverFirstAsync(CancellationToken)"/>.</summary>
    internal bool OwesRestarts => Owed.OwesRestarts;

    /// <summary>Why the live state may be half old and half new after <see cref="RecoverFirstAsync(CancellationToken)"/>; null when it is not. Such a state must not be backed up.</summary>
    internal string? UnfinishedReplacement => Owed.UnfinishedReplacement;

    private OwedRecovery Owed => _owed ??= new OwedRecovery(this);

    /// <summary>Pays what a run that was killed owes, before a command changes anything.</summary>
    internal async Task RecoverFirstAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RecoverFirstAsync(ReadConfigurationQuietly(), cancellationToken);
        }
        catch (ConfigurationException) when (parsed.GetValue(options.Repository) is not null)
        {
            terminal.Detail("no configuration can be read: whether restarts are owed is not looked at");
        }
    }

    /// <summary>As <see cref="RecoverFirstAsync(CancellationToken)"/>, for who has read the configuration already.</summary>
    internal Task RecoverFirstAsync(BackupConfiguration configuration, CancellationToken cancellationToken) => Owed.RunAsync(configuration, cancellationToken);

    /// <summary>Where live state is replaced.</summary>
    internal ReplacementWorld ReplacementWorld(BackupConfiguration configuration) => new(configuration.State.Path, ServiceManager, progress, Time);

    /// <summary>The configuration; where there is none that can be used, but a repository is named, one of it alone.</summary>
    internal BackupConfiguration ReadConfigurationOrNone()
    {
        try
        {
            return ReadConfiguration();
        }
        catch (ConfigurationException) when (parsed.GetValue(options.Repository) is not null)
        {
            terminal.Detail("no configuration can be read: what the repository holds is all there is to tell");
            BytePath state = BytePath.From(NonEmpty(Environment.GetEnvironmentVariable("STATE_DIRECTORY"))?.Split(':')[0] ?? "/var/lib/backup");
            return new BackupConfiguration
            {
                File = ConfigFile,
                Repository = new RepositorySettings { Path = AbsolutePath(parsed.GetValue(options.Repository)!) },
                State = new StateSettings { Path = state },
                Staging = new StagingSettings { Path = state.Combine("staging") },
                Services = [],
                Warnings = [],
            };
        }
    }

    /// <summary>The configuration; null, and a warning, when it cannot be used.</summary>
    internal BackupConfiguration? TryReadConfiguration()
    {
        try
        {
            return ReadConfigurationQuietly();
        }
        catch (ConfigurationException)
        {
            return null;
        }
    }

    internal Task<RecoveryReport> RecoverAsync(RestartJournal journal, CancellationToken cancellationToken) =>
        Recovery.RunAsync(journal, ServiceManager, (probe, unit) => HealthChecks.For(probe, unit, ServiceManager) ?? new UnitCheck(unit!, ServiceManager), Time, terminal.Info, cancellationToken);

    /// <summary>A database of the server in which the dumps of a service can be tried.</summary>
    internal PostgresTarget FindPostgres(string service)
    {
        BackupConfiguration? configuration = null;
        try
        {
            configuration = ReadConfigurationQuietly();
        }
        catch (ConfigurationException) when (parsed.GetValue(options.Repository) is not null)
        {
            terminal.Detail("no configuration can be read: PostgreSQL is looked for on this machine");
        }
        return DumpServers.Find(configuration, service);
    }

    /// <summary>The repository's place, from --repository or the configuration.</summary>
    internal LocalStorage OpenStorage() =>
        new(parsed.GetValue(options.Repository) is { } repository ? AbsolutePath(repository) : ReadConfigurationDespiteSchedules().Repository.Path);

    internal ValueTask<Repository> OpenRepositoryAsync(CancellationToken cancellationToken) => Repository.OpenAsync(OpenStorage(), cancellationToken);

    /// <summary>Keeps others from removing what is being read. A repository that cannot be written to is read without: nobody can remove anything there either.</summary>
    internal async ValueTask<IAsyncDisposable> LockForReadingAsync(Repository repository, string command, CancellationToken cancellationToken)
    {
        try
        {
            return await RepositoryLock.AcquireAsync(repository.Storage, LockMode.Read, command, TimeSpan.FromMinutes(1), Time, terminal.Info, cancellationToken);
        }
        catch (PosixException e) when (e.Errno is Errno.EROFS or Errno.EACCES or Errno.EPERM)
        {
            terminal.Detail($"reading without a lock: {e.Message}");
            return new NoLock();
        }
        // A full disk is what one restores from.
        catch (PosixException e) when (e.Errno is Errno.ENOSPC or Errno.EDQUOT)
        {
            terminal.Warn($"reading without a lock, because there is no room for one: remove nothing from the repository meanwhile ({e.Message})");
            return new NoLock();
        }
    }

    /// <summary>The snapshot that is meant. One that is named by its id is found though another is damaged.</summary>
    internal static async ValueTask<StoredSnapshot> SelectSnapshotAsync(Repository repository, string selector, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredSnapshot> meant = SnapshotSelector.IsId(selector) ? await repository.ListSnapshotsAsync(selector, cancellationToken) : [];
        return SnapshotSelector.Select(meant.Count > 0 ? meant : await repository.ListSnapshotsAsync(cancellationToken), selector, TimeZoneInfo.Local);
    }

    /// <summary>The snapshot that is meant by who asks for these services; says so when a later one lacks them.</summary>
    internal async ValueTask<StoredSnapshot> SelectSnapshotAsync(Repository repository, string selector, IReadOnlyList<string> services, CancellationToken cancellationToken)
    {
        if (services.Count == 0 || SnapshotSelector.IsId(selector)) return await SelectSnapshotAsync(repository, selector, cancellationToken);
        IReadOnlyList<StoredSnapshot> all = await repository.ListSnapshotsAsync(cancellationToken);
        StoredSnapshot found = SnapshotSelector.SelectFor(services, all, selector, TimeZoneInfo.Local), plain = SnapshotSelector.SelectFor([], all, selector, TimeZoneInfo.Local);
        if (found.Id != plain.Id) terminal.Info($"'{selector}' for {string.Join(", ", services)} is {found.Id.Prefix} of {found.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}: {plain.Id.Prefix} of {plain.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss} does not hold all of that");
        return found;
    }

    internal static BytePath AbsolutePath(string path) =>
        path.Length > 0 && !path.Contains('\0') ? BytePath.From(Path.GetFullPath(path)) : throw new UsageException("An empty path was given.", "Is a variable of the calling script empty?");

    private static string? NonEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private sealed class NoLock : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => default;
    }
}
