using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>The files of a mautrix bridge whose database is in PostgreSQL.</summary>
internal static class MautrixData
{
    /// <summary>Writes config.yaml and registration.yaml into its directory.</summary>
    internal static void Write(string directory, string uri)
    {
        File.WriteAllText(Path.Combine(directory, "config.yaml"), $$"""
            homeserver: { address: "http://127.0.0.1:8008", domain: example.org }
            appservice: { address: "http://127.0.0.1:29319", hostname: 127.0.0.1, port: 29319, id: slack, bot: { username: slackbot } }
            database: { type: postgres, uri: "{{uri}}", max_open_conns: 5 }
            encryption: { allow: true, pickle_key: pickled-in-this }

            """);
        File.WriteAllText(Path.Combine(directory, "registration.yaml"), "id: slack\nas_token: its-as-token\nhs_token: its-hs-token\nsender_localpart: slackbot\nurl: http://127.0.0.1:29319\n");
    }

    /// <summary>Through the socket with a password; without one it is peer authentication.</summary>
    internal static string SocketUri(string role, string? password, RealPostgres server, string database) =>
        $"postgres://{role}{(password is null ? "" : $":{Uri.EscapeDataString(password)}")}@/{database}?host={server.SocketDirectory}&port={server.Port}&sslmode=disable";

    /// <summary>Through TCP with a password.</summary>
    internal static string TcpUri(string role, string password, RealPostgres server, string database) =>
        $"postgres://{role}:{Uri.EscapeDataString(password)}@127.0.0.1:{server.Port}/{database}?sslmode=disable";

    /// <summary>Makes a bridge's role and database, with tables and rows, a large table when <paramref name="bigRows"/> rows of 10,000 bytes are asked for.</summary>
    internal static void Fill(RealPostgres server, string database, string? password, int bigRows = 0)
    {
        server.Sql("postgres", $"CREATE ROLE {database} LOGIN {(password is null ? "" : $"PASSWORD '{password.Replace("'", "''")}'")}");
        server.Sql("postgres", $"CREATE DATABASE {database} OWNER {database} TEMPLATE template0");
        server.Sql(database, $$"""
            SET ROLE {{database}};
            CREATE TABLE portal(id text PRIMARY KEY, mxid text UNIQUE, name text NOT NULL);
            CREATE TABLE message(n bigserial PRIMARY KEY, portal text REFERENCES portal, body bytea, sent timestamptz NOT NULL);
            CREATE TABLE big(n bigint PRIMARY KEY, body text NOT NULL);
            ALTER TABLE big ALTER body SET STORAGE EXTERNAL;
            CREATE VIEW latest AS SELECT portal, max(sent) AS sent FROM message GROUP BY portal;
            INSERT INTO portal SELECT 'C' || i, '!' || md5(i::text) || ':example.org', E'odd \\ '' " \t \u00fc \U0001F980 ' || i FROM generate_series(1, 50) i;
            INSERT INTO message(portal, body, sent) SELECT 'C' || (i % 50 + 1), decode(md5(i::text), 'hex'), timestamptz '2026-01-01' + i * interval '1 minute' FROM generate_series(1, 3000) i;
            INSERT INTO big SELECT i, repeat(md5(i::text), 312) FROM generate_series(1, {{bigRows}}) i;
            """);
    }

    /// <summary>What tells one content of that database from another.</summary>
    internal static string Fingerprint(RealPostgres server, string database) => server.Sql(database, """
        SELECT count(*), md5(string_agg(p::text, '|' ORDER BY id)) FROM portal p;
        SELECT count(*), md5(string_agg(m::text, '|' ORDER BY n)) FROM message m;
        SELECT count(*), sum(hashtext(body)::bigint) FROM big;
        SELECT last_value FROM message_n_seq;
        SELECT count(*) FROM latest;
        """);
}
