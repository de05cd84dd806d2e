using System.Globalization;
using BackupTool.Posix;
using Npgsql;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// A session of our own: opened as the right system user, with every time limit off that could end it while it waits, and with an empty search path, so that nobody's
/// functions stand in for the server's. One query at a time; others wait.
/// </summary>
internal sealed class PostgresConnection : IAsyncDisposable
{
    private readonly NpgsqlDataSource _dataSource;
    private readonly NpgsqlConnection _connection;
    private readonly SemaphoreSlim _turn = new(1, 1);

    private PostgresConnection(PostgresEndpoint access, NpgsqlDataSource dataSource, NpgsqlConnection connection)
    {
        Access = access;
        _dataSource = dataSource;
        _connection = connection;
    }

    internal PostgresEndpoint Access { get; }

    /// <summary>Connects.</summary>
    /// <exception cref="SourceException">It is not reachable, does not let us in, or has no such database.</exception>
    internal static async Task<PostgresConnection> OpenAsync(PostgresEndpoint access, CancellationToken cancellationToken)
    {
        NpgsqlDataSource? dataSource = null;
        NpgsqlConnection? connection = null;
        try
        {
            var builder = new NpgsqlSlimDataSourceBuilder();
            builder.ConnectionStringBuilder.ConnectionString = access.ForNpgsql().ConnectionString;
            builder.EnableTransportSecurity();
            builder.ConfigureTypeLoading(static types => types.EnableTypeLoading(false));   // our queries ask for text only
            dataSource = builder.Build();
            connection = dataSource.CreateConnection();
            // Synchronously: the thread that calls connect(2) is the one whose identity the server is told.
            NpgsqlConnection opening = connection;
            if (access.IsSocket) await ThreadIdentity.RunAsync(access.RunAs, () => { opening.Open(); return 0; });
            else await connection.OpenAsync(cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            var opened = new PostgresConnection(access, dataSource, connection);
            await opened.QueryAsync(Settings, cancellationToken);
            return opened;
        }
        catch (Exception e)
        {
            if (connection is not null) await connection.DisposeAsync();
            if (dataSource is not null) await dataSource.DisposeAsync();
            if (e is ExplainedException or OperationCanceledException) throw;
            throw PostgresFailure.Explain(e, access, "cannot be reached");
        }
    }

    /// <summary>Runs statements in one round trip and returns their rows; every column must be text. A timeout of zero is none.</summary>
    /// <exception cref="SourceException">The server refused, or the connection is lost.</exception>
    internal async Task<List<string?[]>> QueryAsync(string statements, CancellationToken cancellationToken, TimeSpan? timeout = null)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await using NpgsqlCommand command = _connection.CreateCommand();
            command.CommandText = statements;
            if (timeout is { } limit) command.CommandTimeout = (int)limit.TotalSeconds;
            await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
            List<string?[]> rows = [];
            do
            {
                while (await reader.ReadAsync(cancellationToken))
                {
                    var row = new string?[reader.FieldCount];
                    for (int i = 0; i < row.Length; i++) row[i] = reader.IsDBNull(i) ? null : reader.GetString(i);
                    rows.Add(row);
                }
            }
            while (await reader.NextResultAsync(cancellationToken));
            return rows;
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException)
        {
            throw PostgresFailure.Explain(e, Access, e is PostgresException ? "refused" : "did not answer");
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Runs statements that may not be in a transaction, one by one and without a time limit.</summary>
    /// <exception cref="SourceException">The server refused, or the connection is lost.</exception>
    internal async Task ExecuteOneByOneAsync(IEnumerable<string> statements, CancellationToken cancellationToken)
    {
        foreach (string statement in statements) await QueryAsync(statement, cancellationToken, TimeSpan.Zero);
    }

    /// <summary>The version as PROGRAM --version counts it: 15 of 15.18, 9 of 9.6.</summary>
    internal async Task<(int Major, string Text)> ReadVersionAsync(CancellationToken cancellationToken)
    {
        string?[] row = (await QueryAsync("SELECT current_setting('server_version_num'), current_setting('server_version')", cancellationToken))[0];
        return (int.Parse(row[0]!, CultureInfo.InvariantCulture) / 10000, row[1]!);
    }

    /// <summary>Ends the session; its transaction with it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _dataSource.DisposeAsync();
    }

    // transaction_timeout is known from 17 on, idle_session_timeout from 14 on: of pg_settings, so that older servers are not asked for them.
    private const string Settings = """
        SELECT pg_catalog.set_config('search_path', '', false);
        SELECT pg_catalog.set_config(name, CASE name WHEN 'lock_timeout' THEN '10000' ELSE '0' END, false) FROM pg_catalog.pg_settings
        WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout', 'lock_timeout')
        """;
}
