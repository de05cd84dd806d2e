namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// A PostgreSQL database that can be pinned: connected, let in, and with programs at hand that can dump it. Opened before anything is stopped, so that what would go wrong goes wrong
/// then.
/// </summary>
public sealed class PostgresSource : IAsyncDisposable
{
    private readonly PostgresConnection _connection;
    private readonly PostgresDumper _dumper;

    private PostgresSource(PostgresConnection connection, PostgresDumper dumper, string serverVersion, bool canReadRolePasswords)
    {
        _connection = connection;
        _dumper = dumper;
        ServerVersion = serverVersion;
        CanReadRolePasswords = canReadRolePasswords;
    }

    /// <summary>The database.</summary>
    public PostgresTarget Target => _connection.Access.Target;

    /// <summary>The server's version as it says it.</summary>
    public string ServerVersion { get; }

    /// <summary>
    /// Whether the globals can hold the roles' passwords: only who may read pg_authid (a superuser) gets them. When not, they are stored without, and the report should say so.
    /// </summary>
    public bool CanReadRolePasswords { get; }

    /// <summary>The pg_dump that will be used.</summary>
    public string DumpProgram => _dumper.DumpProgram;

    /// <summary>
    /// Connects, finds programs that suit the server, and rehearses: pg_dump is run for the definitions alone, so that what keeps it out (a password, a table that the role
    /// may not read) shows now.
    /// </summary>
    /// <exception cref="SourceException">The database cannot be dumped: says why and the way out.</exception>
    public static async Task<PostgresSource> OpenAsync(PostgresTarget target, PostgresOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(options);
        PostgresEndpoint access = PostgresEndpoint.Resolve(target, options);
        PostgresConnection connection = await PostgresConnection.OpenAsync(access, cancellationToken);
        try
        {
            (int major, string version) = await connection.ReadVersionAsync(cancellationToken);
            PostgresDumper dumper = await PostgresDumper.FindAsync(access, major, cancellationToken);
            await dumper.RehearseAsync(cancellationToken);
            string? canReadPasswords = (await connection.QueryAsync("SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')::text", cancellationToken))[0][0];
            return new PostgresSource(connection, dumper, version, canReadPasswords == "true");
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Pins the present moment in one round trip: opens a read-only transaction and exports its snapshot. Writers are not disturbed. Once, until <see cref="UnpinAsync"/>; the
    /// source's connection holds the pin, so dispose the pin first.
    /// </summary>
    /// <exception cref="SourceException">The server refused, or the connection is lost.</exception>
    public async Task<PinnedPostgres> PinAsync(CancellationToken cancellationToken)
    {
        const string pin = """
            BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
            SELECT pg_catalog.pg_export_snapshot(), pg_catalog.transaction_timestamp()::text
            """;
        string?[] row = (await _connection.QueryAsync(pin, cancellationToken))[0];
        return new PinnedPostgres(_connection, _dumper, row[0]!, row[1]!, this);
    }

    /// <summary>Lets a pinned moment go and keeps the connection, so that another can be pinned. The pin of before is of no use any more; do not dispose it.</summary>
    /// <exception cref="SourceException">The connection is lost.</exception>
    public Task UnpinAsync(CancellationToken cancellationToken) => _connection.QueryAsync("ROLLBACK", cancellationToken);

    /// <summary>
    /// The names of a server's databases, sorted, without templates and those that let nobody in.
    /// <paramref name="access"/> names any database that the role may connect to, as <c>postgres</c>.
    /// </summary>
    /// <exception cref="SourceException">The server is not reachable or does not let us in.</exception>
    public static async Task<IReadOnlyList<string>> ListDatabasesAsync(PostgresTarget access, PostgresOptions options, CancellationToken cancellationToken)
    {
        await using PostgresConnection connection = await PostgresConnection.OpenAsync(PostgresEndpoint.Resolve(access, options), cancellationToken);
        List<string?[]> rows = await connection.QueryAsync("SELECT datname::text FROM pg_database WHERE datallowconn AND NOT datistemplate", cancellationToken);
        return [.. rows.Select(row => row[0]!).Where(static name => !DatabaseNames.IsPutAside(name)).Order(StringComparer.Ordinal)];
    }

    /// <summary>What a live database says of the versions of its schema, as <see cref="PostgresFacts.SchemaVersions"/>.</summary>
    /// <exception cref="SourceException">The database is missing, not reachable, or does not let us in.</exception>
    public static async Task<IReadOnlyDictionary<string, string>> ReadSchemaVersionsAsync(PostgresTarget target, PostgresOptions options, CancellationToken cancellationToken)
    {
        await using PostgresConnection connection = await PostgresConnection.OpenAsync(PostgresEndpoint.Resolve(target, options), cancellationToken);
        return await SchemaVersionTables.ReadAsync(connection, isInTransaction: false, cancellationToken);
    }

    /// <summary>Ends the connection, and with it a pin.</summary>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
