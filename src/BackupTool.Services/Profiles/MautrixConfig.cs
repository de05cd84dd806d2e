using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Services.Profiles;

/// <summary>
/// What a mautrix bridge's config.yaml (or NixOS's config.json, which is YAML too) says of its state. bridgev2 has <c>database</c> at the top; the older Go bridges
/// have it under <c>appservice</c>, the Python bridges a URI there.
/// </summary>
internal sealed record MautrixConfig
{
    /// <summary>The file it was read from.</summary>
    internal required BytePath File { get; init; }

    /// <summary>Its SQLite database; null for PostgreSQL.</summary>
    internal required BytePath? SqliteFile { get; init; }

    /// <summary>The key that names the database.</summary>
    internal required string DatabaseKey { get; init; }

    /// <summary>Its PostgreSQL database; null for SQLite.</summary>
    internal required PostgresTarget? Postgres { get; init; }

    /// <summary><c>appservice.id</c>: the network it bridges to, and what its registration is known by.</summary>
    internal required string? Id { get; init; }

    /// <summary><c>homeserver.domain</c>.</summary>
    internal required string? Domain { get; init; }

    /// <summary>The localpart of its bot.</summary>
    internal required string? BotUsername { get; init; }

    /// <summary>How to ask whether it is up; null when it cannot be asked over TCP.</summary>
    internal required HealthProbe? Health { get; init; }

    internal static MautrixConfig Read(BytePath file, ServiceFacts facts, BytePath workingDirectory, Action<string> note)
    {
        YamlMapping yaml = YamlMapping.Read(file, facts.Name);
        YamlMapping? appservice = yaml.Mapping("appservice"), bot = appservice?.Mapping("bot"), homeserver = yaml.Mapping("homeserver");
        (string? type, string uri, string key) = FindDatabase(yaml, appservice, file, facts.Name);
        bool isPostgres = type is "postgres" or "pgx" || (type is null && PostgresUri.IsPostgres(uri));
        if (!isPostgres && type is not null && !type.StartsWith("sqlite", StringComparison.Ordinal) && type != "litestream")
            throw new ServiceLayoutException($"The type of `{key}` in {file} is neither SQLite nor PostgreSQL.", "This version knows `postgres` and `sqlite3-fk-wal`.");
        if (yaml.Text("env_config_prefix") is not null)
            note($"{file} has `env_config_prefix`: what environment variables set instead of it is not known here.");
        if (yaml.Mapping("database") is not null && appservice?.Has("database") == true)
            note($"{file} has both `database` and `appservice.database`: the first is what bridges of today use, and is backed up.");
        return new MautrixConfig
        {
            File = file,
            DatabaseKey = key,
            SqliteFile = isPostgres ? null : ResolveSqlite(uri, key, workingDirectory, file),
            Postgres = isPostgres ? PostgresUri.Parse(uri, key, file, facts.Name, facts.Postgres) : null,
            Id = appservice?.Text("id"),
            Domain = homeserver?.Text("domain"),
            BotUsername = bot?.Text("username") ?? appservice?.Text("bot_username"),
            Health = ReadHealth(appservice, file, note),
        };
    }

    private static (string? Type, string Uri, string Key) FindDatabase(YamlMapping yaml, YamlMapping? appservice, BytePath file, string service)
    {
        if (yaml.Mapping("database") is { } database) return Of(database, "database");
        if (appservice?.Mapping("database") is { } older) return Of(older, "appservice.database");
        if (appservice?.Text("database") is { } uri) return (null, uri, "appservice.database");
        throw new ServiceLayoutException($"{file} has neither `database` nor `appservice.database`: it is not the configuration of a mautrix bridge, or not a whole one.",
            $"Name the file that the bridge is run with as `config` in [service.{service}].");

        (string? Type, string Uri, string Key) Of(YamlMapping mapping, string key) => (mapping.Text("type")?.ToLowerInvariant(), mapping.Text("uri") ?? throw new ServiceLayoutException(
            $"`{key}` in {file} has no `uri`.", $"Name the file that the bridge is run with as `config` in [service.{service}]."), $"{key}.uri");
    }

    /// <summary>As go-sqlite3 reads it: a path up to its <c>?</c>, or SQLite's own <c>file:</c> URI. The Python bridges' <c>sqlite:</c> besides.</summary>
    private static BytePath ResolveSqlite(string uri, string key, BytePath workingDirectory, BytePath file)
    {
        if (uri.StartsWith("sqlite", StringComparison.OrdinalIgnoreCase) && uri.Contains(':', StringComparison.Ordinal)) return DatabaseUri.ResolveSqlite(uri, key, workingDirectory, file);
        if (uri.Contains(":memory:", StringComparison.Ordinal) || uri.Contains("mode=memory", StringComparison.Ordinal))
            throw new ServiceLayoutException($"`{key}` in {file} keeps the database in memory: there is nothing to back up.", "Give the bridge a database in a file.");
        string path = uri.Split('?')[0];
        if (uri.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            path = Uri.UnescapeDataString(path.Split('#')[0]["file:".Length..]);
            if (path.StartsWith("//localhost/", StringComparison.Ordinal)) path = path["//localhost".Length..];
            else if (path.StartsWith("///", StringComparison.Ordinal)) path = path[2..];
        }
        // Another scheme, or a host: quoting it could quote a password.
        if (path.Contains("://", StringComparison.Ordinal) || path.StartsWith("//", StringComparison.Ordinal))
            throw new ServiceLayoutException($"`{key}` in {file} is not a database URI that this version understands.",
                "It reads `postgresql://…`, `file:/PATH?_txlock=immediate`, a path, and `sqlite:PATH`.");
        return ConfiguredPath.Resolve(workingDirectory, path, key, file);
    }

    private static HealthProbe? ReadHealth(YamlMapping? appservice, BytePath file, Action<string> note)
    {
        string host = appservice?.Text("hostname") ?? "127.0.0.1";
        if (host.StartsWith('/'))
        {
            note($"{file} has the bridge listen on the Unix socket {host}: only its unit is asked for its health.");
            return null;
        }
        if (ListenAddress.Choose([host], appservice?.Text("port")) is not { } address)
        {
            note($"{file} does not say where the bridge listens (`appservice.hostname` and `port`): only its unit is asked for its health.");
            return null;
        }
        return appservice?.Text("tls_cert") is null ? address.Get("/_matrix/mau/live", 200) : address.Connect();
    }
}
