using Npgsql;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>The sessions in a database, and how to be rid of them for what a server does to a database that nobody is in: renaming and dropping it.</summary>
internal static class DatabaseSessions
{
    private const int Attempts = 4;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Runs statements that need databases for themselves, in one round trip, and ends whoever is in them meanwhile, for up to 20 s.
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
        if (await FindLastingUseAsync(connection, databases, cancellationToken) is [var use, ..]) return new SourceException(use.What, use.WayOut, failure);
        List<string?[]> sessions = await connection.QueryAsync($"""
            SELECT format('%s of role %s (process %s)', coalesce(nullif(application_name, ''), backend_type), coalesce(usename::text, 'nobody'), pid)
            FROM pg_stat_activity WHERE datname IN ({SqlText.Texts(databases)}) AND pid <> pg_backend_pid() ORDER BY pid
            """, cancellationToken);
        string who = sessions.Count == 0 ? "" : $"; in it: {string.Join(", ", sessions.Take(5).Select(static row => row[0]))}{(sessions.Count > 5 ? $" and {sessions.Count - 5} more" : "")}";
        return new SourceException($"{failure.Message}{who}", $"End those sessions, or let role {connection.Access.Role} do it (a superuser may end all); then try again.", failure);
    }

    /// <summary>What uses a database without being in it, and keeps it from being renamed or dropped.</summary>
    internal static async Task<IReadOnlyList<RestoreObstacle>> FindLastingUseAsync(PostgresConnection connection, IReadOnlyList<string> databases, CancellationToken cancellationToken)
    {
        string names = SqlText.Texts(databases);
        List<string?[]> rows = await connection.QueryAsync($"""
            SELECT 'prepared', database::text, gid FROM pg_prepared_xacts WHERE database IN ({names})
            UNION ALL SELECT 'slot', database::text, slot_name::text FROM pg_replication_slots WHERE database IN ({names})
            """, cancellationToken);
        // Its table is for superusers; its columns have grown: the two that are asked for, others may read from 10 on.
        string?[] subscriptions = (await connection.QueryAsync("SELECT (to_regclass('pg_catalog.pg_subscription') IS NOT NULL)::text", cancellationToken))[0];
        if (subscriptions[0] == "true")
            rows.AddRange(await connection.QueryAsync($"SELECT 'subscription', d.datname::text, s.subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname IN ({names})", cancellationToken));
        return [.. rows.Select(static row => row[0] switch
        {
            "prepared" => new RestoreObstacle($"database {row[1]} holds the prepared transaction {SqlText.Text(row[2]!)}, which keeps it from being renamed",
                $"End it in that database, with COMMIT PREPARED or ROLLBACK PREPARED {SqlText.Text(row[2]!)}; then try again."),
            "slot" => new RestoreObstacle($"database {row[1]} has the replication slot {row[2]}: whoever replicates from it would be cut off from what replaces it",
                $"End that replication, and remove the slot (SELECT pg_drop_replication_slot({SqlText.Text(row[2]!)})); then try again."),
            _ => new RestoreObstacle($"database {row[1]} has the subscription {row[2]}, whose worker keeps it from being renamed",
                $"Remove it in that database (DROP SUBSCRIPTION {SqlText.Name(row[2]!)}); then try again."),
        })];
    }
}
