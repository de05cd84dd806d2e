using Npgsql;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>The roles in what <c>pg_dumpall --globals-only</c> wrote: for those that a server lacks.</summary>
internal sealed class GlobalRoles
{
    // What a new role is anyway, and only a superuser may say.
    private static readonly string[] Defaults = ["nosuperuser", "noreplication", "nobypassrls"];

    private readonly List<SqlStatement> _statements = [];

    /// <param name="globals">Null for none.</param>
    internal GlobalRoles(string? globals)
    {
        foreach (SqlStatement statement in new SqlScript(globals ?? "").Statements())
        {
            if (statement.Begins("create", "role") && statement.Tokens.Count > 2) Names.Add(statement.Tokens[2].Value);
            _statements.Add(statement);
        }
    }

    /// <summary>Those that it can create.</summary>
    internal HashSet<string> Names { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// Creates roles with their attributes, passwords, settings and comments, and makes them members of what they were members of, where that exists; all or nothing. Nothing is
    /// done to a role that exists.
    /// </summary>
    /// <exception cref="SourceException">The server refused. No password is in it.</exception>
    internal async Task CreateAsync(PostgresConnection connection, IReadOnlyCollection<string> roles, CancellationToken cancellationToken)
    {
        if (roles.Count == 0) return;
        HashSet<string> existing = [.. (await connection.QueryAsync("SELECT rolname::text FROM pg_roles", cancellationToken)).Select(static row => row[0]!), .. roles];
        try
        {
            await connection.QueryAsync("BEGIN", cancellationToken);
            // The statements hold the passwords' hashes: out of the server's log, as far as we may say so.
            await connection.QueryAsync("""
                SELECT set_config(name, value, true) FROM (VALUES ('log_statement', 'none'), ('log_min_duration_statement', '-1'), ('log_min_error_statement', 'panic'), ('track_activities', 'off')) AS quiet(name, value)
                WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
                """, cancellationToken);
            foreach (SqlStatement statement in _statements)
                if (For(statement, roles, existing) is { } sql) await ExecuteAsync(connection, statement, sql, cancellationToken);
            await connection.QueryAsync("COMMIT", cancellationToken);
        }
        catch
        {
            await connection.QueryAsync("ROLLBACK", CancellationToken.None);
            throw;
        }
    }

    /// <summary>What to execute of a statement; null when it is about others.</summary>
    private static string? For(SqlStatement statement, IReadOnlyCollection<string> roles, HashSet<string> existing)
    {
        IReadOnlyList<SqlToken> tokens = statement.Tokens;
        if (statement.Begins("create", "role") || (statement.Begins("alter", "role") && statement.Find("database", 3) < 0))
            return tokens.Count > 2 && roles.Contains(tokens[2].Value) ? Without(statement, tokens.Where(static token => token.Kind == SqlTokenKind.Word && Defaults.Contains(token.Value))) : null;
        if (statement.Begins("comment", "on", "role")) return tokens.Count > 3 && roles.Contains(tokens[3].Value) ? statement.Text : null;
        // GRANT group TO member [WITH …] GRANTED BY whom: by ourselves, since that one may be missing.
        if (!statement.Begins("grant") || tokens.Count < 4 || !tokens[2].Is("to") || !existing.Contains(tokens[1].Value) || !roles.Contains(tokens[3].Value)) return null;
        int grantedBy = statement.Find("granted");
        return grantedBy < 0 ? statement.Text : statement.Text[..tokens[grantedBy].Start];
    }

    private static string Without(SqlStatement statement, IEnumerable<SqlToken> left)
    {
        string text = statement.Text;
        foreach (SqlToken token in left.Reverse()) text = text.Remove(token.Start, token.Length);
        return text;
    }

    private static async Task ExecuteAsync(PostgresConnection connection, SqlStatement statement, string sql, CancellationToken cancellationToken)
    {
        try
        {
            // ALTER ROLE x WITH: nothing left to say.
            if (!(statement.Begins("alter", "role") && sql.TrimEnd().EndsWith(" WITH", StringComparison.OrdinalIgnoreCase))) await connection.QueryAsync(sql, cancellationToken);
        }
        catch (SourceException e) when (e.InnerException is PostgresException)
        {
            // A new exception, without the old one: the server may quote the statement.
            string said = statement.Tokens.Where(static token => token is { Kind: SqlTokenKind.Text, Value.Length: > 2 }).Aggregate(e.Message, static (text, token) => text.Replace(token.Value[1..^1], "***", StringComparison.Ordinal));
            throw new SourceException($"role {statement.Tokens[statement.Begins("comment") ? 3 : 2].Value} cannot be created from the globals: {said}", "Create it by hand (createuser), then try again; or connect as role postgres.");
        }
    }
}
