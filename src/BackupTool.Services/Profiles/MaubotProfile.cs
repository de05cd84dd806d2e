using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>maubot: its database, plugins, the bots' databases, trash and configuration, wherever its config.yaml says they are.</summary>
public sealed class MaubotProfile : ServiceProfile
{
    private static readonly BytePath SystemConfig = BytePath.From("/etc/maubot/config.yaml"), UsualData = BytePath.From("/var/lib/maubot");

    /// <inheritdoc/>
    public override string Kind => "maubot";

    /// <inheritdoc/>
    public override ServiceLayout Describe(ServiceFacts facts, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(note);
        BytePath file = FindConfig(facts, note);
        BytePath data = FindData(facts, file, note);
        MaubotConfig config = MaubotConfig.Read(file, facts, data);

        var roots = new RootCollector(facts);
        roots.Add(data, "data directory");
        foreach (BytePath further in facts.DataPaths.Skip(1)) roots.Add(further, "data directory");
        roots.Add(file, "configuration file");
        foreach (BytePath database in config.Databases) roots.AddDatabase(database, file, "database");
        foreach (BytePath directory in config.LoadDirectories) roots.Add(directory, "plugin directory");
        List<BytePath> plugins = [.. config.LoadDirectories];
        if (AddIfThere(roots, config.UploadDirectory, "plugin_directories.upload", note) && !plugins.Contains(config.UploadDirectory)) plugins.Add(config.UploadDirectory);
        AddIfThere(roots, config.InstanceDatabaseDirectory, "plugin_databases.sqlite", note);
        if (config.TrashDirectory is { } trash) AddIfThere(roots, trash, "plugin_directories.trash", note);
        if (config.CryptoFileDirectory is { } keys) roots.Add(keys, "directory of encryption keys");

        if (facts.DataPaths.Count > 0 && config.Databases.Count > 0 && !config.Databases[0].IsAtOrBelow(data))
            note($"{file} puts the database at {config.Databases[0]}, outside of the data directory {data}: both are backed up.");
        if (config.Health is null) note($"{file} does not say where it listens in a way that this version understands: only its unit is asked for its health.");
        return new ServiceLayout
        {
            Roots = roots.Collect(),
            Damages = roots.Damages,
            PostgresDatabases = config.PostgresDatabases,
            Health = config.Health,
            PluginDirectories = plugins,
            ExpectedDatabases = config.Databases,
            InstanceDatabaseDirectory = config.InstanceDatabaseDirectory,
            Facts = new SortedDictionary<string, string>(StringComparer.Ordinal)
            {
                ["config"] = file.ToString(),
                ["data"] = data.ToString(),
                ["database"] = config.MainDatabase,
            },
        };
    }

    private static BytePath FindConfig(ServiceFacts facts, Action<string> note)
    {
        IReadOnlyList<BytePath> data = facts.DataPaths.Count > 0 ? facts.DataPaths : [UsualData];
        List<BytePath> candidates =
            [.. data.SelectMany(static directory => new[] { directory.Combine("config.yaml"), directory.Combine("config/config.yaml") }), SystemConfig];
        List<BytePath> found = ServiceConfigFile.Find(facts, candidates);
        if (found.Count == 0)
            throw new ServiceLayoutException($"No maubot configuration of the service {facts.Name} was found at {string.Join(", ", candidates)}.",
                $"Name it as `config` in [service.{facts.Name}].");
        if (found.Count > 1) note($"Several maubot configurations are there ({string.Join(", ", found)}); {found[0]} is read. Set `config` to choose another.");
        return found[0];
    }

    /// <summary>The data directory is the working directory that relative paths in the configuration start from.</summary>
    private static BytePath FindData(ServiceFacts facts, BytePath config, Action<string> note)
    {
        if (facts.DataPaths.Count > 0) return facts.DataPaths[0];
        BytePath above = config.Parent;
        BytePath data = config.IsAtOrBelow(BytePath.From("/etc")) ? UsualData : above.Name == BytePath.From("config") ? above.Parent : above;
        note($"[service.{facts.Name}] gives no `data`: {data} is taken for the directory that maubot runs in.");
        return data;
    }

    private static bool AddIfThere(RootCollector roots, BytePath directory, string key, Action<string> note)
    {
        if (roots.TryAdd(directory)) return true;
        note($"`{key}` is {directory}, which does not exist (yet): nothing is backed up from there.");
        return false;
    }
}
