using System.Buffers.Binary;
using System.Net.Sockets;
using BackupTool.Tests.Services.Sources.Sqlite;
using Microsoft.Data.Sqlite;
using Npgsql;
using RocksDbSharp;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// Three services of a stack, each a process that owns one store: whoever connects to its socket sends a number, and gets it back when the store has committed it. Committing
/// a number twice is committing it once.
/// </summary>
internal static class LedgerKeeper
{
    /// <summary>A homeserver: every number is a key of its RocksDB, which flushes and compacts all the time.</summary>
    internal static void KeepHomeserver(string socket, string database)
    {
        using RocksDb store = RocksDb.Open(new DbOptions().SetCreateIfMissing().SetWriteBufferSize(256 * 1024), database);
        byte[] key = new byte[8], value = new byte[400];
        Serve(socket, number =>
        {
            BinaryPrimitives.WriteInt64BigEndian(key, number);
            Random.Shared.NextBytes(value);
            store.Put(key, value);
        });
    }

    /// <summary>A bridge: every number is a row in PostgreSQL.</summary>
    internal static void KeepBridge(string socket, string connectionString)
    {
        using var connection = new NpgsqlConnection(connectionString);
        connection.Open();
        using var insert = new NpgsqlCommand("INSERT INTO ledger(n, body) VALUES ($1, repeat('x', 200)) ON CONFLICT DO NOTHING", connection);
        var parameter = new NpgsqlParameter<long>();
        insert.Parameters.Add(parameter);
        Serve(socket, number =>
        {
            parameter.TypedValue = number;
            insert.ExecuteNonQuery();
        });
    }

    /// <summary>A bot: every number is a row in its SQLite database, in the WAL.</summary>
    internal static void KeepBot(string socket, string database)
    {
        using SqliteConnection connection = Sql.Open(database);
        connection.Run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE IF NOT EXISTS ledger(n INTEGER PRIMARY KEY, body)");
        using SqliteCommand insert = connection.CreateCommand();
        insert.CommandText = "INSERT OR IGNORE INTO ledger VALUES ($n, randomblob(200))";
        SqliteParameter parameter = insert.Parameters.Add("$n", SqliteType.Integer);
        Serve(socket, number =>
        {
            parameter.Value = number;
            insert.ExecuteNonQuery();
        });
    }

    private static void Serve(string socket, Action<long> commit)
    {
        File.Delete(socket);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(socket));
        listener.Listen();
        var message = new byte[8];
        while (true)
        {
            using Socket client = listener.Accept();
            using var stream = new NetworkStream(client);
            while (stream.ReadAtLeast(message, message.Length, throwOnEndOfStream: false) == message.Length)
            {
                commit(BinaryPrimitives.ReadInt64BigEndian(message));
                stream.Write(message);
            }
        }
    }
}
