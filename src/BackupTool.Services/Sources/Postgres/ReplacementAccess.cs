using System.Globalization;
using BackupTool.Posix;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// Finds who may replace a database: the service's own role when it is a superuser; else, when this process may be it and the server is on this host, role postgres by peer authentication, because a
/// dump may hold what only a superuser can restore; else the service's own role, when it may create databases and is a member of the owner.
/// </summary>
internal static class ReplacementAccess
{
    private const string Superuser = "postgres";
    private static readonly string[] LoopbackNames = ["localhost", "127.0.0.1", "::1"];

    /// <summary>Connects to find out, and returns the way to a database from where the three can be renamed.</summary>
    /// <exception cref="SourceException">Nobody may: says which right is missing, and the ways out.</exception>
    internal static async Task<PostgresEndpoint> FindAsync(PostgresTarget live, DatabaseNames names, PostgresOptions options, CancellationToken cancellationToken)
    {
        (Found? own, SourceException? whyNotOwn) = await TryAsync(live, names, options, cancellationToken);
        if (own is { IsSuperuser: true }) return own.Access;
        (Found? postgres, string whyNotPostgres) = await TryAsPostgresAsync(live, own, names, options, cancellationToken);
        if (postgres is not null) return postgres.Access;
        if (own is { Missing: null }) return own.Access;
        string role = live.Role ?? live.SystemUser;
        string why = own is not null ? own.Missing! : whyNotOwn!.Message;
        throw new SourceException($"the PostgreSQL database {names.Live} cannot be replaced: {why}; and {whyNotPostgres}",
            $"Run it as root on the server's host; or name somebody who may in the service's section, as postgres = {{ role = \"postgres\", system-user = \"postgres\" }}; or let {role} do it: ALTER ROLE {SqlText.Name(role)} CREATEDB"
            + (own?.Owner is { } owner && owner != role ? $"; GRANT {SqlText.Name(owner)} TO {SqlText.Name(role)}" : "") + ".");
    }

    private static async Task<(Found? Found, string Why)> TryAsPostgresAsync(PostgresTarget live, Found? own, DatabaseNames names, PostgresOptions options, CancellationToken cancellationToken)
    {
        if (SystemUser.Find(Superuser) is not { } user) return (null, "this host has no system user postgres");
        if (!PosixIdentity.IsRoot && !user.IsCurrent) return (null, "this process is not root, and so cannot be the system user postgres");
        bool isSocket = live.Host is null or ['/', ..];
        if (!isSocket && !LoopbackNames.Contains(live.Host)) return (null, $"the server is not on this host, where it would know the system user postgres");
        PostgresTarget target = live with { Role = Superuser, SystemUser = Superuser, Password = null, Host = isSocket ? live.Host : null };
        (Found? found, SourceException? why) = await TryAsync(target, names, options, cancellationToken);
        if (found is null) return (null, $"the system user postgres does not get in: {why!.Message}");
        if (!found.IsSuperuser) return (null, "role postgres is no superuser there");
        // Another server's socket may have the same number: a container's port, for one.
        bool isSame = isSocket || (own is not null ? own.Started == found.Started : found.Listens(live));
        return isSame ? (found, "") : (null, $"the server behind {found.Access.Host} is another than that at {live.Host}");
    }

    private static async Task<(Found? Found, SourceException? Why)> TryAsync(PostgresTarget target, DatabaseNames names, PostgresOptions options, CancellationToken cancellationToken)
    {
        SourceException? why = null;
        foreach (string database in ((string[])["postgres", "template1", target.Role ?? target.SystemUser]).Except([names.Live, names.Fresh, names.Previous]))
        {
            try
            {
                await using PostgresConnection connection = await PostgresConnection.OpenAsync(PostgresEndpoint.Resolve(target with { Database = database }, options), cancellationToken);
                return (await Found.ReadAsync(connection, names, cancellationToken), null);
            }
            catch (SourceException e)
            {
                why ??= e;
            }
        }
        return (null, why);
    }

    /// <summary>Somebody who gets in.</summary>
    /// <param name="Access">To a database that is none of the three.</param>
    /// <param name="IsSuperuser">Then nothing is missing.</param>
    /// <param name="Missing">Which right is missing; null when none is.</param>
    /// <param name="Owner">Who owns the live database; null when there is none.</param>
    /// <param name="Started">When the server was started, to the microsecond: no two servers of a host share that.</param>
    /// <param name="ListensOn">Its addresses; null when the role may not know.</param>
    /// <param name="Port">Its port.</param>
    private sealed record Found(PostgresEndpoint Access, bool IsSuperuser, string? Missing, string? Owner, string Started, string? ListensOn, string Port)
    {
        internal bool Listens(PostgresTarget target) => Port == target.Port.ToString(CultureInfo.InvariantCulture)
            && ListensOn?.Split(',').Select(static each => each.Trim()).Any(each => each is "*" or "0.0.0.0" or "::" || LoopbackNames.Contains(each)) == true;

        internal static async Task<Found> ReadAsync(PostgresConnection connection, DatabaseNames names, CancellationToken cancellationToken)
        {
            string?[] row = (await connection.QueryAsync($"""
                SELECT r.rolsuper::text, r.rolcreatedb::text, pg_get_userbyid(d.datdba)::text, pg_has_role(d.datdba, 'MEMBER')::text,
                  extract(epoch FROM pg_postmaster_start_time())::text, CASE WHEN r.rolsuper THEN current_setting('listen_addresses') END, current_setting('port')
                FROM pg_roles r LEFT JOIN pg_database d ON d.datname = {SqlText.Text(names.Live)} WHERE r.rolname = current_user
                """, cancellationToken))[0];
            string? missing = row[0] == "true" ? null
                : row[1] != "true" ? $"role {connection.Access.Role} may not create databases"
                : row[3] == "false" ? $"role {connection.Access.Role} is no member of role {row[2]}, which owns it"
                : null;
            return new Found(connection.Access, row[0] == "true", missing, row[2], row[4]!, row[5], row[6]!);
        }
    }
}
