using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace BackupTool.Cli.Demo;

/// <summary>
/// maubot's <c>bot.db</c> with the seventeen tables of schema version 2 and the demo's ledger, in WAL mode. As on a running maubot, the
/// main file is one empty page and everything is in <c>-wal</c>: who copies only the file gets nothing.
/// </summary>
internal static class BotDatabase
{
    // sqlite3.h: SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE.
    private const int NoCheckpointOnClose = 1006;

    public static void Create(string path)
    {
        using SqliteConnection connection = MaubotTree.Open(path);
        MaubotTree.Execute(connection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=0;");
        int result = raw.sqlite3_db_config(connection.Handle!, NoCheckpointOnClose, 1, out _);
        if (result != raw.SQLITE_OK) throw new SqliteException($"SQLite refused to keep the write-ahead log of {path}.", result);
        using SqliteTransaction transaction = connection.BeginTransaction();
        MaubotTree.Execute(connection, Schema);
        MaubotTree.Execute(connection, Rows);
        MaubotTree.Execute(connection, DemoLedger.Schema);
        transaction.Commit();
    }

    private const string Schema = """
        CREATE TABLE version(version INTEGER PRIMARY KEY);
        CREATE TABLE mx_version(version INTEGER PRIMARY KEY);
        CREATE TABLE crypto_version(version INTEGER PRIMARY KEY);
        CREATE TABLE database_owner(key INTEGER PRIMARY KEY DEFAULT 0, owner TEXT NOT NULL);
        CREATE TABLE client(id TEXT PRIMARY KEY, homeserver TEXT NOT NULL, access_token TEXT NOT NULL, device_id TEXT NOT NULL,
            enabled BOOLEAN NOT NULL, next_batch TEXT NOT NULL, filter_id TEXT NOT NULL, sync BOOLEAN NOT NULL, autojoin BOOLEAN NOT NULL,
            online BOOLEAN NOT NULL, displayname TEXT NOT NULL, avatar_url TEXT NOT NULL);
        CREATE TABLE instance(id TEXT PRIMARY KEY, type TEXT NOT NULL, enabled BOOLEAN NOT NULL, primary_user TEXT NOT NULL,
            config TEXT NOT NULL, database_engine TEXT,
            FOREIGN KEY (primary_user) REFERENCES client(id) ON DELETE RESTRICT ON UPDATE CASCADE);
        CREATE TABLE mx_room_state(room_id TEXT PRIMARY KEY, is_encrypted BOOLEAN, has_full_member_list BOOLEAN, encryption TEXT, power_levels TEXT);
        CREATE TABLE mx_user_profile(room_id TEXT, user_id TEXT, membership TEXT NOT NULL, displayname TEXT, avatar_url TEXT, PRIMARY KEY (room_id, user_id));
        CREATE TABLE crypto_account(account_id TEXT PRIMARY KEY, device_id TEXT NOT NULL, shared BOOLEAN NOT NULL, sync_token TEXT NOT NULL, account BLOB NOT NULL);
        CREATE TABLE crypto_message_index(sender_key TEXT, session_id TEXT, "index" INTEGER, event_id TEXT NOT NULL, timestamp BIGINT NOT NULL, PRIMARY KEY (sender_key, session_id, "index"));
        CREATE TABLE crypto_tracked_user(user_id TEXT PRIMARY KEY);
        CREATE TABLE crypto_device(user_id TEXT, device_id TEXT, identity_key TEXT NOT NULL, signing_key TEXT NOT NULL, trust SMALLINT NOT NULL, deleted BOOLEAN NOT NULL, name TEXT NOT NULL, PRIMARY KEY (user_id, device_id));
        CREATE TABLE crypto_olm_session(account_id TEXT, session_id TEXT, sender_key TEXT NOT NULL, session BLOB NOT NULL, created_at TIMESTAMP NOT NULL, last_decrypted TIMESTAMP NOT NULL, last_encrypted TIMESTAMP NOT NULL, PRIMARY KEY (account_id, session_id));
        CREATE TABLE crypto_megolm_inbound_session(account_id TEXT, session_id TEXT, sender_key TEXT NOT NULL, signing_key TEXT, room_id TEXT NOT NULL, session BLOB, forwarding_chains TEXT, PRIMARY KEY (account_id, session_id));
        CREATE TABLE crypto_megolm_outbound_session(account_id TEXT, room_id TEXT, session_id TEXT NOT NULL UNIQUE, session BLOB NOT NULL, shared BOOLEAN NOT NULL, max_messages INTEGER NOT NULL, message_count INTEGER NOT NULL, max_age BIGINT NOT NULL, created_at TIMESTAMP NOT NULL, last_used TIMESTAMP NOT NULL, PRIMARY KEY (account_id, room_id));
        CREATE TABLE crypto_cross_signing_keys(user_id TEXT, usage TEXT, key TEXT NOT NULL, first_seen_key TEXT NOT NULL, PRIMARY KEY (user_id, usage));
        CREATE TABLE crypto_cross_signing_signatures(signed_user_id TEXT, signed_key TEXT, signer_user_id TEXT, signer_key TEXT, signature TEXT NOT NULL, PRIMARY KEY (signed_user_id, signed_key, signer_user_id, signer_key));
        """;

    private const string Rows = """
        INSERT INTO version VALUES(2);
        INSERT INTO mx_version VALUES(3);
        INSERT INTO crypto_version VALUES(10);
        INSERT INTO database_owner VALUES(0, 'maubot');
        INSERT INTO client VALUES('@bot:example.org', 'http://127.0.0.1:8008', 'only-a-demo', 'DEMODEVICE', 1, 's0', '1', 1, 1, 1, 'Bot', '');
        INSERT INTO instance VALUES('echo', 'xyz.maubot.echo', 1, '@bot:example.org', '', NULL);
        INSERT INTO instance VALUES('reminder', 'xyz.maubot.reminder', 1, '@bot:example.org', 'timezone: Europe/Berlin', 'sqlite');
        INSERT INTO instance VALUES('standup', 'org.example.standup', 1, '@bot:example.org', '', 'sqlite');
        INSERT INTO crypto_account VALUES('@bot:example.org', 'DEMODEVICE', 1, 's0', randomblob(600));
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
            INSERT INTO mx_room_state SELECT '!room' || i || ':example.org', 1, 1, '{"algorithm":"m.megolm.v1.aes-sha2"}', '{"users_default":0}' FROM n;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
            INSERT INTO mx_user_profile SELECT '!room' || (i % 50 + 1) || ':example.org', '@user' || i || ':example.org', 'join', 'User ' || i, '' FROM n;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            INSERT INTO crypto_megolm_inbound_session SELECT '@bot:example.org', hex(randomblob(32)), hex(randomblob(32)), hex(randomblob(32)), '!room' || (i % 50 + 1) || ':example.org', randomblob(400), '' FROM n;
        """;
}
