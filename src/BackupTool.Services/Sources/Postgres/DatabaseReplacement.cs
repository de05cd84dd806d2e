using System.Globalization;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// Replaces a database: what is to come is made beside the live one, under another name, while the service runs; then the names are exchanged in one transaction, and can be exchanged back. Holds no
/// connection: every step makes its own, so that the server may be restarted in between. After a kill between any two steps, <see cref="MoveToAsync"/> and <see cref="DropAsync"/> go on from
/// what is there.
/// </summary>
public sealed class DatabaseReplacement
{
    private readonly PostgresEndpoint _administration;

    private DatabaseReplacement(DatabaseNames names, PostgresEndpoint administration)
    {
        Names = names;
        _administration = administration;
    }

    /// <summary>The three names.</summary>
    public DatabaseNames Names { get; }

    /// <summary>Who does it, for a plan: <c>role postgres, as system user postgres</c>.</summary>
    public string By => _administration.Target.Password is null ? $"role {_administration.Role}, as system user {_administration.RunAs.Name}" : $"role {_administration.Role}, by its password";

    /// <summary>
    /// Finds who may do it. The service's own role when it is a superuser; else role postgres by peer authentication, when this process may be that system user and the server is on this host; else the service's own
    /// role, when it may create databases and is a member of the live database's owner. The live database need not exist.
    /// </summary>
    /// <exception cref="SourceException">The server is not reachable, or nobody may: says which right is missing, and the ways out.</exception>
    public static async Task<DatabaseReplacement> OpenAsync(PostgresTarget live, DatabaseNames names, PostgresOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(live);
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(options);
        return new DatabaseReplacement(names, await ReplacementAccess.FindAsync(live, names, options, cancellationToken));
    }

    /// <summary>Looks, and changes nothing, whether a restore or a wipe may begin.</summary>
    /// <param name="dump">Read for its beginning only; null for <see cref="CreateEmptyAsync"/>.</param>
    /// <param name="globals">What pg_dumpall wrote of the roles; null when there is none.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="SourceException">The server is not reachable, or the dump is none.</exception>
    public async Task<RestoreOutlook> CheckAsync(Stream? dump, string? globals, CancellationToken cancellationToken)
    {
        await using PostgresConnection connection = await ConnectAsync(cancellationToken);
        (int major, _) = await connection.ReadVersionAsync(cancellationToken);
        DumpHead? head = dump is null ? null : await DumpHead.ReadAsync(dump, _administration, major, cancellationToken);
        return await new RestorePreflight(connection, Names, By).CheckAsync(head, new GlobalRoles(globals), await InspectAsync(connection, cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Restores a dump of pg_dump's custom format into <see cref="DatabaseNames.Fresh"/>, as it was: owners, grants, large objects, the database's own encoding, locale, comment, settings and grants. Roles that
    /// it names and the server lacks are created from the globals; none that exists is touched. When it fails, the new database and the new roles are dropped again.
    /// </summary>
    /// <param name="dump">Read once, to its end; what it throws comes through.</param>
    /// <param name="globals">What pg_dumpall wrote of the roles; null when there is none.</param>
    /// <param name="statementsAfterwards">Run in the new database, in one transaction, with the database's own search path.</param>
    /// <param name="cancellationToken">Ends the restore; what was made is dropped all the same.</param>
    /// <exception cref="SourceException">The dump is not restorable here.</exception>
    public async Task<RestoredContent> RestoreAsync(Stream dump, string? globals, IReadOnlyList<string> statementsAfterwards, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(dump);
        ArgumentNullException.ThrowIfNull(statementsAfterwards);
        await using PostgresConnection connection = await ConnectAsync(cancellationToken);
        (int major, _) = await connection.ReadVersionAsync(cancellationToken);
        DumpHead head = await DumpHead.ReadAsync(dump, _administration, major, cancellationToken);
        var roles = new GlobalRoles(globals);
        IReadOnlyList<string> missing = await new RestorePreflight(connection, Names, By).FindMissingRolesAsync(head.Definition, cancellationToken);
        if (missing.Where(role => !roles.Names.Contains(role)).ToList() is { Count: > 0 } unknown) throw RestorePreflight.Obstacle(RestorePreflight.UnknownRoles(unknown));
        DatabaseDefinition definition = head.Definition.IsComplete ? head.Definition.Database : await LiveDefinition.ReadAsync(connection, Names.Live, cancellationToken) ?? head.Definition.Database;

        await DropStaleAsync(connection, cancellationToken);
        await roles.CreateAsync(connection, missing, cancellationToken);
        try
        {
            await CreateAsync(connection, definition with { Options = head.Definition.Database.Options }, cancellationToken);
            await DumpRestore.RunAsync(_administration.To(Names.Fresh), DumpRestore.AsItWas, head, dump, cancellationToken);
            await SayAsync(connection, definition, cancellationToken);
            return await FinishAsync(statementsAfterwards, cancellationToken);
        }
        catch (Exception e)
        {
            await DropAfterAsync(e, missing);
            throw;
        }
    }

    /// <summary>Makes <see cref="DatabaseNames.Fresh"/> an empty database with the owner, encoding, locale, comment, settings and grants of the live one, which is not connected to.</summary>
    /// <exception cref="SourceException">There is no live database, or the server refused.</exception>
    public async Task CreateEmptyAsync(CancellationToken cancellationToken)
    {
        await using PostgresConnection connection = await ConnectAsync(cancellationToken);
        DatabaseDefinition definition = await LiveDefinition.ReadAsync(connection, Names.Live, cancellationToken)
            ?? throw new SourceException($"there is no database {Names.Live} to put an empty one in the place of", "Create it (createdb), or restore it from a snapshot.");
        await DropStaleAsync(connection, cancellationToken);
        try
        {
            await CreateAsync(connection, definition, cancellationToken);
            await SayAsync(connection, definition, cancellationToken);
        }
        catch (Exception e)
        {
            await DropAfterAsync(e, []);
            throw;
        }
    }

    /// <summary>
    /// Gives the live name to what was made (<see cref="DatabaseSide.Fresh"/>), or back to what was there before (<see cref="DatabaseSide.Previous"/>): in one transaction, so that it is wholly one or
    /// the other, and nothing when it is so already. Sessions in the databases are ended, and newcomers wait meanwhile.
    /// </summary>
    /// <param name="side">Where to.</param>
    /// <param name="hadLive">Whether there was a live database before the replacement; without one, going back leaves none.</param>
    /// <param name="cancellationToken">Cancels: then nothing was done.</param>
    /// <exception cref="SourceException">What is there cannot come from this replacement, or somebody could not be ended.</exception>
    public async Task MoveToAsync(DatabaseSide side, bool hadLive, CancellationToken cancellationToken)
    {
        IReadOnlyList<(string From, string To)> renames = DatabaseExchange.Plan(Names, await InspectAsync(cancellationToken), side, hadLive);
        if (renames.Count == 0) return;
        IEnumerable<string> statements = renames.Select(static rename => $"ALTER DATABASE {SqlText.Name(rename.From)} RENAME TO {SqlText.Name(rename.To)}");
        await DatabaseSessions.RunWithoutThemAsync(_administration, [.. renames.Select(static rename => rename.From)], string.Join("; ", ["BEGIN", .. statements, "COMMIT"]), cancellationToken);
    }

    /// <summary>
    /// Looks, and changes nothing, whether a later <see cref="MoveToAsync"/> to the side that does not live would find it. An obstacle without a way out: what was kept is gone.
    /// </summary>
    /// <exception cref="SourceException">The server is not reachable, or what is there cannot come from this replacement.</exception>
    public async Task<IReadOnlyList<RestoreObstacle>> CheckMoveAsync(DatabaseSide side, bool hadLive, CancellationToken cancellationToken)
    {
        await using PostgresConnection connection = await ConnectAsync(cancellationToken);
        DatabaseState state = await InspectAsync(connection, cancellationToken);
        bool isKept = (side == DatabaseSide.Fresh ? state.Fresh : state.Previous) is not null, comesBack = side == DatabaseSide.Fresh || hadLive;
        if (comesBack && !isKept) return [new RestoreObstacle($"the database {Names.Of(side)} is not there any more: what was kept of {Names.Live} is gone.", "")];
        _ = DatabaseExchange.Plan(Names, state, side, hadLive);
        return
        [
            .. await DatabaseSessions.FindPreparedAsync(connection, [Names.Live, Names.Of(side)], cancellationToken),
            .. await DatabaseSessions.FindReplicationAsync(connection, Names.Live, cancellationToken),
        ];
    }

    /// <summary>Which of the three there are now.</summary>
    /// <exception cref="SourceException">The server is not reachable.</exception>
    public async Task<DatabaseState> InspectAsync(CancellationToken cancellationToken)
    {
        await using PostgresConnection connection = await ConnectAsync(cancellationToken);
        return await InspectAsync(connection, cancellationToken);
    }

    /// <summary>Drops what is under the name of one side, and ends whoever is in it; nothing when nothing is. The live name is never touched.</summary>
    /// <exception cref="SourceException">The server refused, or somebody could not be ended.</exception>
    public async Task DropAsync(DatabaseSide side, CancellationToken cancellationToken)
    {
        string name = Names.Of(side);
        await using PostgresConnection connection = await ConnectAsync(cancellationToken);
        List<string?[]> found = await connection.QueryAsync($"SELECT datistemplate::text FROM pg_database WHERE datname = {SqlText.Text(name)}", cancellationToken);
        if (found.Count == 0) return;
        if (found[0][0] == "true") await connection.QueryAsync($"ALTER DATABASE {SqlText.Name(name)} IS_TEMPLATE false", cancellationToken);
        await DatabaseSessions.RunWithoutThemAsync(_administration, [name], $"DROP DATABASE IF EXISTS {SqlText.Name(name)}", cancellationToken);
    }

    private Task<PostgresConnection> ConnectAsync(CancellationToken cancellationToken) => PostgresConnection.OpenAsync(_administration, cancellationToken);

    private async Task<DatabaseState> InspectAsync(PostgresConnection connection, CancellationToken cancellationToken)
    {
        Dictionary<string, DatabaseFound> found = (await connection.QueryAsync($"""
            SELECT d.datname::text, pg_get_userbyid(d.datdba)::text, (d.datconnlimit = -2)::text, (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.usesysid IS NOT NULL)::text,
              CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE') THEN pg_database_size(d.oid)::text END
            FROM pg_database d WHERE d.datname IN ({SqlText.Texts([Names.Live, Names.Fresh, Names.Previous])})
            """, cancellationToken)).ToDictionary(static row => row[0]!, static row => new DatabaseFound(
                row[4] is { } bytes ? long.Parse(bytes, CultureInfo.InvariantCulture) : null, row[1]!, int.Parse(row[3]!, CultureInfo.InvariantCulture), row[2] == "true"));
        return new DatabaseState(found.GetValueOrDefault(Names.Live), found.GetValueOrDefault(Names.Fresh), found.GetValueOrDefault(Names.Previous));
    }

    private async Task DropStaleAsync(PostgresConnection connection, CancellationToken cancellationToken)
    {
        if ((await InspectAsync(connection, cancellationToken)).Previous is not null) throw RestorePreflight.Obstacle(RestorePreflight.AlreadyReplaced(Names));
        await DropAsync(DatabaseSide.Fresh, cancellationToken);
    }

    private async Task CreateAsync(PostgresConnection connection, DatabaseDefinition definition, CancellationToken cancellationToken)
    {
        string owner = definition.Owner is { } role ? $"OWNER {SqlText.Name(role)} " : "";
        string tablespace = await LiveDefinition.ReadTablespaceAsync(connection, Names.Live, cancellationToken) is { } other ? $" TABLESPACE {SqlText.Name(other)}" : "";
        await connection.ExecuteOneByOneAsync([$"CREATE DATABASE {SqlText.Name(Names.Fresh)} {owner}TEMPLATE template0 {definition.Options}{tablespace}"], cancellationToken);
    }

    /// <summary>After the rows: a setting such as default_transaction_read_only would keep them out.</summary>
    private Task SayAsync(PostgresConnection connection, DatabaseDefinition definition, CancellationToken cancellationToken) =>
        connection.ExecuteOneByOneAsync(definition.Statements.Select(statement => statement.Of(Names.Fresh)), cancellationToken);

    private async Task<RestoredContent> FinishAsync(IReadOnlyList<string> statements, CancellationToken cancellationToken)
    {
        await using PostgresConnection fresh = await PostgresConnection.OpenAsync(_administration.To(Names.Fresh), cancellationToken);
        if (statements.Count > 0) await fresh.ExecuteOneByOneAsync(["BEGIN READ WRITE", "RESET search_path", .. statements, "COMMIT", "SET search_path = ''"], cancellationToken);
        RestoredContent content = await RowCount.ReadAsync(fresh, cancellationToken);
        // Else the service's first queries are planned blindly, until the server finds time for it.
        await fresh.ExecuteOneByOneAsync(["SET default_transaction_read_only = off", "ANALYZE"], cancellationToken);
        return content;
    }

    /// <summary>On connections of its own and without the caller's cancellation. Says both when something cannot be dropped either, as when the server has gone.</summary>
    private async Task DropAfterAsync(Exception failure, IReadOnlyList<string> newRoles)
    {
        try
        {
            await DropAsync(DatabaseSide.Fresh, CancellationToken.None);
            await using PostgresConnection connection = await ConnectAsync(CancellationToken.None);
            await connection.ExecuteOneByOneAsync(newRoles.Select(static role => $"DROP ROLE {SqlText.Name(role)}"), CancellationToken.None);
        }
        catch (SourceException e)
        {
            throw new SourceException($"{failure.Message}; and what was made for it is left behind ({string.Join(", ", newRoles.Select(static role => $"role {role}").Prepend($"database {Names.Fresh}"))}): {e.Message}",
                "Drop it by hand (dropdb, dropuser) when the server is well; the live database was not touched.", failure);
        }
    }
}
