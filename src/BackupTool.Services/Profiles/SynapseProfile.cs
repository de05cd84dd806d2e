using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>
/// Synapse: its database without the one-time keys, its signing key, configuration and registrations, and the media of its own users. What it holds of other servers'
/// media it can fetch again.
/// </summary>
public sealed class SynapseProfile : ServiceProfile
{
    /// <summary>A one-time key that is handed out a second time makes messages that nobody can read (Synapse's manual, Administration, Backups).</summary>
    internal const string OneTimeKeys = "e2e_one_time_keys_json";

    private static readonly BytePath DebianConfig = BytePath.From("/etc/matrix-synapse/homeserver.yaml"), UsualData = BytePath.From("/var/lib/matrix-synapse");

    /// <summary>Keys of files that a Synapse cannot be restored as it was without; each may be missing from a configuration.</summary>
    private static readonly string[] FurtherFiles =
    [
        "log_config", "macaroon_secret_key_path", "form_secret_path", "registration_shared_secret_path", "turn_shared_secret_path", "key_server_signing_keys_path",
        "recaptcha_private_key_path", "recaptcha_public_key_path", "tls_certificate_path", "tls_private_key_path",
    ];

    private static readonly (string Pattern, string Reason)[] Refetchable =
    [
        ("/remote_content", "media of other servers: fetched again when somebody looks at them"),
        ("/remote_thumbnail", "thumbnails of other servers' media: made again"),
        ("/url_cache*", "previews of web pages: fetched again"),
    ];

    /// <inheritdoc/>
    public override string Kind => "synapse";

    /// <inheritdoc/>
    public override ServiceLayout Describe(ServiceFacts facts, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(note);
        List<BytePath> files = FindConfig(facts, note);
        SynapseConfig config = SynapseConfig.Read(facts, files, FindWorkingDirectory(facts, files[0]), note);

        var roots = new RootCollector(facts);
        foreach (BytePath data in facts.DataPaths) roots.Add(data, "data path");
        foreach (BytePath file in config.Files) roots.Add(file, "configuration file");
        var databases = config.ReadDatabases();
        foreach ((BytePath? file, _, string key) in databases)
            if (file is { } sqlite) roots.AddDatabase(sqlite, config.Main, key);
        AddSigningKey(roots, config, note);
        foreach (string key in FurtherFiles)
            if (config.FindPath(key) is { } path) roots.AddNamed(path, key, note);
        foreach (string registration in config.Yaml.Texts("app_service_config_files") ?? [])
            roots.AddNamed(config.Resolve(registration, "app_service_config_files"), "app_service_config_files", note);
        if (config.Yaml.Mapping("templates")?.Text("custom_template_directory") is { } templates)
            roots.AddNamed(config.Resolve(templates, "templates.custom_template_directory"), "templates.custom_template_directory", note);

        List<Exclusion> exclusions = [];
        var known = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["config"] = config.Main.ToString() };
        AddMedia(roots, config, exclusions, known, note);
        if (config.ServerName is { } name) known["server-name"] = name;
        known["database"] = string.Join(", ", databases.Select(static database => database.Target?.ToString() ?? database.File!.Value.ToString()));
        known["one-time-keys"] = databases.Exists(static database => database.File is not null)
            ? $"empty the table {OneTimeKeys} of the restored database before Synapse is started"
            : $"the rows of {OneTimeKeys} are not in the backup, on purpose";
        return new ServiceLayout
        {
            Roots = roots.Collect(),
            Damages = roots.Damages,
            Exclusions = exclusions,
            ExpectedDatabases = [.. databases.Select(static database => database.File).OfType<BytePath>()],
            PostgresDatabases = [.. databases.Select(static database => database.Target).OfType<Sources.Postgres.PostgresTarget>().DistinctBy(static target => (target.Database, target.Host, target.Port))],
            Health = config.ReadHealth(note),
            Facts = known,
        };
    }

    private static List<BytePath> FindConfig(ServiceFacts facts, Action<string> note)
    {
        List<BytePath> candidates = [.. facts.DataPaths.Append(UsualData).Select(static data => data.Combine("homeserver.yaml")).Append(DebianConfig)];
        // Beside Debian's, /var/lib/matrix-synapse has none; with `data`, what lies there is meant.
        List<BytePath> found = ServiceConfigFile.Find(facts, candidates);
        if (found.Count == 0)
            throw new ServiceLayoutException($"No configuration of the homeserver {facts.Name} was found at {string.Join(", ", candidates.Distinct())}.",
                $"Name the file that Synapse is run with as `config` in [service.{facts.Name}].");
        if (found.Count > 1) note($"Several configuration files are there ({string.Join(", ", found)}); {found[0]} is read. Set `config` to choose another.");
        List<BytePath> further = FindFurther(found[0].Parent.Combine("conf.d"));
        if (further.Count > 0) note($"{further.Count} files of {further[0].Parent} are read after {found[0]}, as Debian's unit has Synapse do.");
        return [found[0], .. further];
    }

    private static List<BytePath> FindFurther(BytePath directory)
    {
        if (!PosixFile.TryGetStatusFollowing(directory, out FileStatus status) || status.Kind != FileKind.Directory) return [];
        using PosixDirectory opened = PosixDirectory.Open(directory);
        return [.. opened.ReadNames().FindAll(static name => name.Bytes.EndsWith(".yaml"u8)).Select(directory.Combine).Where(ServiceConfigFile.IsFile)];
    }

    private static BytePath FindWorkingDirectory(ServiceFacts facts, BytePath config) =>
        facts.DataPaths.Count > 0 ? facts.DataPaths[0] : config.IsAtOrBelow(BytePath.From("/etc")) ? UsualData : config.Parent;

    /// <summary>Without it, the server is another one to all others. When the configuration has neither key nor path, it is beside the last configuration file.</summary>
    private static void AddSigningKey(RootCollector roots, SynapseConfig config, Action<string> note)
    {
        if (config.Yaml.Text("signing_key") is not null) return;
        if (config.FindPath("signing_key_path") is { } given)
        {
            if (!roots.AddNamed(given, "signing_key_path", static _ => { }) && !PosixFile.TryGetStatusFollowing(given, out _)) roots.Add(given, "signing key");
            else roots.AddNamed(given, "signing_key_path", note);
            return;
        }
        BytePath name = BytePath.From($"{config.ServerName}.signing.key");
        if (config.ServerName is null || config.ServerName.Contains('/', StringComparison.Ordinal) || !(roots.TryAdd(config.Files[^1].Parent.Combine(name)) || roots.TryAdd(config.Main.Parent.Combine(name))))
        {
            roots.AcceptOrThrow(config.Main.Parent.Combine(name), "the signing key does not exist: it is not stored", new ServiceLayoutException(
                $"{config.Main} has no `signing_key_path`, and there is no {name} beside it: without its signing key, the restored server would be another one.",
                $"Set `signing_key_path` in {config.Main}."));
        }
    }

    private static void AddMedia(RootCollector roots, SynapseConfig config, List<Exclusion> exclusions, SortedDictionary<string, string> known, Action<string> note)
    {
        BytePath store = config.Resolve(config.Yaml.Text("media_store_path") ?? "media_store", "media_store_path");
        if (config.Yaml.Flag("enable_media_repo") == false)
        {
            if (!roots.TryAdd(store)) note($"{config.Main} has `enable_media_repo: false`: the media are another process's, and not part of this backup.");
        }
        else
        {
            roots.Add(store, "media store");
        }
        Exclude(store);
        known["media"] = store.ToString();
        if (config.FindPath("backup_media_store_path") is { } second && roots.AddNamed(second, "backup_media_store_path", note)) Exclude(second);
        foreach (YamlMapping provider in config.Yaml.Mappings("media_storage_providers"))
        {
            if (provider.Mapping("config")?.Text("directory") is { } directory)
            {
                BytePath path = config.Resolve(directory, "media_storage_providers");
                if (roots.AddNamed(path, "media_storage_providers", note)) Exclude(path);
            }
            else
            {
                note($"{config.Main} has a media storage provider that is no directory: media that are only there are not part of this backup.");
            }
        }

        void Exclude(BytePath media) => exclusions.AddRange(Refetchable.Select(kind => new Exclusion(media, Glob.Parse(kind.Pattern), kind.Reason)));
    }
}
