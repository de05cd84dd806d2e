using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Snapshots;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Cli.Commands;

/// <summary>What is asked of <c>show</c>, once it is known to make sense.</summary>
internal sealed record ShowRequest(string? Path, string? Sql, bool Tables, bool Csv)
{
    internal bool AsksDatabase => Sql is not null || Tables;

    internal static ShowRequest From(string? service, string? path, string? sql, bool tables, bool csv, string[] include, bool json)
    {
        string? problem = path is null && (sql is not null || tables) ? $"{(sql is not null ? "--sql" : "--tables")} needs a service and the PATH of a database"
            : sql is not null && tables ? "--sql and --tables cannot be had together"
            : csv && sql is null ? "--csv is for what --sql answers"
            : csv && json ? "--csv and --json cannot be had together"
            : path is not null && include.Length > 0 ? "--include is for lists; PATH names one entry"
            : path is { Length: 0 } || service is { Length: 0 } ? "an empty argument was given"
            : null;
        return problem is null ? new ShowRequest(path, sql, tables, csv) : throw new UsageException($"{problem}.", "Write: backup show SNAPSHOT SERVICE PATH --sql \"SELECT …\".");
    }
}

/// <summary><c>backup show SNAPSHOT SERVICE PATH</c></summary>
internal static class ShowMember
{
    internal static async Task<ExitCode> RunAsync(
        CommandContext context, Repository repository, StoredSnapshot stored, ServiceSnapshot service, ShowRequest request, CancellationToken cancellationToken)
    {
        await using IAsyncDisposable held = await context.LockForReadingAsync(repository, "show", cancellationToken);
        ChunkIndex index = await repository.LoadIndexAsync(cancellationToken);
        CatalogEntry entry = await new SnapshotMembers(repository, index).FindAsync(service, request.Path!, request.AsksDatabase, cancellationToken);
        if (!request.AsksDatabase)
        {
            if (context.Json) JsonReport.Write(context.Terminal, new MembersDocument(stored.Id.Hex, service.Name, [MemberDocument.From(entry)]), CliJson.Default.MembersDocument);
            else context.Terminal.WriteLine(ShowCommand.Line(entry));
            return ExitCode.Done;
        }
        var query = new SnapshotQuery(repository, index, context.Progress);
        await query.AskAsync(stored, service, entry, StagingDirectory(context), database =>
        {
            context.Progress.Dispose();
            Answer(context, stored, service, entry, request, database);
        }, cancellationToken);
        return ExitCode.Done;
    }

    private static void Answer(CommandContext context, StoredSnapshot stored, ServiceSnapshot service, CatalogEntry entry, ShowRequest request, QueriedDatabase database)
    {
        string path = $"/{entry.Path}";
        if (request.Tables)
        {
            IReadOnlyList<CountedTable> tables = database.CountTables();
            if (context.Json) JsonReport.Write(context.Terminal, new TablesDocument(stored.Id.Hex, service.Name, path, [.. tables]), CliJson.Default.TablesDocument);
            else QueryOutput.PrintTables(context.Terminal, tables);
        }
        else if (context.Json)
        {
            (string[] columns, System.Text.Json.Nodes.JsonArray rows) = QueryOutput.Collect(database, request.Sql!);
            JsonReport.Write(context.Terminal, new QueryDocument(stored.Id.Hex, service.Name, path, columns, rows), CliJson.Default.QueryDocument);
        }
        else if (request.Csv) QueryOutput.WriteCsv(context.Terminal, database, request.Sql!);
        else QueryOutput.PrintTable(context.Terminal, database, request.Sql!);
    }

    /// <summary>The configured one; without a usable configuration, the one for temporary files: a repository can be looked at on any machine.</summary>
    private static BytePath StagingDirectory(CommandContext context)
    {
        try
        {
            return ConfigurationReader.Read(context.ConfigFile, Environment.GetEnvironmentVariable("STATE_DIRECTORY"), Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY")).Staging.Path;
        }
        catch (ConfigurationException e)
        {
            context.Terminal.Detail($"the database is restored to {Path.GetTempPath()}, because no configuration can be read: {e.Message}");
            return BytePath.From(Path.GetTempPath());
        }
    }
}
