using BackupTool.Operations.Replacing;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>Finds out whether dumps can be restored on the servers that they belong to.</summary>
internal sealed class DatabasePreflight(Repository repository, ChunkIndex index, LiveDatabases databases, Action<string, string, string> refuse, Action<string> warn)
{
    // As long as a real one: what it names must fit beside it.
    private const string AnyId = "0000000000000000";

    /// <summary>Asks the servers; gives the databases with what is known of the live ones.</summary>
    internal async Task<IReadOnlyList<PlannedDatabase>> CheckAsync(ServiceSnapshot service, IReadOnlyList<PlannedDatabase> planned, CancellationToken cancellationToken)
    {
        var found = new List<PlannedDatabase>();
        foreach (PlannedDatabase database in planned)
        {
            try
            {
                found.Add(await CheckAsync(service, database, cancellationToken));
            }
            catch (SourceException e)
            {
                refuse(service.Name, $"{database.Member.Path} cannot be restored: {e.Message}", e.Hint ?? "See that the PostgreSQL server runs.");
                found.Add(database);
            }
        }
        return found;
    }

    private async Task<PlannedDatabase> CheckAsync(ServiceSnapshot service, PlannedDatabase database, CancellationToken cancellationToken)
    {
        DatabaseReplacement replacement = await databases.OpenAsync(AnyId, database.Target, cancellationToken);
        string? globals = await DumpReading.ReadGlobalsAsync(repository, index, service, database.Globals, cancellationToken);
        await using MemberStream dump = MemberStream.Open(repository, index, service.Archive, database.Member, cancellationToken);
        RestoreOutlook outlook = await replacement.CheckAsync(dump, globals, cancellationToken);
        foreach (RestoreObstacle obstacle in outlook.Obstacles) refuse(service.Name, $"{database.Member.Path} cannot be restored: {obstacle.What}", obstacle.WayOut);
        foreach (string warning in outlook.Warnings) warn($"{service.Name}: {warning}");
        if (outlook.RolesToCreate.Count > 0) warn($"{service.Name}: the PostgreSQL {(outlook.RolesToCreate.Count == 1 ? "role" : "roles")} {string.Join(", ", outlook.RolesToCreate)} {(outlook.RolesToCreate.Count == 1 ? "is" : "are")} missing, and will be created as the snapshot has {(outlook.RolesToCreate.Count == 1 ? "it" : "them")}");
        return database with { IsThere = outlook.Live is not null };
    }
}
