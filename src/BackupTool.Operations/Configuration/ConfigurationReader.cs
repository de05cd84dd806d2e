using System.Collections.Frozen;
using BackupTool.Operations.Notifications;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Sanity;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Status;
using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Configuration;

/// <summary>Reads backup.toml: everything wrong with it is found at once, each with its line and column.</summary>
public static class ConfigurationReader
{
    private const int MaxBytes = 1 << 20;

    private static readonly BytePath[] FleetingDirectories = [BytePath.From("/run"), BytePath.From("/var/run"), BytePath.From("/tmp"), BytePath.From("/dev/shm")];

    internal static readonly FrozenDictionary<string, CompressionSetting> Compressions = new Dictionary<string, CompressionSetting>
    {
        ["fast"] = CompressionSetting.Fast,
        ["default"] = CompressionSetting.Default,
        ["small"] = CompressionSetting.Small,
    }.ToFrozenDictionary();

    /// <summary>Reads a configuration file, following links, and the schedules beside it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="stateDirectory">$STATE_DIRECTORY as systemd sets it (the first of several is used); null when it is not set.</param>
    /// <param name="credentialsDirectory">$CREDENTIALS_DIRECTORY as systemd sets it; null when it is not set.</param>
    /// <exception cref="ConfigurationException">It is not there, cannot be read, or has errors, or a schedule has.</exception>
    public static BackupConfiguration Read(BytePath file, string? stateDirectory, string? credentialsDirectory = null)
    {
        BackupConfiguration configuration = ReadDespiteSchedules(file, stateDirectory, credentialsDirectory);
        return configuration.LesserProblems.Count == 0 ? configuration : throw new ConfigurationException([.. configuration.Warnings, .. configuration.LesserProblems]);
    }

    /// <summary>
    /// As <see cref="Read"/>, but a schedule that cannot be used is left out, and what is wrong with it is in <see cref="BackupConfiguration.ScheduleProblems"/>: for a restore at night, which needs
    /// none. Not for what decides what is kept: the policies are not complete. So is a channel of [notify], and what is wrong with it in <see cref="BackupConfiguration.ChannelProblems"/>.
    /// </summary>
    /// <exception cref="ConfigurationException">The file itself is not there, cannot be read, or has errors.</exception>
    public static BackupConfiguration ReadDespiteSchedules(BytePath file, string? stateDirectory, string? credentialsDirectory = null)
    {
        byte[] content = ReadContent(file);
        BytePath folder = ScheduleFolder.Beside(file);
        try
        {
            BackupConfiguration configuration = ParseDespiteChannels(file, content, stateDirectory, credentialsDirectory);
            var schedules = ScheduleFolder.Read(folder, configuration);
            return configuration with { Schedules = schedules.Schedules, ScheduleProblems = schedules.Errors, Warnings = [.. configuration.Warnings, .. schedules.Warnings] };
        }
        catch (ConfigurationException e)
        {
            throw new ConfigurationException([.. e.Problems, .. ScheduleFolder.Read(folder, null).Errors], e.InnerException);   // everything wrong is found at once
        }
    }

    /// <summary>
    /// Who is to be told, as far as it can be made out in a file that may have errors anywhere: people must be told of just that. What is wrong is not told here: see <see cref="Read"/>.
    /// </summary>
    /// <exception cref="ConfigurationException">The file is not there, or cannot be read.</exception>
    public static NotifySettings ReadNotify(BytePath file, string? stateDirectory, string? credentialsDirectory)
    {
        TomlTable root = TomlDocument.Parse(ReadContent(file)).Root;
        var unheard = new ProblemList(file);
        return new NotifyReader(unheard, credentialsDirectory).Read(root, ReadState(root, stateDirectory, unheard).Path);
    }

    private static byte[] ReadContent(BytePath file)
    {
        try
        {
            return PosixFile.ReadAllFollowing(file, MaxBytes);
        }
        catch (PosixException e)
        {
            (string message, string hint) = e.IsNotFound
                ? ("there is no such configuration file", "`backup config discover` proposes one for this machine; --config FILE or $BACKUP_CONFIG names another.")
                : ($"the configuration file cannot be read: {e.Message}", "Run as root, or name another with --config FILE or $BACKUP_CONFIG.");
            throw new ConfigurationException([new ConfigurationProblem(file.ToString(), 0, 0, message, hint, IsWarning: false)], e);
        }
    }

    /// <summary>As <see cref="Read"/>, of a text that is in memory, and without schedules. Password files that it names are read.</summary>
    /// <exception cref="ConfigurationException">It has errors.</exception>
    public static BackupConfiguration Parse(BytePath file, ReadOnlySpan<byte> content, string? stateDirectory, string? credentialsDirectory = null)
    {
        BackupConfiguration configuration = ParseDespiteChannels(file, content, stateDirectory, credentialsDirectory);
        return configuration.ChannelProblems.Count == 0 ? configuration : throw new ConfigurationException([.. configuration.Warnings, .. configuration.ChannelProblems]);
    }

    private static BackupConfiguration ParseDespiteChannels(BytePath file, ReadOnlySpan<byte> content, string? stateDirectory, string? credentialsDirectory)
    {
        var problems = new ProblemList(file);
        TomlDocument document = TomlDocument.Parse(content);
        foreach (TomlProblem problem in document.Problems) problems.Add(problem.Place, problem.Message);
        if (problems.HasErrors) throw new ConfigurationException(problems.InOrder());   // what a half-read file lacks is no finding

        RefuseOtherTables(document.Root, problems);
        RepositorySettings? repository = ReadRepository(document.Root, problems);
        StateSettings state = ReadState(document.Root, stateDirectory, problems);
        StagingSettings staging = ReadStaging(document.Root, state.Path, problems);
        RestoreSettings restore = ReadRestore(document.Root, problems);
        RotationSettings rotation = RotationReader.Read(document.Root, problems);
        SanitySettings sanity = SanityReader.Read(document.Root, problems);
        AgentSettings agent = AgentReader.Read(document.Root, problems);
        MetricsSettings metrics = MetricsReader.Read(document.Root, problems);
        var reader = new ServiceReader(problems, credentialsDirectory, sanity);
        IReadOnlyList<ServiceSettings> services = ReadServices(document.Root, reader, repository?.Path, staging.Path, problems);
        var found = new ProblemList(file);
        NotifySettings notify = new NotifyReader(found, credentialsDirectory).Read(document.Root, state.Path);
        IReadOnlyList<ConfigurationProblem> all = problems.With(found).InOrder(), channels = [.. found.InOrder().Where(static problem => !problem.IsWarning)];
        if (repository is null || problems.HasErrors) throw new ConfigurationException(all);
        return new BackupConfiguration
        {
            File = file,
            Repository = repository,
            State = state,
            Staging = staging,
            Restore = restore,
            Rotation = rotation,
            Notify = notify,
            Agent = agent,
            Sanity = sanity,
            Metrics = metrics,
            Services = services,
            ChannelProblems = channels,
            Warnings = [.. all.Where(static problem => problem.IsWarning)],
        };
    }

    private static void RefuseOtherTables(TomlTable root, ProblemList problems)
    {
        string[] known = ["repository", "state", "staging", "restore", "rotation", "notify", "sanity", "metrics", AgentReader.Table, "service"];
        foreach (TomlEntry entry in root.Entries)
        {
            if (entry.Value is not TomlTable && known.Contains(entry.Key))
                problems.Add(entry.KeyPlace, $"`{entry.Key}` is {entry.Value.Describe} and must be a table", entry.Key == "service" ? "Write [service.NAME]." : $"Write [{entry.Key}].");
            else if (entry.Value is TomlTable && !known.Contains(entry.Key))
                problems.Add(entry.KeyPlace, $"unknown table [{entry.Key}]", NearestName.Hint(entry.Key, known, "known tables"));
            else if (!known.Contains(entry.Key))
                problems.Add(entry.KeyPlace, $"unknown key `{entry.Key}` outside of any table", $"Every key stands below {string.Join(", ", known[..^1].Select(static name => $"[{name}]"))} or [service.NAME].");
        }
    }

    private static RepositorySettings? ReadRepository(TomlTable root, ProblemList problems)
    {
        if (root.FindTable("repository") is not { } table)
        {
            if (root.Find("repository") is null)
                problems.Add(new TextPlace(1, 1), "there is no [repository]", "Write [repository] and below it path = \"/var/backups/NAME\".");
            return null;
        }
        var reader = new TableReader(table, "[repository]", problems);
        BytePath? path = reader.Path("path");
        if (reader.Entry("path") is null) problems.Add(table.Place, "[repository] has no `path`", "Set path = \"/var/backups/NAME\".");
        CompressionSetting? compression = reader.Choice("compression", Compressions);
        TimeSpan? lockWait = reader.Duration("lock-wait");
        reader.RefuseOtherKeys();
        if (path is null) return null;
        var settings = new RepositorySettings { Path = path.Value };
        return settings with { Compression = compression ?? settings.Compression, LockWait = lockWait ?? settings.LockWait };
    }

    private static StateSettings ReadState(TomlTable root, string? stateDirectory, ProblemList problems)
    {
        BytePath usual = BytePath.From(stateDirectory?.Split(':')[0] is ['/', ..] state ? state : "/var/lib/backup");
        if (root.FindTable("state") is not { } table) return new StateSettings { Path = usual };
        var reader = new TableReader(table, "[state]", problems);
        BytePath path = reader.Path("path") ?? usual;
        reader.RefuseOtherKeys();
        if (FleetingDirectories.Any(path.IsAtOrBelow))
            problems.Warn(reader.Entry("path")!.Value.Place, $"the state directory {path} does not outlive a restart of the machine: what a killed run has left stopped would be forgotten", "Use a directory below /var/lib.");
        return new StateSettings { Path = path };
    }

    private static StagingSettings ReadStaging(TomlTable root, BytePath state, ProblemList problems)
    {
        BytePath usual = state.Combine("staging");
        if (root.FindTable("staging") is not { } table) return new StagingSettings { Path = usual };
        var reader = new TableReader(table, "[staging]", problems);
        BytePath path = reader.Path("path") ?? usual;
        reader.RefuseOtherKeys();
        return new StagingSettings { Path = path };
    }

    private static RestoreSettings ReadRestore(TomlTable root, ProblemList problems)
    {
        var settings = new RestoreSettings();
        if (root.FindTable("restore") is not { } table) return settings;
        var reader = new TableReader(table, "[restore]", problems);
        bool isForEver = reader.Entry("keep-previous") is { } entry && TableReader.TruthOf(entry.Value) == true;
        TimeSpan? age = isForEver ? null : reader.Duration("keep-previous");
        reader.RefuseOtherKeys();
        return settings with { KeepPrevious = isForEver ? null : age ?? settings.KeepPrevious };
    }

    private static List<ServiceSettings> ReadServices(TomlTable root, ServiceReader reader, BytePath? repository, BytePath staging, ProblemList problems)
    {
        if (root.FindTable("service") is not { Entries.Count: > 0 } tables)
        {
            if (root.Find("service") is null or { Value: TomlTable })
                problems.Warn(new TextPlace(1, 1), "no [service.NAME] is configured: there is nothing to back up", "`backup config discover` proposes services for this machine.");
            return [];
        }
        List<ServiceSettings> services = [.. tables.Entries.Select(reader.Read).OfType<ServiceSettings>()];
        var checks = new ServiceChecks(services, tables, problems);
        checks.CheckOrder();
        checks.CheckPlaces(repository, staging);
        return services;
    }
}
