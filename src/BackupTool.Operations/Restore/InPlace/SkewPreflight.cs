using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Files;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Services.Sources.Sqlite;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>Compares what the snapshot says of program and databases with what is there now.</summary>
internal sealed class SkewPreflight(ReplacementContext context, bool ignoresVersions, Action<string, string, string> refuse, Action<string> warn)
{
    /// <summary>Compares; what cannot be read now says nothing.</summary>
    internal async Task CheckAsync(
        ServiceSnapshot stored, ServiceSettings settings, ServiceLayout? layout, IReadOnlyList<PlannedDatabase> databases, CancellationToken cancellationToken)
    {
        string? program = settings.Unit is null ? null : await FindProgramAsync(settings.Unit, cancellationToken), storedProgram = stored.Facts.GetValueOrDefault(RunningFacts.Program);
        foreach (BytePath database in layout?.ExpectedDatabases ?? [])
            Report(settings.Name, VersionSkew.Compare(database.ToString(), Parse(stored.Facts.GetValueOrDefault(SchemaFacts.KeyOf(RealPath(database)))), ReadLive(database, cancellationToken), storedProgram, program));
        foreach (PlannedDatabase database in databases)
            Report(settings.Name, VersionSkew.Compare($"the PostgreSQL database {database.Target.Database}", Parse(stored.Facts.GetValueOrDefault($"{database.Member.Path}: schema")),
                await ReadLiveAsync(database.Target, cancellationToken), storedProgram, program));
    }

    private async Task<string?> FindProgramAsync(string unit, CancellationToken cancellationToken)
    {
        try
        {
            return await context.Manager.FindProgramAsync(unit, cancellationToken) is { } program ? RunningFacts.Describe(program) : null;
        }
        catch (ServiceManagerException)
        {
            return null;
        }
    }

    private static BytePath RealPath(BytePath database)
    {
        try
        {
            return SymlinkChain.Resolve(database).Target;
        }
        catch (SourceException)
        {
            return database;
        }
    }

    /// <summary>As <see cref="SchemaFacts.Describe"/> writes them.</summary>
    private static Dictionary<string, string> Parse(string? fact) =>
        (fact ?? "").Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(static each => each.Split('=', 2)).Where(static pair => pair.Length == 2)
        .GroupBy(static pair => pair[0]).ToDictionary(static pairs => pairs.Key, static pairs => pairs.First()[1]);

    private void Report(string service, VersionSkew.Finding? finding)
    {
        if (finding is null) return;
        if (finding.IsNewer && !ignoresVersions) refuse(service, $"{finding.Message}.", "Install the version that the snapshot is from first, or choose an older snapshot; --ignore-version restores it all the same.");
        else warn($"{service}: {finding.Message}");
    }

    private IReadOnlyDictionary<string, string> ReadLive(BytePath database, CancellationToken cancellationToken)
    {
        try
        {
            return SchemaVersions.ReadLive(database, new SqliteOptions(), context.Time, cancellationToken);
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            return new Dictionary<string, string>();
        }
    }

    private async Task<IReadOnlyDictionary<string, string>> ReadLiveAsync(PostgresTarget target, CancellationToken cancellationToken)
    {
        try
        {
            return await PostgresSource.ReadSchemaVersionsAsync(target, new PostgresOptions { Time = context.Time }, cancellationToken);
        }
        catch (ExplainedException)
        {
            return new Dictionary<string, string>();
        }
    }
}
