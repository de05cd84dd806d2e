using Microsoft.Data.Sqlite;

namespace BackupTool.Tests.TestSupport;

/// <summary>maubot's own database: schema version 2 as maubot 0.6 makes it, without the room state and encryption tables' columns. WAL; made when it is missing.</summary>
public sealed class FakeMaubotStore : IDisposable
{
    private readonly SqliteConnection _connection;

    public FakeMaubotStore(string path, int schemaVersion = 2)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        _connection.Open();
        Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON");
        if (Query("SELECT name FROM sqlite_schema WHERE name = 'version'").Count == 0) Execute(Schema + (schemaVersion >= 2 ? "ALTER TABLE instance ADD COLUMN database_engine TEXT;" : "") + $"INSERT INTO version VALUES ({schemaVersion});");
        if (Convert.ToInt32(Query("SELECT version FROM version")[0]["version"], System.Globalization.CultureInfo.InvariantCulture) > 2)
            throw new InvalidOperationException("Unsupported database schema version (maubot exits with 25)");
    }

    private const string Schema = """
        CREATE TABLE version (version INTEGER PRIMARY KEY);
        CREATE TABLE mx_version (version INTEGER PRIMARY KEY);
        CREATE TABLE database_owner (key INTEGER PRIMARY KEY DEFAULT 0, owner TEXT NOT NULL);
        INSERT INTO database_owner VALUES (0, 'maubot');
        CREATE TABLE mx_room_state (room_id TEXT PRIMARY KEY, is_encrypted BOOLEAN);
        CREATE TABLE crypto_account (account_id TEXT PRIMARY KEY, device_id TEXT NOT NULL, shared BOOLEAN NOT NULL, sync_token TEXT NOT NULL, account bytea NOT NULL);
        CREATE TABLE client (
            id TEXT PRIMARY KEY, homeserver TEXT NOT NULL, access_token TEXT NOT NULL, device_id TEXT NOT NULL, enabled BOOLEAN NOT NULL,
            next_batch TEXT NOT NULL, filter_id TEXT NOT NULL, sync BOOLEAN NOT NULL, autojoin BOOLEAN NOT NULL, online BOOLEAN NOT NULL,
            displayname TEXT NOT NULL, avatar_url TEXT NOT NULL);
        CREATE TABLE instance (
            id TEXT PRIMARY KEY, type TEXT NOT NULL, enabled BOOLEAN NOT NULL, primary_user TEXT NOT NULL, config TEXT NOT NULL,
            FOREIGN KEY (primary_user) REFERENCES client(id) ON DELETE RESTRICT ON UPDATE CASCADE);
        """;

    public List<Dictionary<string, object?>> Query(string sql, params object?[] values)
    {
        lock (_connection)
        {
            using SqliteCommand command = Command(sql, values);
            using SqliteDataReader reader = command.ExecuteReader();
            var rows = new List<Dictionary<string, object?>>();
            while (reader.Read()) rows.Add(Enumerable.Range(0, reader.FieldCount).ToDictionary(reader.GetName, i => reader.IsDBNull(i) ? null : reader.GetValue(i)));
            return rows;
        }
    }

    public void Execute(string sql, params object?[] values)
    {
        lock (_connection)
        {
            using SqliteCommand command = Command(sql, values);
            command.ExecuteNonQuery();
        }
    }

    private SqliteCommand Command(string sql, object?[] values)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        for (int i = 0; i < values.Length; i++) command.Parameters.AddWithValue($"${i + 1}", values[i] ?? DBNull.Value);
        return command;
    }

    public void Dispose() => _connection.Dispose();
}
