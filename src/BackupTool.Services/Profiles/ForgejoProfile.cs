using BackupTool.Posix;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Services.Profiles;

/// <summary>
/// Forgejo, and Gitea which it comes from: database, repositories, everything uploaded, and the secrets without which the database's encrypted columns and the
/// tokens of its users are worth nothing.
/// </summary>
/// <remarks>
/// Left out: search indexes, logs, login sessions, temporary files. Kept: queues (webhooks and mails that are still to be sent) and downloaded archives, which the
/// database refers to.
/// </remarks>
public sealed class ForgejoProfile : ServiceProfile
{
    /// <inheritdoc/>
    public override string Kind => "forgejo";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Aliases => ["gitea"];

    /// <inheritdoc/>
    public override ServiceLayout Describe(ServiceFacts facts, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(note);
        BytePath file = FindConfig(facts, note);
        ForgejoConfig config = ForgejoConfig.Read(file, facts, FindWorkPath(facts, file));

        var roots = new RootCollector(facts);
        foreach (BytePath given in facts.DataPaths) roots.Add(given, "data path");
        roots.Add(file, "configuration file");
        roots.Add(config.DataPath, "data directory");
        if (!roots.TryAdd(config.CustomPath)) note($"{config.CustomPath} does not exist: nothing is backed up from there.");
        (BytePath? sqlite, PostgresTarget? postgres) = ReadDatabase(roots, config);
        (BytePath repositories, bool isNamed) = config.ReadRepositoryRoot();
        if (isNamed) roots.Add(repositories, "directory of repositories");
        else if (!roots.TryAdd(repositories)) note($"{repositories} does not exist: the forge has no repositories yet, or keeps them where its configuration does not say.");
        foreach ((string name, BytePath? path) in config.ReadStorages())
        {
            if (path is { } place) roots.TryAdd(place);   // made at the first upload
            else note($"{file} keeps {name} in an object store: they are not part of this backup.");
        }
        foreach ((string key, BytePath path) in config.ReadSecretFiles()) roots.AddNamed(path, key, note);

        List<BytePath> collected = roots.Collect();
        var known = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["config"] = file.ToString(),
            ["data"] = config.DataPath.ToString(),
            ["database"] = postgres?.ToString() ?? sqlite!.Value.ToString(),
            ["repositories"] = repositories.ToString(),
        };
        if (config.RootUrl is { } url && !url.Contains('@', StringComparison.Ordinal)) known["url"] = url;
        return new ServiceLayout
        {
            Roots = collected,
            Damages = roots.Damages,
            Exclusions = Exclusions(config, [file, repositories, config.DataPath, .. sqlite is { } database ? [database] : Array.Empty<BytePath>(), .. config.ReadStorages().Select(static s => s.Path).OfType<BytePath>()], note),
            ExpectedDatabases = sqlite is { } expected ? [expected] : [],
            PostgresDatabases = postgres is null ? [] : [postgres],
            Health = config.ReadHealth(note),
            Facts = known,
        };
    }

    private static (BytePath? Sqlite, PostgresTarget? Postgres) ReadDatabase(RootCollector roots, ForgejoConfig config)
    {
        switch (config.DatabaseType)
        {
            case "sqlite3":
                BytePath database = config.ReadSqliteFile();
                roots.AddDatabase(database, config.File, "database.PATH");
                return (database, null);
            case "postgres":
                return (null, config.ReadPostgres());
            case "mysql" or "mssql":
                throw new ServiceLayoutException($"`database.DB_TYPE` in {config.File} is a database that this version cannot dump: a backup without it would be incomplete.",
                    "Have `forgejo dump` (or mysqldump) write into a directory before the backup, and back that directory and the forge's files up as a service of kind `files`.");
            default:
                throw new ServiceLayoutException($"{config.File} has no `DB_TYPE` in [database], or none that this version knows: it is not the configuration of an installed forge.",
                    "Name the app.ini that it is run with as `config`.");
        }
    }

    private static List<Exclusion> Exclusions(ForgejoConfig config, List<BytePath> needed, Action<string> note)
    {
        List<Exclusion> exclusions = [];
        foreach ((BytePath path, string reason) in config.ReadDispensable())
        {
            if (needed.Exists(needs => needs.IsAtOrBelow(path))) note($"{path} would be left out ({reason}), but holds what is needed: all of it is kept.");
            else if (Glob.TryParse($"/{Escaped(path.Name)}", out Glob? pattern, out _)) exclusions.Add(new Exclusion(path.Parent, pattern, reason));
        }
        return exclusions;
    }

    /// <summary>A name as a pattern that matches it alone.</summary>
    private static string Escaped(BytePath name) => string.Concat(name.ToString().Select(static c => c is '*' or '?' or '[' or ']' or '!' ? $"\\{c}" : c.ToString()));

    private static BytePath FindConfig(ServiceFacts facts, Action<string> note)
    {
        string[] kinds = facts.Kind == "gitea" ? ["gitea", "forgejo"] : ["forgejo", "gitea"];
        IEnumerable<BytePath> places = facts.DataPaths.Count > 0 ? facts.DataPaths : kinds.Select(static kind => BytePath.From($"/var/lib/{kind}"));
        List<BytePath> candidates =
        [
            .. places.SelectMany(static place => new[] { place.Combine("custom/conf/app.ini"), place.Combine("conf/app.ini"), place.Combine("gitea/conf/app.ini") }),
            .. kinds.Select(static kind => BytePath.From($"/etc/{kind}/app.ini")),
        ];
        List<BytePath> found = ServiceConfigFile.Find(facts, candidates);
        if (found.Count == 0)
            throw new ServiceLayoutException($"No app.ini of the forge {facts.Name} was found at {string.Join(", ", candidates)}.", $"Name it as `config` in [service.{facts.Name}].");
        if (found.Count > 1) note($"Several configuration files are there ({string.Join(", ", found)}); {found[0]} is read. Set `config` to choose another.");
        return found[0];
    }

    /// <summary>What WORK_PATH stands in for when app.ini has none: NixOS and the packages write it, or run the forge in the directory above <c>custom</c>.</summary>
    private static BytePath FindWorkPath(ServiceFacts facts, BytePath file)
    {
        if (file.Parent.Name == BytePath.From("conf") && file.Parent.Parent.Name == BytePath.From("custom")) return file.Parent.Parent.Parent;
        if (facts.DataPaths.Count > 0) return facts.DataPaths[0];
        return file.IsAtOrBelow(BytePath.From("/etc")) ? BytePath.From("/var/lib").Combine(file.Parent.Name) : file.Parent;
    }
}
