using System.Globalization;
using BackupTool.Operations.Replacing;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>Restores PostgreSQL dumps into new databases beside the live ones, while the services run.</summary>
internal sealed class NewDatabases(Repository repository, ChunkIndex index, RestorePlan plan, LiveDatabases databases)
{
    /// <summary>What was restored, a sentence each.</summary>
    internal List<string> Restored { get; } = [];

    /// <summary>The databases that will change places.</summary>
    internal static ReplacedDatabase[] Of(RestorePlan plan) =>
        [.. plan.Restores.SelectMany(static restore => restore.Databases.Select(database => new ReplacedDatabase
        {
            Service = restore.Settings.Name,
            Database = database.Target.Database,
            Host = database.Target.Host,
            Port = database.Target.Port,
            HadOld = database.IsThere,
        }))];

    /// <summary>Restores all.</summary>
    /// <exception cref="ExplainedException">One cannot be restored, or lacks something.</exception>
    internal async Task MakeAsync(ReplacementRecord record, CancellationToken cancellationToken)
    {
        foreach (PlannedRestore restore in plan.Restores)
            foreach (PlannedDatabase database in restore.Databases)
                await MakeAsync(record, restore, database, cancellationToken);
    }

    private async Task MakeAsync(ReplacementRecord record, PlannedRestore restore, PlannedDatabase database, CancellationToken cancellationToken)
    {
        DatabaseReplacement replacement = await databases.OpenAsync(record.Id, database.Target, cancellationToken);
        string? globals = await DumpReading.ReadGlobalsAsync(repository, index, restore.Stored, database.Globals, cancellationToken);
        await using MemberStream dump = MemberStream.Open(repository, index, restore.Stored.Archive, database.Member, cancellationToken);
        RestoredContent content = await replacement.RestoreAsync(dump, globals, [.. restore.Edits.Where(static edit => edit.Database is null).Select(Guarded)], cancellationToken);
        if (restore.Stored.Facts.TryGetValue($"{database.Member.Path}: tables", out string? tables) && int.TryParse(tables, NumberStyles.None, CultureInfo.InvariantCulture, out int expected) && content.Tables < expected)
            throw new OperationException($"{content.Tables} tables came out of {database.Member.Path}, and it was made of {expected}.", "Restore another snapshot; 'backup verify --level content' tells which are whole.");
        Restored.Add($"{database.Target.Database}: {content.Tables:N0} tables, {content.Rows:N0} rows");
    }

    private static string Guarded(StateEdit edit) => $"DO $edit$ BEGIN IF to_regclass('{edit.Table}') IS NOT NULL THEN {edit.Statement}; END IF; END $edit$";
}

/// <summary>Reads what goes with dumps.</summary>
internal static class DumpReading
{
    private const int MaxGlobals = 16 << 20;

    /// <summary>The text of the roles; null when there is none.</summary>
    internal static async Task<string?> ReadGlobalsAsync(Repository repository, ChunkIndex index, ServiceSnapshot service, CatalogEntry? globals, CancellationToken cancellationToken)
    {
        if (globals is null) return null;
        if (globals.Size > MaxGlobals) throw new OperationException($"{globals.Path} has {globals.Size:N0} bytes: that is no list of roles.");
        await using MemberStream stream = MemberStream.Open(repository, index, service.Archive, globals, cancellationToken);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(cancellationToken);
    }
}
