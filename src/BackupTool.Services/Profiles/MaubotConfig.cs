using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>
/// Where a maubot's config.yaml says its state is: every path absolute. Keys and defaults are those of maubot 0.2–0.6 (example-config.yaml).
/// </summary>
internal sealed record MaubotConfig
{
    /// <summary>The databases of maubot itself: the main one first, then that of the encryption keys if it is another.</summary>
    internal required IReadOnlyList<BytePath> Databases { get; init; }

    /// <summary>Where plugins are loaded from.</summary>
    internal required IReadOnlyList<BytePath> LoadDirectories { get; init; }

    /// <summary>Where uploaded plugins are put.</summary>
    internal required BytePath UploadDirectory { get; init; }

    /// <summary>Where old plugins go; null when they are deleted.</summary>
    internal required BytePath? TrashDirectory { get; init; }

    /// <summary>Where the bots' own databases are.</summary>
    internal required BytePath InstanceDatabaseDirectory { get; init; }

    /// <summary>Where very old versions keep encryption keys as files; null for all others.</summary>
    internal required BytePath? CryptoFileDirectory { get; init; }

    internal static MaubotConfig Read(BytePath file, string service, BytePath workingDirectory)
    {
        YamlMapping yaml;
        try
        {
            yaml = YamlMapping.Parse(ServiceConfigFile.Read(file, service));
        }
        catch (YamlFormatException e)
        {
            throw ServiceConfigFile.Unreadable(file, service, "a YAML mapping", e.Place);
        }
        string database = yaml.Text("database") ?? throw new ServiceLayoutException(
            $"{file} has no `database`: it is not a maubot configuration, or not a whole one.", $"Name the right file as `config` in [service.{service}].");

        YamlMapping? directories = yaml.Mapping("plugin_directories"), databases = yaml.Mapping("plugin_databases"), crypto = yaml.Mapping("crypto_database");
        if (databases?.Text("postgres") is not (null or "default")) throw DatabaseUri.PostgresIsNotSupported("plugin_databases.postgres", file);
        if (crypto?.Text("type") == "postgres") throw DatabaseUri.PostgresIsNotSupported("crypto_database.postgres_uri", file);

        var found = new List<BytePath> { DatabaseUri.ResolveSqlite(database, "database", workingDirectory, file) };
        if (yaml.Text("crypto_database") is { } cryptoUri and not "default")
            found.Add(DatabaseUri.ResolveSqlite(cryptoUri, "crypto_database", workingDirectory, file));

        string trash = directories?.Text("trash") ?? "./trash";
        return new MaubotConfig
        {
            Databases = [.. found.Distinct()],
            LoadDirectories = [.. (directories?.Texts("load") ?? ["./plugins"]).Select(path => Resolve(path, "plugin_directories.load")).Distinct()],
            UploadDirectory = Resolve(directories?.Text("upload") ?? "./plugins", "plugin_directories.upload"),
            TrashDirectory = trash == "delete" ? null : Resolve(trash, "plugin_directories.trash"),
            InstanceDatabaseDirectory = Resolve(databases?.Text("sqlite") ?? directories?.Text("db") ?? "./plugins", "plugin_databases.sqlite"),
            CryptoFileDirectory = crypto?.Text("pickle_dir") is { } pickles ? Resolve(pickles, "crypto_database.pickle_dir") : null,
        };

        BytePath Resolve(string path, string key) => ConfiguredPath.Resolve(workingDirectory, path, key, file);
    }
}
