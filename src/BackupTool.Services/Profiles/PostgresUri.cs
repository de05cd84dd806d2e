using System.Globalization;
using BackupTool.Posix;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Services.Profiles;

/// <summary>
/// Reads what services write of a PostgreSQL database: a URI (<c>postgres:</c>, <c>postgresql:</c>, with a driver as in <c>postgresql+asyncpg:</c>) or libpq's
/// keywords (<c>host=/run/postgresql dbname=x</c>). Grammar and defaults are libpq's (PostgreSQL manual, 34.1.1).
/// </summary>
public static class PostgresUri
{
    /// <summary>Whether a text is meant to name a PostgreSQL database, well or not.</summary>
    public static bool IsPostgres(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string scheme = colon < 0 ? "" : text[..colon].Split('+')[0];
        return scheme.ToLowerInvariant() is "postgres" or "postgresql" || PostgresKeywords.TryParse(text) is not null;
    }

    /// <summary>
    /// The database, and how to connect for a backup. With a password: as the role it belongs to. Without one: as the role and system user <c>postgres</c> through
    /// a Unix socket, as the configured role over TCP.
    /// </summary>
    /// <param name="text">A URI or keywords.</param>
    /// <param name="key">The key that holds it, for messages.</param>
    /// <param name="file">The file that the key stands in, for messages.</param>
    /// <param name="service">The service's name in the configuration, for messages.</param>
    /// <param name="access">What takes the place of the parts that it sets; null for nothing.</param>
    /// <exception cref="ServiceLayoutException">It cannot be read, or does not say which database. Never holds any of <paramref name="text"/>.</exception>
    public static PostgresTarget Parse(string text, string key, BytePath file, string service, PostgresAccess? access)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Resolve(TryRead(text) ?? throw NotUnderstood(key, file), key, file, service, access);
    }

    /// <summary>libpq's keywords and their values; null when it is neither a URI nor a keyword string.</summary>
    internal static Dictionary<string, string>? TryRead(string text) =>
        PostgresKeywords.TryParse(text) ?? ReadUri(text);

    /// <summary>As <see cref="Parse"/>, of libpq's keywords and their values.</summary>
    internal static PostgresTarget Resolve(IReadOnlyDictionary<string, string> settings, string key, BytePath file, string service, PostgresAccess? access)
    {
        string? user = Value("user");
        string database = Value("dbname") ?? user ?? throw new ServiceLayoutException(
            $"`{key}` in {file} names no database.", "Write the database's name there: which one is meant otherwise depends on the account that the service runs as.");
        string? host = access?.Host ?? ReadHost(Value("hostaddr") ?? Value("host"), key, file, service);
        PostgresPassword? password = access?.Password ?? (Value("password") is { } secret && (access?.Role is null || access.Role == user) ? new PostgresPassword(secret) : null);
        if (password is not null && (access?.Role ?? user) is null)
            throw new ServiceLayoutException($"`{key}` in {file} has a password, and no user that it belongs to.", $"Write the user there, or set `role` in [service.{service}.postgres].");
        bool isPeer = password is null && host is null or ['/', ..];
        return new PostgresTarget
        {
            Database = database,
            Host = host,
            Port = access?.Port ?? ReadPort(Value("port"), key, file),
            Role = access?.Role ?? (isPeer ? access?.SystemUser ?? "postgres" : user),
            Password = password,
            SystemUser = access?.SystemUser ?? "postgres",
        };

        string? Value(string name) => settings.TryGetValue(name, out string? value) && value.Length > 0 ? value : null;
    }

    /// <summary>scheme://[user[:password]@][host][:port][/dbname][?name=value&amp;…]; null when it is not that.</summary>
    private static Dictionary<string, string>? ReadUri(string uri)
    {
        int slashes = uri.IndexOf("://", StringComparison.Ordinal);
        if (slashes < 0 || uri[..slashes].Split('+')[0].ToLowerInvariant() is not ("postgres" or "postgresql") || uri.Contains('\0', StringComparison.Ordinal)) return null;
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        string rest = uri[(slashes + 3)..];
        int end = rest.IndexOfAny(['/', '?']), at = rest.LastIndexOf('@');

        // Passwords with an unescaped slash or question mark are written all the same; the last @ before the query ends them, as it does for the drivers.
        int query = rest.IndexOf('?', StringComparison.Ordinal);
        if (at >= 0 && end >= 0 && at > end) at = query >= 0 && at > query ? rest[..(end + 1)].LastIndexOf('@') : at;
        if (at >= 0)
        {
            string[] credentials = rest[..at].Split(':', 2);
            settings["user"] = Unescape(credentials[0]);
            if (credentials.Length > 1) settings["password"] = Unescape(credentials[1]);
            rest = rest[(at + 1)..];
        }
        end = rest.IndexOfAny(['/', '?']);
        if (!TryReadAuthority(end < 0 ? rest : rest[..end], settings)) return null;
        rest = end < 0 ? "" : rest[end..];
        string[] pathAndQuery = rest.Split('?', 2);
        if (pathAndQuery[0].Length > 1) settings["dbname"] = Unescape(pathAndQuery[0][1..]);
        if (pathAndQuery.Length > 1)
        {
            foreach (string pair in pathAndQuery[1].Split('#')[0].Split('&', StringSplitOptions.RemoveEmptyEntries))
            {
                string[] parts = pair.Split('=', 2);
                if (parts.Length == 2) settings[Unescape(parts[0]) is "database" ? "dbname" : Unescape(parts[0])] = Unescape(parts[1]);
            }
        }
        return settings;
    }

    private static bool TryReadAuthority(string authority, Dictionary<string, string> settings)
    {
        if (authority.Length == 0) return true;
        if (authority.Contains(',', StringComparison.Ordinal))
        {
            settings["host"] = authority;   // several servers: the reader of "host" refuses them
            return true;
        }
        string host = authority, port = "";
        if (authority[0] == '[')
        {
            int close = authority.IndexOf(']', StringComparison.Ordinal);
            if (close < 0 || (close + 1 < authority.Length && authority[close + 1] != ':')) return false;
            (host, port) = (authority[1..close], authority[Math.Min(close + 2, authority.Length)..]);
        }
        else if (authority.IndexOf(':', StringComparison.Ordinal) is >= 0 and int colon)
        {
            (host, port) = (authority[..colon], authority[(colon + 1)..]);
        }
        if (host.Length > 0) settings["host"] = Unescape(host);
        if (port.Length > 0) settings["port"] = port;
        return true;
    }

    private static string? ReadHost(string? host, string key, BytePath file, string service)
    {
        if (host is null) return null;
        if (host[0] == '@' || host.AsSpan().ContainsAny(",\0 \t\r\n".AsSpan()))
            throw new ServiceLayoutException($"`{key}` in {file} names several servers, or one that this version cannot reach.",
                $"Say which to dump from: set `host` in [service.{service}.postgres].");
        // Never a name that may mean ::1 where the server listens on 127.0.0.1.
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? "127.0.0.1" : host;
    }

    private static int ReadPort(string? port, string key, BytePath file)
    {
        if (port is null) return 5432;
        return ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number) && number > 0 ? number
            : throw new ServiceLayoutException($"The port that `{key}` in {file} gives is not a number from 1 to 65535.",
                "Correct it there. A `:`, `/`, `?`, `#` or `@` in the password must be written percent-encoded.");
    }

    private static string Unescape(string text) => Uri.UnescapeDataString(text);

    internal static ServiceLayoutException NotUnderstood(string key, BytePath file) => new(
        $"`{key}` in {file} is not a PostgreSQL URI that this version understands.",
        "It reads `postgresql://user:password@host:port/database`, `postgresql:///database?host=/run/postgresql` and `host=… dbname=…`.");
}
