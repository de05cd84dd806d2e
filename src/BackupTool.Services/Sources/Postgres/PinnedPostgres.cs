using System.Globalization;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// One moment of a database, held by an open read-only transaction: whatever is written later, <see cref="OpenDump"/> dumps that moment. While it is held, the server keeps old rows for it, and while a
/// dump runs, migrations wait. Dispose it soon.
/// </summary>
/// <remarks>
/// Sequences are no part of a snapshot in PostgreSQL: a dumped one may be ahead of the pinned moment, never behind. A table that is truncated or rewritten between the pin and pg_dump's
/// lock on it would look empty to the snapshot (PostgreSQL's manual, "Caveats" of its concurrency control): that is found, and the dump fails.
/// </remarks>
public sealed class PinnedPostgres : IAsyncDisposable
{
    private const string DumpedTables = """
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        """;

    private readonly PostgresConnection _connection;
    private readonly PostgresDumper _dumper;
    private readonly string _began;

    internal PinnedPostgres(PostgresConnection connection, PostgresDumper dumper, string snapshotId, string began, PostgresSource source)
    {
        _connection = connection;
        _dumper = dumper;
        _began = began;
        SnapshotId = snapshotId;
        ServerVersion = source.ServerVersion;
        HasRolePasswords = source.CanReadRolePasswords;
    }

    /// <summary>The database.</summary>
    public PostgresTarget Target => _connection.Access.Target;

    /// <summary>The exported snapshot, as <c>SET TRANSACTION SNAPSHOT</c> takes it.</summary>
    public string SnapshotId { get; }

    /// <summary>The server's version as it says it.</summary>
    public string ServerVersion { get; }

    /// <summary>Whether <see cref="OpenGlobals"/> holds the roles' passwords, as <see cref="PostgresSource.CanReadRolePasswords"/> found.</summary>
    public bool HasRolePasswords { get; }

    /// <summary>What the database was at the pinned moment (its size: is now). After the window: it takes a few round trips.</summary>
    /// <exception cref="SourceException">The pin is lost.</exception>
    public async Task<PostgresFacts> ReadFactsAsync(CancellationToken cancellationToken)
    {
        await RequireHeldAsync(cancellationToken);
        string?[] database = (await _connection.QueryAsync("""
            SELECT pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text, pg_database_size(oid)::text, to_jsonb(d) ->> 'datcollversion'
            FROM pg_database d WHERE datname = current_database()
            """, cancellationToken))[0];
        string?[] tables = (await _connection.QueryAsync(
            $"SELECT count(*)::text {DumpedTables} AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')", cancellationToken))[0];
        return new PostgresFacts
        {
            ServerVersion = ServerVersion,
            Tables = int.Parse(tables[0]!, CultureInfo.InvariantCulture),
            DatabaseBytes = long.Parse(database[3]!, CultureInfo.InvariantCulture),
            Encoding = database[0]!,
            Collation = database[1]!,
            CharacterType = database[2]!,
            CollationVersion = database[4],
            SchemaVersions = await SchemaVersionTables.ReadAsync(_connection, isInTransaction: true, cancellationToken),
        };
    }

    /// <summary>
    /// Starts <c>pg_dump -Fc -Z0</c> of the pinned moment. The stream's end is reported only when pg_dump ended with 0, said no error, and the pin was held to the last; else that read
    /// throws <see cref="SourceException"/> with what pg_dump said. Disposing it early ends pg_dump. One thread at a time; bounded memory.
    /// </summary>
    /// <exception cref="SourceException">pg_dump cannot be started.</exception>
    public Stream OpenDump(CancellationToken cancellationToken) =>
        new ProgramOutputStream(_dumper.StartDump(SnapshotId), _connection.Access, "pg_dump", cancellationToken)
        {
            // pg_dump's custom format begins with its table of contents, so its first byte says that every table is locked.
            OnFirstBytes = RequireTablesUntouchedAsync,
            OnEnd = RequireHeldAsync,
            Shape = new DumpShape(),
        };

    /// <summary>
    /// Starts <c>pg_dumpall --globals-only</c>: roles, their memberships and settings, tablespaces, as SQL. With the contract of <see cref="OpenDump"/>, but of the present: globals
    /// cannot be pinned.
    /// </summary>
    public Stream OpenGlobals(CancellationToken cancellationToken) =>
        new ProgramOutputStream(_dumper.StartGlobals(HasRolePasswords), _connection.Access, "pg_dumpall", cancellationToken);

    /// <summary>Proves that the pinning transaction is still open.</summary>
    /// <exception cref="SourceException">It is not: the server ended it, or the connection is lost.</exception>
    public async Task RequireHeldAsync(CancellationToken cancellationToken)
    {
        string? because;
        try
        {
            string? began = (await _connection.QueryAsync("SELECT transaction_timestamp()::text", cancellationToken))[0][0];
            because = began == _began ? null : "its transaction is another";
        }
        catch (SourceException e)
        {
            because = e.Message;
        }
        if (because is not null)
            throw new SourceException($"the pinned moment of {Target} is lost: {because}", "See PostgreSQL's log for who ended the connection, then run the backup again.");
    }

    private async Task RequireTablesUntouchedAsync(CancellationToken cancellationToken)
    {
        await RequireHeldAsync(cancellationToken);
        List<string?[]> pinned = await _connection.QueryAsync($"SELECT c.oid::text, c.relfilenode::text, n.nspname || '.' || c.relname {DumpedTables}", cancellationToken);
        // Another connection, because the pinned one sees the pinned moment only.
        await using PostgresConnection other = await PostgresConnection.OpenAsync(_connection.Access, cancellationToken);
        var present = (await other.QueryAsync($"SELECT c.oid::text, c.relfilenode::text {DumpedTables}", cancellationToken)).ToDictionary(row => row[0]!, row => row[1]);
        string[] touched = [.. pinned.Where(row => !present.TryGetValue(row[0]!, out string? file) || file != row[1]).Select(row => row[2]!)];
        if (touched.Length > 0)
            throw new SourceException($"{Target} was changed under the pinned moment: {string.Join(", ", touched.Take(3))}{(touched.Length > 3 ? ", …" : "")} was truncated, rewritten or dropped, as a migration does",
                "Wait until the service's migration is over, then run the backup again.");
    }

    /// <summary>Lets the moment go, and ends the source's connection.</summary>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
