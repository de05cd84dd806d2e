using System.Net.Sockets;
using BackupTool.Posix;
using Npgsql;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>Turns what Npgsql throws into what an operator can act on.</summary>
internal static class PostgresFailure
{
    /// <summary>Explains a failure; <paramref name="doing"/> goes into "DATABASE doing: why".</summary>
    internal static SourceException Explain(Exception failure, PostgresEndpoint access, string doing) => failure switch
    {
        PostgresException refused => ExplainRefusal(refused, access, doing),
        _ when RootOf(failure) is SocketException socket => new SourceException(access.Mask($"{access.Target} {doing}: {socket.Message}"), HintFor(socket, access), failure),
        _ when RootOf(failure) is TimeoutException => new SourceException($"{access.Target} {doing}: no answer within {access.Options.ConnectTimeout.TotalSeconds:0.#} s",
            "See whether PostgreSQL is overloaded or still starting, and whether a firewall is in between.", failure),
        NpgsqlException { InnerException: null } when failure.Message.Contains("No password has been provided", StringComparison.Ordinal) =>
            new SourceException($"{access.Target} does not let role {access.Role} in: it asks for a password, and none is configured",
                "Configure the role's password, or connect through the Unix socket as a system user that PostgreSQL knows (peer authentication).", failure),
        _ => new SourceException(access.Mask($"{access.Target} {doing}: {RootOf(failure).Message}"), "See PostgreSQL's log.", failure),
    };

    private static SourceException ExplainRefusal(PostgresException refused, PostgresEndpoint access, string doing)
    {
        string why = access.Mask(refused.MessageText);
        return refused.SqlState switch
        {
            PostgresErrorCodes.InvalidCatalogName => new SourceException($"{access.Target} is missing: {why}",
                "Correct the database's name in the configuration; 'psql -l' lists those that there are.", refused),
            PostgresErrorCodes.InvalidPassword => new SourceException($"{access.Target} does not let role {access.Role} in: {why}",
                "Correct the role's password in the configuration.", refused),
            PostgresErrorCodes.InvalidAuthorizationSpecification => new SourceException($"{access.Target} does not let role {access.Role} in: {why}", HintForIdentity(access), refused),
            PostgresErrorCodes.InsufficientPrivilege => new SourceException($"{access.Target} {doing}: {why}", $"Grant it to role {access.Role}, or connect as role postgres.", refused),
            PostgresErrorCodes.CannotConnectNow => new SourceException($"{access.Target} {doing}: {why}", "Wait until PostgreSQL has started, then try again.", refused),
            PostgresErrorCodes.TooManyConnections => new SourceException($"{access.Target} {doing}: {why}", "Raise max_connections, or end what holds them.", refused),
            _ => new SourceException($"{access.Target} {doing}: {why} (SQLSTATE {refused.SqlState})", "See PostgreSQL's log.", refused),
        };
    }

    private static string HintForIdentity(PostgresEndpoint access)
    {
        if (access.IsSocket && !PosixIdentity.IsRoot && access.Target.Password is null && access.RunAs.Name != access.Target.SystemUser)
            return $"Run it as root or as the system user {access.Target.SystemUser}: peer authentication lets nobody else in.";
        return $"See pg_hba.conf: it must let role {access.Role} into the database, from here, as system user {access.RunAs.Name} or with a password.";
    }

    private static string HintFor(SocketException failure, PostgresEndpoint access) => failure.SocketErrorCode switch
    {
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "Correct the host in the configuration.",
        SocketError.AccessDenied => $"Run it as root or as the system user {access.Target.SystemUser}.",
        _ => "Start PostgreSQL (see 'systemctl status postgresql'), or correct host and port in the configuration.",
    };

    private static Exception RootOf(Exception failure)
    {
        while (failure.InnerException is { } inner) failure = inner;
        return failure;
    }
}
