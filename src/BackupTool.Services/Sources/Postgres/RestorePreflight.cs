namespace BackupTool.Services.Sources.Postgres;

/// <summary>Looks for what would make a restore fail, before it begins.</summary>
/// <param name="connection">As who will do it.</param>
/// <param name="names">The three names.</param>
/// <param name="by">Who will do it, in words.</param>
internal sealed class RestorePreflight(PostgresConnection connection, DatabaseNames names, string by)
{
    private readonly List<RestoreObstacle> _obstacles = [];
    private readonly List<string> _warnings = [];

    internal async Task<RestoreOutlook> CheckAsync(DumpHead? head, GlobalRoles globals, DatabaseState state, CancellationToken cancellationToken)
    {
        (int major, string version) = await connection.ReadVersionAsync(cancellationToken);
        string?[] rights = (await connection.QueryAsync("SELECT rolsuper::text, rolcreaterole::text FROM pg_roles WHERE rolname = current_user", cancellationToken))[0];
        bool isSuperuser = rights[0] == "true";
        if (state.Previous is not null) _obstacles.Add(AlreadyReplaced(names));
        if (state.Live is { IsHalfDropped: true }) _warnings.Add($"database {names.Live} was half dropped by somebody: it is kept under the name {names.Previous}, but can never be used again");
        _obstacles.AddRange(await DatabaseSessions.FindPreparedAsync(connection, [names.Live], cancellationToken));
        _obstacles.AddRange(await DatabaseSessions.FindReplicationAsync(connection, names.Live, cancellationToken));
        IReadOnlyList<string> missing = [];
        if (head is not null)
        {
            missing = await FindMissingRolesAsync(head.Definition, cancellationToken);
            CheckRoles(missing, globals, mayCreate: isSuperuser || rights[1] == "true");
            CheckVersion(head, major, version);
            await CheckDefinitionAsync(head.Definition, cancellationToken);
            if (!isSuperuser) await CheckOwnersAsync(head.Definition, missing, major, cancellationToken);
        }
        else if (state.Live is null)
        {
            _obstacles.Add(new RestoreObstacle($"there is no database {names.Live} to put an empty one in the place of", "Create it (createdb), or restore it from a snapshot."));
        }
        return new RestoreOutlook
        {
            Live = state.Live,
            ServerVersion = version,
            IsSuperuser = isSuperuser,
            By = by,
            DumpedFrom = head?.Header?.ServerVersion,
            RolesToCreate = [.. missing.Where(globals.Names.Contains)],
            Obstacles = _obstacles,
            Warnings = _warnings,
        };
    }

    /// <summary>Roles that a dump names and the server lacks.</summary>
    internal async Task<IReadOnlyList<string>> FindMissingRolesAsync(DumpDefinition definition, CancellationToken cancellationToken)
    {
        List<string?[]> known = await connection.QueryAsync($"SELECT rolname::text FROM pg_roles WHERE rolname IN ({SqlText.Texts(definition.Roles)})", cancellationToken);
        return [.. definition.Roles.Except(known.Select(static row => row[0]!))];
    }

    internal static RestoreObstacle UnknownRoles(IReadOnlyCollection<string> roles) => new(
        $"the server lacks {(roles.Count == 1 ? "role" : "the roles")} {string.Join(", ", roles)}, which the dump names, and the snapshot's globals do not hold {(roles.Count == 1 ? "it" : "them")}",
        $"Create {(roles.Count == 1 ? "it" : "them")}: createuser --no-login {string.Join("; createuser --no-login ", roles.Select(static role => $"'{role.Replace("'", "'\\''", StringComparison.Ordinal)}'"))}");

    internal static RestoreObstacle AlreadyReplaced(DatabaseNames names) => new($"database {names.Live} is replaced already: what was there before is kept as {names.Previous}",
        "Go back to it ('backup rollback') or forget it ('backup restore --forget-previous') first.");

    internal static SourceException Obstacle(RestoreObstacle obstacle) => new(obstacle.What, obstacle.WayOut);

    private void CheckRoles(IReadOnlyList<string> missing, GlobalRoles globals, bool mayCreate)
    {
        string[] unknown = [.. missing.Where(role => !globals.Names.Contains(role))];
        if (unknown.Length > 0) _obstacles.Add(UnknownRoles(unknown));
        if (missing.Count > unknown.Length && !mayCreate)
            _obstacles.Add(new RestoreObstacle($"the server lacks roles that the dump names ({string.Join(", ", missing.Except(unknown))}), and {by} may not create them", "Run it as root, or give role postgres in `postgres` of the service."));
    }

    private void CheckVersion(DumpHead head, int major, string version)
    {
        int dumped = DumpHeader.Major(head.Header?.ServerVersion ?? "");
        if (dumped > major)
            _warnings.Add($"the dump is of PostgreSQL {head.Header!.ServerVersion}, and the server is {version}, which is older: it may not understand all of it");
        if (head.Definition.Subscriptions.Count > 0)
            _warnings.Add($"subscriptions are not restored: {string.Join(", ", head.Definition.Subscriptions)}");
        if (!head.Definition.IsComplete)
            _warnings.Add("the dump is of a pg_dump before 11, which left out the database's settings and grants: they are taken from the live database, where there is one");
    }

    private async Task CheckDefinitionAsync(DumpDefinition definition, CancellationToken cancellationToken)
    {
        List<string?[]> available = await connection.QueryAsync("SELECT name::text FROM pg_available_extensions", cancellationToken);
        foreach (string extension in definition.Extensions.Except(available.Select(static row => row[0]!)))
            _obstacles.Add(new RestoreObstacle($"the dump needs the extension {extension}, which the server does not have", $"Install it for the server's version (Debian: apt-cache search postgresql | grep -i {extension}), then try again."));
        if (definition.Option("encoding") is { } encoding && (await connection.QueryAsync($"SELECT (pg_char_to_encoding({SqlText.Text(encoding)}) >= 0)::text", cancellationToken))[0][0] == "false")
            _obstacles.Add(new RestoreObstacle($"the dump is of a database in the encoding {encoding}, which the server does not know", "Restore it into a server of the version that it was dumped of."));
        foreach (string locale in ((string[])["locale", "lc_collate", "lc_ctype"]).Select(definition.Option).OfType<string>().Distinct())
            if (!await IsLocaleKnownAsync(locale, cancellationToken))
                _warnings.Add($"the database was made with the locale {locale}, which the server's host may not have (Debian: dpkg-reconfigure locales)");
    }

    // The server lists those of its host when it is set up; CREATE DATABASE alone asks the host itself.
    private async Task<bool> IsLocaleKnownAsync(string locale, CancellationToken cancellationToken)
    {
        if (locale is "C" or "POSIX") return true;
        string same = $"replace(lower({SqlText.Text(locale)}), '-', '')";
        return (await connection.QueryAsync($"""
            SELECT (EXISTS (SELECT FROM pg_database WHERE {same} IN (replace(lower(datcollate), '-', ''), replace(lower(datctype), '-', '')))
              OR EXISTS (SELECT FROM pg_collation WHERE {same} IN (replace(lower(collcollate), '-', ''), replace(lower(collname), '-', ''))))::text
            """, cancellationToken))[0][0] == "true";
    }

    private async Task CheckOwnersAsync(DumpDefinition definition, IReadOnlyList<string> missing, int major, CancellationToken cancellationToken)
    {
        // From 16 on, membership alone does not let one hand things over.
        string right = major >= 16 ? "SET" : "MEMBER";
        List<string?[]> foreign = await connection.QueryAsync($"SELECT rolname::text FROM pg_roles WHERE rolname IN ({SqlText.Texts(definition.Owners)}) AND NOT pg_has_role(oid, '{right}') ORDER BY 1", cancellationToken);
        string[] all = [.. foreign.Select(static row => row[0]!), .. missing.Intersect(definition.Owners)];
        if (all.Length > 0)
            _obstacles.Add(new RestoreObstacle($"{by} may not make things for {string.Join(", ", all)}, who own some of what is in the dump", "Run it as root on the server's host, or give role postgres in `postgres` of the service."));
    }
}
