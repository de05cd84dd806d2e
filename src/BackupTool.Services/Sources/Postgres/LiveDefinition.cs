using System.Text;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>Reads from a server how one of its databases is made, without connecting to that database, which may be damaged.</summary>
internal static class LiveDefinition
{
    // pg_dump's variable_is_guc_list_quote: settings that hold a list of names, each to be quoted by itself.
    private static readonly string[] Lists = ["local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"];

    /// <summary>Encoding, locale, owner, comment, limit, settings and grants; null when there is no such database.</summary>
    /// <exception cref="SourceException">The connection is lost.</exception>
    internal static async Task<DatabaseDefinition?> ReadAsync(PostgresConnection connection, string database, CancellationToken cancellationToken)
    {
        string name = SqlText.Text(database);
        // Columns that servers before 15, 16 and 17 lack, or call otherwise.
        List<string?[]> rows = await connection.QueryAsync($"""
            SELECT pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'), coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
              to_jsonb(d) ->> 'daticurules', pg_get_userbyid(datdba)::text, datconnlimit::text, shobj_description(d.oid, 'pg_database'), (datacl IS NOT NULL)::text
            FROM pg_database d WHERE datname = {name}
            """, cancellationToken);
        if (rows is not [var row]) return null;
        List<DatabaseStatement> statements = [];
        if (row[8] is { } comment) statements.Add(new("COMMENT ON DATABASE ", $" IS {SqlText.Text(comment)}"));
        if (row[7] is { } limit and not ("-1" or "-2")) statements.Add(new("ALTER DATABASE ", $" CONNECTION LIMIT = {limit}"));
        await AddSettingsAsync(connection, name, statements, cancellationToken);
        if (row[9] == "true") await AddGrantsAsync(connection, name, row[6]!, statements, cancellationToken);
        return new DatabaseDefinition(OptionsOf(row), row[6], statements);
    }

    /// <summary>The tablespace of a database, when it is not the server's usual one.</summary>
    internal static async Task<string?> ReadTablespaceAsync(PostgresConnection connection, string database, CancellationToken cancellationToken) =>
        (await connection.QueryAsync($"SELECT t.spcname::text FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = {SqlText.Text(database)} AND t.spcname <> 'pg_default'", cancellationToken))
            .FirstOrDefault()?[0];

    private static string OptionsOf(string?[] row)
    {
        var options = new StringBuilder($"ENCODING = {SqlText.Text(row[0]!)} LC_COLLATE = {SqlText.Text(row[1]!)} LC_CTYPE = {SqlText.Text(row[2]!)}");
        if (row[3] == "i") options.Append($" LOCALE_PROVIDER = icu ICU_LOCALE = {SqlText.Text(row[4]!)}");
        if (row[3] == "b") options.Append($" LOCALE_PROVIDER = builtin BUILTIN_LOCALE = {SqlText.Text(row[4]!)}");
        if (row[5] is { } rules) options.Append($" ICU_RULES = {SqlText.Text(rules)}");
        return options.ToString();
    }

    private static async Task AddSettingsAsync(PostgresConnection connection, string name, List<DatabaseStatement> statements, CancellationToken cancellationToken)
    {
        foreach (string?[] row in await connection.QueryAsync($"""
            SELECT r.rolname::text, unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE d.datname = {name}
            """, cancellationToken))
        {
            int equals = row[1]!.IndexOf('=', StringComparison.Ordinal);
            string setting = row[1]![..equals], value = row[1]![(equals + 1)..];
            string to = Lists.Contains(setting, StringComparer.OrdinalIgnoreCase) ? SqlText.Texts(SplitNames(value).DefaultIfEmpty("")) : SqlText.Text(value);
            string said = $" SET {string.Join('.', setting.Split('.').Select(SqlText.Name))} TO {to}";
            statements.Add(row[0] is { } role ? new($"ALTER ROLE {SqlText.Name(role)} IN DATABASE ", said) : new("ALTER DATABASE ", said));
        }
    }

    private static async Task AddGrantsAsync(PostgresConnection connection, string name, string owner, List<DatabaseStatement> statements, CancellationToken cancellationToken)
    {
        statements.Add(new("REVOKE ALL ON DATABASE ", " FROM PUBLIC"));
        statements.Add(new("REVOKE ALL ON DATABASE ", $" FROM {SqlText.Name(owner)}"));
        foreach (string?[] row in await connection.QueryAsync($"""
            SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee)::text END, a.is_grantable::text
            FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = {name}
            """, cancellationToken))
            statements.Add(new($"GRANT {row[0]} ON DATABASE ", $" TO {(row[1] is { } grantee ? SqlText.Name(grantee) : "PUBLIC")}{(row[2] == "true" ? " WITH GRANT OPTION" : "")}"));
    }

    /// <summary>Names of a list as the server keeps it: in quotes where they need them.</summary>
    private static IEnumerable<string> SplitNames(string list) =>
        new SqlScript($"{list};").Statements().SelectMany(static statement => statement.Tokens).Where(static token => token.Kind != SqlTokenKind.Sign).Select(static token => token.Value);
}
