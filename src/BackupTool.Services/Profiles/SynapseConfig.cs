using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Services.Profiles;

/// <summary>
/// Synapse's configuration: one file or several, of which a later one takes the place of whole top-level keys (synapse/config/_base.py, read_config_files).
/// </summary>
internal sealed class SynapseConfig
{
    private readonly ServiceFacts _facts;
    private readonly BytePath _workingDirectory;

    private SynapseConfig(ServiceFacts facts, IReadOnlyList<BytePath> files, YamlMapping merged, BytePath workingDirectory)
    {
        (_facts, Files, Yaml, _workingDirectory) = (facts, files, merged, workingDirectory);
    }

    /// <summary>The files that it was read from, in the order in which they count.</summary>
    internal IReadOnlyList<BytePath> Files { get; }

    internal YamlMapping Yaml { get; }

    /// <summary>The file that messages point to.</summary>
    internal BytePath Main => Files[0];

    internal string? ServerName => Yaml.Text("server_name");

    internal static SynapseConfig Read(ServiceFacts facts, IReadOnlyList<BytePath> files, BytePath workingDirectory, Action<string> note)
    {
        YamlMapping merged = YamlMapping.Read(files[0], facts.Name);
        List<BytePath> read = [files[0]];
        foreach (BytePath file in files.Skip(1))
        {
            // Synapse passes over a file with nothing but comments.
            if (YamlMapping.IsEmpty(ServiceConfigFile.Read(file, facts.Name)))
            {
                note($"{file} is empty: it is backed up, and says nothing.");
                read.Add(file);
                continue;
            }
            merged = merged.With(YamlMapping.Read(file, facts.Name));
            read.Add(file);
        }
        return new SynapseConfig(facts, read, merged, workingDirectory);
    }

    /// <summary>The path of a key, absolute; null when it is not there.</summary>
    internal BytePath? FindPath(string key) => Yaml.Text(key) is { } text ? Resolve(text, key) : null;

    internal BytePath Resolve(string text, string key) => ConfiguredPath.Resolve(_workingDirectory, text, key, Main);

    /// <summary>The SQLite file or PostgreSQL database of each configured database.</summary>
    internal List<(BytePath? File, PostgresTarget? Target, string Key)> ReadDatabases()
    {
        if (Yaml.Mapping("databases") is { } several) return [.. several.Keys.Select(name => ReadDatabase(several.Mapping(name), $"databases.{name}"))];
        if (Yaml.Mapping("database") is { } database) return [ReadDatabase(database, "database")];
        if (FindPath("database_path") is { } path) return [(path, null, "database_path")];
        throw new ServiceLayoutException($"{Main} has no `database`: it is not Synapse's configuration, or not a whole one.",
            $"Name the file that Synapse is run with as `config` in [service.{_facts.Name}].");
    }

    private (BytePath? File, PostgresTarget? Target, string Key) ReadDatabase(YamlMapping? database, string key)
    {
        YamlMapping? args = database?.Mapping("args");
        switch (database?.Text("name") ?? "sqlite3")
        {
            case "psycopg2":
                Dictionary<string, string> settings = args?.Text("dsn") is { } dsn ? ReadDsn(dsn, $"{key}.args.dsn") : [];
                foreach (string name in args?.Keys ?? [])
                    if (args!.Text(name) is { } value) settings[name == "database" ? "dbname" : name] = value;
                return (null, PostgresUri.Resolve(settings, $"{key}.args", Main, _facts.Name, _facts.Postgres) with { ExcludedTableData = [SynapseProfile.OneTimeKeys] }, key);
            case "sqlite3":
                string? file = args?.Text("database");
                if (file is null or ":memory:")
                    throw new ServiceLayoutException($"`{key}` in {Main} names no file that the database is in.", $"Set `args.database` of `{key}` there.");
                return (Resolve(file, $"{key}.args.database"), null, $"{key}.args.database");
            default:
                throw new ServiceLayoutException($"`{key}.name` in {Main} is neither `sqlite3` nor `psycopg2`, and Synapse knows no other.", "Correct it there.");
        }
    }

    private Dictionary<string, string> ReadDsn(string dsn, string key) => PostgresUri.TryRead(dsn) ?? throw PostgresUri.NotUnderstood(key, Main);

    /// <summary>/health answers on every HTTP listener; one that serves clients is asked first, one with TLS only for a connection.</summary>
    internal HealthProbe? ReadHealth(Action<string> note)
    {
        List<YamlMapping> http = Yaml.Mappings("listeners").FindAll(static listener => listener.Text("type") == "http");
        foreach (YamlMapping listener in http.OrderBy(static l => l.Flag("tls") == true).ThenBy(static l => ServesClients(l) ? 0 : 1))
        {
            if (listener.Text("port") is not { } port) continue;
            List<string> hosts = listener.Texts("bind_addresses") ?? [];
            if (listener.Text("bind_address") is { } single) hosts.Add(single);
            ListenAddress? address = ListenAddress.Choose(hosts.Count > 0 ? hosts : ["0.0.0.0"], port);
            if (address is not null) return listener.Flag("tls") == true ? address.Connect() : address.Get("/health", 200);
        }
        note($"{Main} has no HTTP listener that can be asked over TCP: only its unit is asked for its health.");
        return null;
    }

    private static bool ServesClients(YamlMapping listener) =>
        listener.Mappings("resources").Exists(static resource => resource.Texts("names")?.Contains("client") == true);
}
