using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Verify;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>Which live databases the dumps of an archive belong to.</summary>
internal static class DumpTargets
{
    private static readonly Posix.BytePath Directory = PostgresDumps.Directory.WithoutLeadingSlash();

    /// <summary>Whether a member is a dump, or the roles that go with one.</summary>
    internal static bool IsDumpMember(Posix.BytePath member) => member.IsAtOrBelow(Directory);

    /// <summary>Finds them.</summary>
    /// <param name="configuration">As it is now.</param>
    /// <param name="service">It in the snapshot.</param>
    /// <param name="layout">The service now; null when that cannot be told.</param>
    /// <param name="members">The members below the directory of dumps that are wanted.</param>
    /// <param name="refuse">Told of a dump that belongs nowhere.</param>
    internal static IReadOnlyList<PlannedDatabase> Find(
        BackupConfiguration configuration, ServiceSnapshot service, ServiceLayout? layout, IReadOnlyList<CatalogEntry> members, Action<RestoreProblem> refuse)
    {
        var found = new List<PlannedDatabase>();
        foreach (CatalogEntry member in members.Where(static member => member.Path.ToString().EndsWith(".dump", StringComparison.Ordinal)))
        {
            if (!service.Facts.TryGetValue($"{member.Path}: database", out string? database))
            {
                refuse(new RestoreProblem(service.Name, $"The snapshot does not say which database {member.Path} is of.", $"Restore it into a directory (--target) and use pg_restore."));
                continue;
            }
            if (TargetOf(configuration, service.Name, layout, database, refuse) is not { } target) continue;
            // globals.sql, or with several servers globals-HOST-PORT.sql beside NAME-HOST-PORT.dump.
            string name = member.Path.Name.ToString();
            string suffix = name[..^5].StartsWith(database, StringComparison.Ordinal) ? name[database.Length..^5] : "";
            CatalogEntry? globals = members.FirstOrDefault(other => other.Path.Name.ToString() == $"globals{suffix}.sql") ?? members.FirstOrDefault(static other => other.Path.Name.ToString() == "globals.sql");
            found.Add(new PlannedDatabase(member, globals, target));
        }
        return found;
    }

    private static PostgresTarget? TargetOf(BackupConfiguration configuration, string service, ServiceLayout? layout, string database, Action<RestoreProblem> refuse)
    {
        if (layout is null || layout.AllDatabasesOf is not null) return DumpServers.Find(configuration, service) with { Database = database };
        if (layout.PostgresDatabases.FirstOrDefault(target => target.Database == database) is { } own) return own;
        string uses = layout.PostgresDatabases.Count == 0 ? "none" : string.Join(", ", layout.PostgresDatabases.Select(static target => target.Database));
        refuse(new RestoreProblem(service, $"The snapshot has the PostgreSQL database '{database}', and the service's configuration now names {uses}: the service would not look where it is restored.",
            "Correct the service's configuration first, or restore the dump into a directory (--target) and use pg_restore."));
        return null;
    }
}
