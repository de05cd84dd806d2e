using System.Text;
using Microsoft.Data.Sqlite;

namespace BackupTool.Benchmarks.Data;

/// <summary>A homeserver's SQLite database in WAL mode, checkpointed: events with a unique index over random ids, so that inserts dirty pages all over.</summary>
internal static class SqliteStore
{
    private const int RowsPerTransaction = 4_000;

    public static void Generate(string path, long bytes, ulong seed)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using SqliteConnection connection = Open(path);
        // No journal while filling it: the file comes out the same, three times as fast.
        Execute(connection, """
            PRAGMA journal_mode=OFF;
            CREATE TABLE event_json(id INTEGER PRIMARY KEY, event_id TEXT UNIQUE, room_id TEXT, ts INTEGER, json TEXT);
            CREATE INDEX event_room ON event_json(room_id, ts);
            """);
        var events = new EventText(seed, 3);
        while (PageBytes(connection) < bytes) Insert(connection, events, RowsPerTransaction);
        Execute(connection, "PRAGMA journal_mode=WAL; PRAGMA wal_checkpoint(TRUNCATE);");
    }

    /// <summary>As a night does: half a percent of the rows rewritten among the newest 2 %, a few anywhere, and half a percent new ones.</summary>
    public static void Mutate(string path, ulong seed)
    {
        using SqliteConnection connection = Open(path);
        using SqliteCommand count = connection.CreateCommand();
        count.CommandText = "SELECT max(id) FROM event_json";
        long rows = (long)count.ExecuteScalar()!;
        var events = new EventText(seed ^ 0x6d75746174650000, 3);
        using (SqliteTransaction transaction = connection.BeginTransaction())
        {
            using SqliteCommand update = connection.CreateCommand();
            update.Transaction = transaction;
            update.CommandText = "UPDATE event_json SET json=$json WHERE id=$id";
            SqliteParameter json = update.Parameters.Add("$json", SqliteType.Text), id = update.Parameters.Add("$id", SqliteType.Integer);
            var text = new ByteText();
            for (long i = 0; i < rows / 200 + rows / 20_000; i++)
            {
                id.Value = i < rows / 200 ? rows - events.Random.Next(Math.Max(1, rows / 50)) : 1 + events.Random.Next(rows);
                json.Value = Encoding.UTF8.GetString(events.Event(text.Clear()).Bytes);
                update.ExecuteNonQuery();
            }
            transaction.Commit();
        }
        Insert(connection, events, (int)(rows / 200));
    }

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        Execute(connection, "PRAGMA synchronous=OFF; PRAGMA cache_size=-262144;");
        return connection;
    }

    private static void Insert(SqliteConnection connection, EventText events, int rows)
    {
        using SqliteTransaction transaction = connection.BeginTransaction();
        using SqliteCommand insert = connection.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = "INSERT INTO event_json(event_id, room_id, ts, json) VALUES($event, $room, $ts, $json)";
        SqliteParameter id = insert.Parameters.Add("$event", SqliteType.Text), room = insert.Parameters.Add("$room", SqliteType.Text),
            timestamp = insert.Parameters.Add("$ts", SqliteType.Integer), json = insert.Parameters.Add("$json", SqliteType.Text);
        var text = new ByteText();
        for (int i = 0; i < rows; i++)
        {
            id.Value = Encoding.UTF8.GetString(events.EventId(text.Clear()).Bytes);
            room.Value = Encoding.UTF8.GetString(events.Room());
            json.Value = Encoding.UTF8.GetString(events.Event(text.Clear()).Bytes);
            timestamp.Value = events.Timestamp;
            insert.ExecuteNonQuery();
        }
        transaction.Commit();
    }

    private static long PageBytes(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        return (long)command.ExecuteScalar()!;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
