using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Services.Profiles;

/// <summary>
/// Where a maubot's config.yaml says its state is: every path absolute. Keys and defaults are those of maubot 0.2–0.6 (example-config.yaml).
/// </summary>
internal sealed record MaubotConfig
{
    /// <summary>The SQLite databases of maubot itself: the main one first, then that of the encryption keys if it is another.</summary>
    internal required IReadOnlyList<BytePath> Databases { get; init; }

    /// <summary>Its PostgreSQL databases, each once: the main one, that of the encryption keys, that of the plugins.</summary>
    internal required IReadOnlyList<PostgresTarget> PostgresDatabases { get; init; }

    /// <summary>The main database, for people.</summary>
    internal required string MainDatabase { get; init; }

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

    /// <summary>How to ask whether it is up: its management interface answers 401 without a token.</summary>
    internal required HealthProbe? Health { get; init; }

    internal static MaubotConfig Read(BytePath file, ServiceFacts facts, BytePath workingDirectory)
    {
        string service = facts.Name;
        YamlMapping yaml = YamlMapping.Read(file, service);
        string database = yaml.Text("database") ?? throw new ServiceLayoutException(
            $"{file} has no `database`: it is not a maubot configuration, or not a whole one.", $"Name the right file as `config` in [service.{service}].");

        YamlMapping? directories = yaml.Mapping("plugin_directories"), databases = yaml.Mapping("plugin_databases"), crypto = yaml.Mapping("crypto_database");
        List<(string Uri, string Key)> uris = [(database, "database")];
        if (yaml.Text("crypto_database") is { } cryptoUri and not "default") uris.Add((cryptoUri, "crypto_database"));
        if (crypto?.Text("type") == "postgres" && crypto.Text("postgres_uri") is { } oldUri) uris.Add((oldUri, "crypto_database.postgres_uri"));
        if (databases?.Text("postgres") is { } pluginUri and not "default") uris.Add((pluginUri, "plugin_databases.postgres"));
        List<PostgresTarget> targets =
        [
            .. uris.Where(static uri => PostgresUri.IsPostgres(uri.Uri)).Select(uri => PostgresUri.Parse(uri.Uri, uri.Key, file, service, facts.Postgres))
                .DistinctBy(static target => (target.Database, target.Host, target.Port)),
        ];
        List<BytePath> files =
            [.. uris.Where(static uri => !PostgresUri.IsPostgres(uri.Uri)).Select(uri => DatabaseUri.ResolveSqlite(uri.Uri, uri.Key, workingDirectory, file)).Distinct()];

        string trash = directories?.Text("trash") ?? "./trash";
        return new MaubotConfig
        {
            Databases = files,
            PostgresDatabases = targets,
            MainDatabase = PostgresUri.IsPostgres(database) ? targets[0].ToString() : files[0].ToString(),
            LoadDirectories = [.. (directories?.Texts("load") ?? ["./plugins"]).Select(path => Resolve(path, "plugin_directories.load")).Distinct()],
            UploadDirectory = Resolve(directories?.Text("upload") ?? "./plugins", "plugin_directories.upload"),
            TrashDirectory = trash == "delete" ? null : Resolve(trash, "plugin_directories.trash"),
            InstanceDatabaseDirectory = Resolve(databases?.Text("sqlite") ?? directories?.Text("db") ?? "./plugins", "plugin_databases.sqlite"),
            CryptoFileDirectory = crypto?.Text("pickle_dir") is { } pickles ? Resolve(pickles, "crypto_database.pickle_dir") : null,
            Health = ReadHealth(yaml.Mapping("server")),
        };

        BytePath Resolve(string path, string key) => ConfiguredPath.Resolve(workingDirectory, path, key, file);
    }

    /// <summary>
    /// The interface's path is fixed since maubot 0.2; before, <c>base_path</c> gave it. That of <c>public_url</c> is the reverse proxy's to strip.
    /// </summary>
    internal static HttpProbe? ReadHealth(YamlMapping? server)
    {
        string path = server?.Text("base_path") is ['/', ..] given && Uri.IsWellFormedUriString(given, UriKind.Relative) ? given.TrimEnd('/') : "/_matrix/maubot/v1";
        return ListenAddress.Choose([server?.Text("hostname") ?? "0.0.0.0"], server?.Text("port") ?? "29316")?.Get($"{path}/version", 200, 401);
    }
}
