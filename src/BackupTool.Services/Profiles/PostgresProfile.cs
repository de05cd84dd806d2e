using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Services.Profiles;

/// <summary>PostgreSQL itself: databases by name, or all of a server. Its files are never copied: those of a running server are no backup.</summary>
public sealed class PostgresProfile : ServiceProfile
{
    /// <inheritdoc/>
    public override string Kind => "postgres";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Aliases => ["postgresql"];

    /// <inheritdoc/>
    public override ServiceLayout Describe(ServiceFacts facts, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(note);
        PostgresAccess access = facts.Postgres ?? new PostgresAccess(null, null, null, null, null);
        if (facts.Databases.FirstOrDefault(static name => string.IsNullOrWhiteSpace(name) || name == "template0" || name.Contains('\0', StringComparison.Ordinal)) is { } bad)
            throw new ServiceLayoutException($"`databases` of the service {facts.Name} has {(bad == "template0" ? "`template0`, which accepts no connections" : "a name that is none")}.",
                $"Correct `databases` in [service.{facts.Name}], or leave it out to dump them all.");
        if (facts.DataPaths.Count > 0)
            note($"`data` of the service {facts.Name} is not copied: the files of a running PostgreSQL are no backup of it, its dumps are.");

        var roots = new RootCollector(facts);
        if (facts.ConfigFile is { } config) roots.Add(config, "configuration file");
        List<PostgresTarget> targets = [.. facts.Databases.Distinct().Select(name => PostgresTarget.Of(name, access))];
        return new ServiceLayout
        {
            Roots = roots.Collect(),
            Damages = roots.Damages,
            PostgresDatabases = targets,
            AllDatabasesOf = targets.Count == 0 ? access : null,
            Facts = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["databases"] = targets.Count == 0 ? "all" : string.Join(", ", targets.Select(static t => t.Database)) },
        };
    }
}
