using BackupTool.Operations.Configuration;
using BackupTool.Operations.Verify;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Replacing;

/// <summary>How PostgreSQL databases change places with those that are put aside for them: by name, in one transaction each.</summary>
/// <param name="configuration">As it is now; null when it cannot be read: then servers are looked for on this machine.</param>
/// <param name="time">The clock.</param>
internal sealed class LiveDatabases(BackupConfiguration? configuration, TimeProvider time)
{
    /// <summary>Makes one side live: does what is left to do, whatever a kill has left.</summary>
    /// <exception cref="ExplainedException">The server cannot be reached, or somebody keeps the database.</exception>
    internal async Task MoveToAsync(ReplacementRecord record, ReplacedDatabase database, Side side) =>
        await (await OpenAsync(record.Id, database, CancellationToken.None)).MoveToAsync(Of(side), database.HadOld, CancellationToken.None);

    /// <summary>What would keep one side from becoming live again; changes nothing.</summary>
    /// <exception cref="SourceException">The server cannot be reached, or what is there cannot come from this replacement.</exception>
    internal async Task<IReadOnlyList<RestoreObstacle>> CheckMoveAsync(ReplacementRecord record, ReplacedDatabase database, Side side, CancellationToken cancellationToken) =>
        await (await OpenAsync(record.Id, database, cancellationToken)).CheckMoveAsync(Of(side), database.HadOld, cancellationToken);

    /// <summary>Drops the side that does not live. Nothing happens to one that is not there.</summary>
    /// <exception cref="ExplainedException">The server cannot be reached.</exception>
    internal async Task DropAsync(ReplacementRecord record, ReplacedDatabase database, Side side) =>
        await (await OpenAsync(record.Id, database, CancellationToken.None)).DropAsync(Of(side), CancellationToken.None);

    /// <summary>What makes and exchanges databases, for one of them.</summary>
    /// <exception cref="SourceException">The server cannot be reached, or nobody may.</exception>
    internal Task<DatabaseReplacement> OpenAsync(string id, ReplacedDatabase database, CancellationToken cancellationToken) =>
        OpenAsync(id, DumpServers.Find(configuration, database.Service) with { Database = database.Database, Host = database.Host, Port = database.Port }, cancellationToken);

    /// <summary>The same, for one whose server is known.</summary>
    internal Task<DatabaseReplacement> OpenAsync(string id, PostgresTarget target, CancellationToken cancellationToken) =>
        DatabaseReplacement.OpenAsync(target, DatabaseNames.For(target.Database, id), new PostgresOptions { Time = time }, cancellationToken);

    private static DatabaseSide Of(Side side) => side == Side.New ? DatabaseSide.Fresh : DatabaseSide.Previous;
}
