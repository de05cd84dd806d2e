namespace BackupTool.Services.Sources.Postgres;

/// <summary>One PostgreSQL database, and how to reach it.</summary>
public sealed record PostgresTarget
{
    /// <summary>The database's name.</summary>
    public required string Database { get; init; }

    /// <summary>A host's name or address, or the absolute directory of a Unix socket; null for the usual socket directories.</summary>
    public string? Host { get; init; }

    /// <summary>Of TCP, or the number in the socket's name.</summary>
    public int Port { get; init; } = 5432;

    /// <summary>The role; null for <see cref="SystemUser"/>'s name.</summary>
    public string? Role { get; init; }

    /// <summary>The role's password; null for peer authentication. Never printed.</summary>
    public PostgresPassword? Password { get; init; }

    /// <summary>The system user to connect as, where peer authentication asks who is there.</summary>
    public string SystemUser { get; init; } = "postgres";

    /// <summary>Tables whose definition is dumped, and whose rows are not: patterns of pg_dump's <c>--exclude-table-data</c>.</summary>
    public IReadOnlyList<string> ExcludedTableData { get; init; } = [];

    /// <summary>A database of a server that an operator says how to reach.</summary>
    public static PostgresTarget Of(string database, PostgresAccess access)
    {
        ArgumentNullException.ThrowIfNull(access);
        string systemUser = access.SystemUser ?? "postgres";
        return new()
        {
            Database = database,
            Host = access.Host,
            Port = access.Port ?? 5432,
            Role = access.Role ?? (access.Password is null ? null : systemUser),
            Password = access.Password,
            SystemUser = systemUser,
        };
    }

    /// <summary>For messages: database, host and port; nothing secret.</summary>
    public override string ToString() => $"{Database} ({(Host is ['/', ..] or null ? $"socket {Host}".TrimEnd() : Host)}, port {Port})";
}

/// <summary>A password that shows itself to nobody by accident.</summary>
/// <param name="value">The password.</param>
public sealed class PostgresPassword(string value)
{
    /// <summary>The password itself: for the connection only.</summary>
    public string Reveal() => value;

    /// <summary>Stars.</summary>
    public override string ToString() => "***";
}
