using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>
/// A mautrix bridge: its database, the configuration (which has the key that the database's encryption keys are pickled with) and the registration, whose tokens the
/// homeserver knows it by.
/// </summary>
public sealed class MautrixProfile : ServiceProfile
{
    /// <inheritdoc/>
    public override string Kind => "mautrix";

    /// <inheritdoc/>
    public override ServiceLayout Describe(ServiceFacts facts, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(note);
        BytePath file = FindConfig(facts, note);
        BytePath workingDirectory = FindWorkingDirectory(facts, file);
        MautrixConfig config = MautrixConfig.Read(file, facts, workingDirectory, note);

        var roots = new RootCollector(facts);
        foreach (BytePath data in facts.DataPaths) roots.Add(data, "data path");
        roots.Add(file, "configuration file");
        if (config.SqliteFile is { } database)
        {
            roots.AddDatabase(database, file, config.DatabaseKey);
            if (!config.SqliteFile.Value.IsAtOrBelow(workingDirectory) && facts.DataPaths.Count > 0)
                note($"{file} puts the database at {database}, outside of {workingDirectory}: both are backed up.");
        }
        AddRegistration(roots, facts, config, workingDirectory, note);
        return new ServiceLayout
        {
            Roots = roots.Collect(),
            Damages = roots.Damages,
            ExpectedDatabases = config.SqliteFile is { } sqlite ? [sqlite] : [],
            PostgresDatabases = config.Postgres is { } target ? [target] : [],
            Health = config.Health,
            Facts = Known(config),
        };
    }

    private static SortedDictionary<string, string> Known(MautrixConfig config)
    {
        var known = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["config"] = config.File.ToString(),
            ["database-type"] = config.Postgres is null ? "sqlite" : "postgres",
            ["database"] = config.Postgres?.ToString() ?? config.SqliteFile!.Value.ToString(),
        };
        if (config.Id is { } id) known["bridge"] = id;
        if (config.Domain is { } domain) known["homeserver-domain"] = domain;
        if (config.BotUsername is { } bot) known["bot-username"] = bot;
        return known;
    }

    private static BytePath FindConfig(ServiceFacts facts, Action<string> note)
    {
        List<BytePath> candidates = [.. Directories(facts).SelectMany(static directory =>
            new[] { directory.Combine("config.yaml"), directory.Combine("config.json"), directory.Combine("config/config.yaml") })];
        List<BytePath> found = ServiceConfigFile.Find(facts, candidates);
        if (found.Count == 0)
            throw new ServiceLayoutException($"No configuration of the bridge {facts.Name} was found in {string.Join(", ", Directories(facts))}.",
                $"Name the file that the bridge is run with as `config` in [service.{facts.Name}].");
        if (found.Count > 1) note($"Several configuration files are there ({string.Join(", ", found)}); {found[0]} is read. Set `config` to choose another.");
        return found[0];
    }

    /// <summary>Where the operator says that its data are, else the usual places of a service of this name.</summary>
    private static IEnumerable<BytePath> Directories(ServiceFacts facts)
    {
        List<BytePath> given = facts.DataPaths.Where(IsDirectory).ToList();
        if (given.Count > 0) return given;
        string[] names = facts.Name.StartsWith("mautrix-", StringComparison.Ordinal) ? [facts.Name] : [facts.Name, $"mautrix-{facts.Name}"];
        return ((string[])["/var/lib", "/etc", "/opt"]).SelectMany(_ => names, static (parent, name) => BytePath.From($"{parent}/{name}"));
    }

    /// <summary>Bridges run in the directory of their data; NixOS and the bridges' own manual have the configuration there too.</summary>
    private static BytePath FindWorkingDirectory(ServiceFacts facts, BytePath config)
    {
        BytePath? given = facts.DataPaths.Where(IsDirectory).Select(static path => (BytePath?)path).FirstOrDefault();
        if (given is { } data) return data;
        BytePath etc = BytePath.From("/etc");
        return config.Parent.IsAtOrBelow(etc) && config.Parent != etc ? BytePath.From("/var/lib").Combine(config.Parent.Name) : config.Parent;
    }

    /// <summary>
    /// The registration is wherever <c>--registration</c> said: by default registration.yaml in the working directory, on NixOS slack-registration.yaml there.
    /// </summary>
    private static void AddRegistration(RootCollector roots, ServiceFacts facts, MautrixConfig config, BytePath workingDirectory, Action<string> note)
    {
        List<BytePath> places = [.. facts.DataPaths.Append(workingDirectory).Append(config.File.Parent).Distinct()];
        List<BytePath> found = [.. places.SelectMany(FilesAt).Where(file => IsRegistration(file, config.Id)).Distinct()];
        foreach (BytePath file in found) roots.Add(file, "registration file");
        if (found.Count == 0)
            note($"No registration file was found in {string.Join(", ", places)}: the homeserver's copy of it is not part of this service's backup. Name it in `paths` of [service.{facts.Name}].");
    }

    private static IEnumerable<BytePath> FilesAt(BytePath place)
    {
        if (ServiceConfigFile.IsFile(place)) return [place];
        if (!IsDirectory(place)) return [];
        using PosixDirectory directory = PosixDirectory.Open(place);
        return [.. directory.ReadNames().Select(place.Combine).Where(ServiceConfigFile.IsFile)];
    }

    /// <summary>By its name; and where it can be read as one, by what it says it is the registration of.</summary>
    private static bool IsRegistration(BytePath file, string? id)
    {
        string name = file.Name.ToString();
        if (!name.Contains("registration", StringComparison.OrdinalIgnoreCase) || !(name.EndsWith(".yaml", StringComparison.Ordinal) || name.EndsWith(".yml", StringComparison.Ordinal))) return false;
        try
        {
            return id is null || YamlMapping.Read(file, "").Text("id") is not { } other || other == id;
        }
        catch (ServiceLayoutException)
        {
            return true;   // broken or another's business: better one file too many
        }
    }

    private static bool IsDirectory(BytePath path) => PosixFile.TryGetStatusFollowing(path, out FileStatus status) && status.Kind == FileKind.Directory;
}
