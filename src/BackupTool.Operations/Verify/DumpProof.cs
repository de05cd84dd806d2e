using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Verify;

/// <summary>What was seen of a dump.</summary>
/// <param name="Problem">Why it is no good; null when it is.</param>
/// <param name="Unproven">Why nothing can be said; null when something can.</param>
/// <param name="Seen">What came out of it, when it is good.</param>
internal sealed record DumpFinding(string? Problem, string? Unproven, string? Seen);

/// <summary>Proves PostgreSQL dumps by restoring them: each into a scratch database of a running server, which is dropped again.</summary>
/// <param name="serverFor">The server to use for a service: any database of it.</param>
/// <param name="time">The clock.</param>
internal sealed class DumpProof(Func<string, PostgresTarget> serverFor, TimeProvider time)
{
    // What pg_dumpall writes last.
    private static readonly byte[] EndOfGlobals = [.. "database cluster dump complete"u8];
    private const int MaxGlobalsBytes = 64 << 20;

    private readonly PostgresOptions _options = new() { Time = time };
    private readonly Dictionary<PostgresTarget, string?> _unreachable = [];

    /// <summary>Looks at a restored member of <c>postgresql-dumps</c>.</summary>
    /// <param name="service">The service that it belongs to.</param>
    /// <param name="member">Its name in the archive.</param>
    /// <param name="file">Where it was restored.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<DumpFinding> CheckAsync(ServiceSnapshot service, BytePath member, BytePath file, CancellationToken cancellationToken)
    {
        if (member.Bytes.EndsWith(".sql"u8))
            return PosixFile.ReadAllFollowing(file, MaxGlobalsBytes).AsSpan().IndexOf(EndOfGlobals) >= 0 ? new(null, null, "roles") : new("it does not end as pg_dumpall ends its output", null, null);
        PostgresTarget server = serverFor(service.Name);
        if (await FindWhyUnreachableAsync(server, cancellationToken) is { } reason) return new(null, $"no PostgreSQL server to restore it into: {reason}", null);
        try
        {
            RestoredContent content = await ScratchDatabase.RestoreAndCountAsync(server, file, _options, cancellationToken);
            return service.Facts.TryGetValue($"{member}: tables", out string? tables) && int.TryParse(tables, out int expected) && content.Tables < expected
                ? new($"{content.Tables} tables came out of it, and it was made of {expected}", null, null)
                : new(null, null, $"{content.Tables:N0} tables, {content.Rows:N0} rows");
        }
        catch (NoScratchDatabaseException e)
        {
            return new(null, $"no PostgreSQL database to restore it into: {e.Message}", null);
        }
        catch (SourceException e)
        {
            // A server that has gone meanwhile says nothing of the dump either.
            _unreachable.Remove(server);
            return await FindWhyUnreachableAsync(server, cancellationToken) is { } gone ? new(null, $"the PostgreSQL server went away: {gone}", null) : new(e.Message, null, null);
        }
    }

    private async Task<string?> FindWhyUnreachableAsync(PostgresTarget server, CancellationToken cancellationToken)
    {
        if (_unreachable.TryGetValue(server, out string? known)) return known;
        try
        {
            await PostgresSource.ListDatabasesAsync(server, _options, cancellationToken);
            return _unreachable[server] = null;
        }
        catch (SourceException e)
        {
            return _unreachable[server] = e.Message;
        }
    }
}
