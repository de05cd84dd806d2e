using Npgsql;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>The sessions in a database, and how to be rid of them for what a server does to a database that nobody is in: renaming and dropping it.</summary>
internal static class DatabaseSessions
{
    private const int Attempts = 3;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Runs statements that need databases for themselves, in one round trip, and ends whoever is in them meanwhile, for up to 15 s.
    /// </summary>
    /// <remarks>
    /// The server locks the database first, which keeps newcomers waiting, then waits 5 s for those that are in it (dbcommands.c, RenameDatabase and dropdb): so whoever is ended in these seconds does not come
    /// back before the statement is through, however fast it connects again, and no setting has to be changed and put back.
    /// </remarks>
    /// <param name="administration">Another database of the server.</param>
    /// <param name="databases">Whose sessions end.</param>
    /// <param name="statements">All or nothing.</param>
    /// <param name="cancellationToken">Cancels: then nothing was done.</param>
    /// <exception cref="SourceException">The server refused, or somebody could not be ended: says who.</exception>
    internal static async Task RunWithoutThemAsync(PostgresEndpoint administration, IReadOnlyList<string> databases, string statements, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            await using PostgresConnection ending = await PostgresConnection.OpenAsync(administration, cancellationToken);
            try
            {
                await using PostgresConnection working = await PostgresConnection.OpenAsync(administration, cancellationToken);
                await EndWhileAsync(working.QueryAsync(statements, cancellationToken, TimeSpan.Zero), ending, databases, cancellationToken);
                return;
            }
            catch (SourceException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.ObjectInUse or PostgresErrorCodes.LockNotAvailable })
            {
                if (await FindPreparedAsync(ending, databases, cancellationToken) is [var prepared, ..]) throw new SourceException(prepared.What, prepared.WayOut, e);
                if (attempt == Attempts) throw await ExplainAsync(ending, databases, e, cancellationToken);
            }
        }
    }

    private static async Task EndWhileAsync(Task work, PostgresConnection ending, IReadOnlyList<string> databases, CancellationToken cancellationToken)
    {
        try
        {
            while (!work.IsCompleted)
            {
                await EndAsync(ending, databases, cancellationToken);
                await Task.WhenAny(work, Task.Delay(Interval, ending.Access.Options.Time, cancellationToken));
            }
        }
        finally
        {
            // Whatever happened to the ending of sessions: what was asked for is done or not when this returns.
            await work;
        }
    }

    /// <summary>Ends those that the role may end: a superuser all, others those of roles that it is a member of.</summary>
    private static Task<List<string?[]>> EndAsync(PostgresConnection connection, IReadOnlyList<string> databases, CancellationToken cancellationToken) => connection.QueryAsync($"""
        SELECT pg_terminate_backend(a.pid)::text FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid, pg_roles me
        WHERE a.datname IN ({SqlText.Texts(databases)}) AND a.pid <> pg_backend_pid() AND me.rolname = current_user
          AND (me.rolsuper OR (NOT r.rolsuper AND (pg_has_role(r.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))))
        """, cancellationToken);

    private static async Task<SourceException> ExplainAsync(PostgresConnection connection, IReadOnlyList<string> databases, SourceException failure, CancellationToken cancellationToken)
    {
        List<string?[]> sessions = await connection.QueryAsync($"""
            SELECT format('%s of role %s (process %s)', coalesce(nullif(application_name, ''), backend_type), coalesce(usename::text, 'nobody'), pid)
            FROM pg_stat_activity WHERE datname IN ({SqlText.Texts(databases)}) AND pid <> pg_backend_pid() ORDER BY pid
            """, cancellationToken);
        string who = sessions.Count == 0 ? "" : $"; in it: {string.Join(", ", sessions.Take(5).Select(static row => row[0]))}{(sessions.Count > 5 ? $" and {sessions.Count - 5} more" : "")}";
        return new SourceException($"{failure.Message}{who}", $"End those sessions, or let role {connection.Access.Role} do it (a superuser may end all); then try again.", failure);
    }

    /// <summary>Transactions that nobody is in, and that keep a database from being renamed or dropped.</summary>
    internal static async Task<IReadOnlyList<RestoreObstacle>> FindPreparedAsync(PostgresConnection connection, IReadOnlyList<string> databases, CancellationToken cancellationToken) =>
        [.. (await connection.QueryAsync($"SELECT database::text, gid FROM pg_prepared_xacts WHERE database IN ({SqlText.Texts(databases)})", cancellationToken)).Select(static row => new RestoreObstacle(
            $"database {row[0]} holds the prepared transaction {SqlText.Text(row[1]!)}, which keeps it from being renamed",
            $"End it in that database, with COMMIT PREPARED or ROLLBACK PREPARED {SqlText.Text(row[1]!)}; then try again."))];

    /// <summary>Replication from and into a database, which would go on with the wrong one.</summary>
    internal static async Task<IReadOnlyList<RestoreObstacle>> FindReplicationAsync(PostgresConnection connection, string database, CancellationToken cancellationToken)
    {
        string name = SqlText.Text(database);
        List<string?[]> slots = await connection.QueryAsync($"SELECT slot_name::text FROM pg_replication_slots WHERE database = {name}", cancellationToken);
        // From 10 on. Of its columns, these two are everybody's.
        bool hasSubscriptions = (await connection.QueryAsync("SELECT (to_regclass('pg_catalog.pg_subscription') IS NOT NULL)::text", cancellationToken))[0][0] == "true";
        List<string?[]> subscriptions = !hasSubscriptions ? []
            : await connection.QueryAsync($"SELECT s.subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = {name}", cancellationToken);
        return
        [
            .. slots.Select(row => new RestoreObstacle($"database {database} has the replication slot {row[0]}: whoever replicates from it would go on with the database that is moved away",
                $"End that replication and remove the slot (SELECT pg_drop_replication_slot({SqlText.Text(row[0]!)})); then try again.")),
            .. subscriptions.Select(row => new RestoreObstacle($"database {database} has the subscription {row[0]}, whose worker would go on with the database that is moved away",
                $"Remove it in that database (DROP SUBSCRIPTION {SqlText.Name(row[0]!)}); then try again.")),
        ];
    }
}
