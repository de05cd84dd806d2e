namespace BackupTool.Services.Sources.Postgres;

/// <summary>A statement about a database, to be said of one of another name.</summary>
internal readonly record struct DatabaseStatement(string Before, string After)
{
    internal string Of(string database) => Before + SqlText.Name(database) + After;
}

/// <summary>How a database is made, without its contents.</summary>
/// <param name="Options">The end of a CREATE DATABASE statement, as <c>ENCODING = 'UTF8' LOCALE = 'C'</c>; no tablespace, which another server may not have.</param>
/// <param name="Owner">Null for who creates it.</param>
/// <param name="Statements">Its comment, settings, limits and grants.</param>
internal sealed record DatabaseDefinition(string Options, string? Owner, IReadOnlyList<DatabaseStatement> Statements);

/// <summary>What the definitions of a dump say of the database, and what they need of the server.</summary>
internal sealed class DumpDefinition
{
    private static readonly string[] KeptOptions = ["encoding", "locale_provider", "locale", "lc_collate", "lc_ctype", "icu_locale", "icu_rules", "builtin_locale"];

    private readonly List<DatabaseStatement> _statements = [];
    private readonly Dictionary<string, string> _options = [];
    private string? _owner;

    private DumpDefinition()
    {
    }

    /// <summary>The database itself.</summary>
    internal DatabaseDefinition Database => new(string.Join(' ', _options.Select(static option => $"{option.Key.ToUpperInvariant()} = {option.Value}")), _owner, _statements);

    /// <summary>Whether the dump says how the database was made: dumps of a single table do not.</summary>
    internal bool SaysHow => _options.Count > 0;

    /// <summary>Whether it holds the database's comment, settings and grants too: from pg_dump 11 on.</summary>
    internal bool IsComplete { get; private set; }

    /// <summary>The encoding and the locales, as texts without quotes, by option.</summary>
    internal string? Option(string name) => _options.GetValueOrDefault(name)?.Trim('\'');

    /// <summary>Those whom something belongs to.</summary>
    internal SortedSet<string> Owners { get; } = new(StringComparer.Ordinal);

    /// <summary>All that it names: owners, and whom something is granted.</summary>
    internal SortedSet<string> Roles { get; } = new(StringComparer.Ordinal);

    internal SortedSet<string> Extensions { get; } = new(StringComparer.Ordinal);

    internal SortedSet<string> Subscriptions { get; } = new(StringComparer.Ordinal);

    /// <summary>Reads what <c>pg_restore --create --schema-only</c> printed.</summary>
    internal static DumpDefinition Read(SqlScript script, int dumpMajor)
    {
        var definition = new DumpDefinition { IsComplete = dumpMajor >= 11 };
        foreach (SqlStatement statement in script.Statements()) definition.Add(statement);
        definition.Roles.UnionWith(definition.Owners);
        return definition;
    }

    private void Add(SqlStatement statement)
    {
        IReadOnlyList<SqlToken> tokens = statement.Tokens;
        if (statement.Begins("create", "database")) AddOptions(statement);
        else if (statement.Begins("create", "extension")) AddName(Extensions, statement, "extension");
        else if (statement.Begins("create", "subscription")) AddName(Subscriptions, statement, "subscription");
        else if (statement.Begins("create", "user", "mapping", "for")) AddRole(Roles, tokens, 4);
        else if (statement.Begins("create", "policy")) AddRolesOfPolicy(statement);
        else if (statement.Begins("set", "session", "authorization")) AddRole(Roles, tokens, 3);
        else if (statement.Begins("alter", "default", "privileges", "for", "role"))
        {
            AddRole(Owners, tokens, 5);
            AddGrantee(tokens);
        }
        else if (statement.Begins("grant") || statement.Begins("revoke")) AddGrantee(tokens);
        else if (statement.Begins("alter", "role")) AddRole(Roles, tokens, 2);
        else if (statement.Begins("alter") && tokens.Count > 3 && tokens[^3].Is("owner") && tokens[^2].Is("to")) AddRole(Owners, tokens, tokens.Count - 1);
        AddOfDatabase(statement);
    }

    private void AddOptions(SqlStatement statement)
    {
        IReadOnlyList<SqlToken> tokens = statement.Tokens;
        for (int i = 3; i + 2 < tokens.Count; i++)
            if (tokens[i].Kind == SqlTokenKind.Word && KeptOptions.Contains(tokens[i].Value) && tokens[i + 1] is { Kind: SqlTokenKind.Sign, Value: "=" })
                _options[tokens[i].Value] = statement.Text.Substring(tokens[i + 2].Start, tokens[i + 2].Length);
    }

    /// <summary>Comment, settings, limits and grants of the database itself, whose name follows the first DATABASE.</summary>
    private void AddOfDatabase(SqlStatement statement)
    {
        if (statement.Begins("create")) return;
        int at = statement.Begins("alter", "role") ? statement.Find("database", 3) : statement.Find("database");
        IReadOnlyList<SqlToken> tokens = statement.Tokens;
        bool isOfDatabase = at > 0 && at + 1 < tokens.Count && (statement.Begins("alter", "database") || statement.Begins("alter", "role") || (tokens[at - 1].Is("on")
            && (statement.Begins("comment") || statement.Begins("grant") || statement.Begins("revoke") || statement.Begins("security", "label"))));
        if (!isOfDatabase) return;
        SqlToken name = tokens[at + 1];
        if (statement.Begins("alter", "database") && tokens[^3].Is("owner") && tokens[^2].Is("to")) _owner = tokens[^1].Value;
        else _statements.Add(new DatabaseStatement(statement.Text[..name.Start], statement.Text[(name.Start + name.Length)..]));
    }

    private void AddRolesOfPolicy(SqlStatement statement)
    {
        int at = statement.Find("to", 3);
        if (at < 0) return;
        do AddRole(Roles, statement.Tokens, at + 1);
        while ((at += 2) < statement.Tokens.Count && statement.Tokens[at] is { Kind: SqlTokenKind.Sign, Value: "," });
    }

    private void AddGrantee(IReadOnlyList<SqlToken> tokens)
    {
        for (int i = tokens.Count - 2; i > 0; i--)
        {
            if (!tokens[i].Is("to") && !tokens[i].Is("from")) continue;
            AddRole(Roles, tokens, i + 1);
            return;
        }
    }

    // CREATE EXTENSION IF NOT EXISTS name; CREATE SUBSCRIPTION name
    private static void AddName(SortedSet<string> names, SqlStatement statement, string what)
    {
        int at = statement.Find(what) + 1;
        if (statement.Tokens.Count > at + 3 && statement.Tokens[at].Is("if")) at += 3;
        AddRole(names, statement.Tokens, at);
    }

    private static void AddRole(SortedSet<string> names, IReadOnlyList<SqlToken> tokens, int at)
    {
        if (at < tokens.Count && tokens[at].IsName) names.Add(tokens[at].Value);
    }
}
