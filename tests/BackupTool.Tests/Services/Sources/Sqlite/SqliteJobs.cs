using System.Diagnostics;
using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace BackupTool.Tests.Services.Sources.Sqlite;

/// <summary>What a service does to its database, in a process of its own.</summary>
internal static class SqliteJobs
{
    /// <summary>Runs SQL and keeps the connection, and with it locks, WAL and open transaction, until the input ends.</summary>
    internal static void Hold(string path, string sql)
    {
        using SqliteConnection connection = Sql.Open(path);
        connection.Run(sql);
        Console.WriteLine("ready");
        Console.In.ReadToEnd();
    }

    /// <summary>
    /// 200 transactions a second, each adding the same amount to a row of both tables, so that their sums are equal at every transaction boundary,
    /// and dirtying a page far away. Says at the end: transactions, longest one in milliseconds.
    /// </summary>
    internal static void Write(string path)
    {
        using SqliteConnection connection = Sql.Open(path);
        connection.Run("PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000");
        bool ended = false;
        var input = new Thread(() => { Console.In.ReadToEnd(); Volatile.Write(ref ended, true); }) { IsBackground = true };
        input.Start();
        var random = new Random(1);
        TimeSpan longest = default;
        int transactions = 0;
        var schedule = Stopwatch.StartNew();
        while (!Volatile.Read(ref ended))
        {
            int amount = random.Next(1, 1000), row = random.Next(1, 1001);
            var wait = Stopwatch.StartNew();
            connection.Run($"""
                BEGIN IMMEDIATE;
                UPDATE ballast SET noise = randomblob(3000) WHERE id = {random.Next(1, 25_000)};
                UPDATE debit SET amount = amount + {amount} WHERE id = {row};
                UPDATE credit SET amount = amount + {amount} WHERE id = {row};
                COMMIT
                """);
            if (transactions > 0 && wait.Elapsed > longest) longest = wait.Elapsed;
            if (++transactions == 20) Console.WriteLine("ready");
            TimeSpan ahead = TimeSpan.FromMilliseconds(5 * transactions) - schedule.Elapsed;
            if (ahead > TimeSpan.Zero) Thread.Sleep(ahead);
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{transactions} {longest.TotalMilliseconds}"));
    }
}

/// <summary>Short SQL for tests.</summary>
internal static class Sql
{
    internal static SqliteConnection Open(string path, SqliteOpenMode mode = SqliteOpenMode.ReadWriteCreate)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    // Not ExecuteNonQuery: of several statements it runs those after the first that has a row while it disposes, and loses their errors.
    internal static void Run(this SqliteConnection connection, string sql) =>
        SqliteException.ThrowExceptionForRC(raw.sqlite3_exec(connection.Handle, sql), connection.Handle);

    internal static object? Ask(this SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    /// <summary>Makes a database in this process and closes it.</summary>
    internal static void Make(string path, string sql)
    {
        using SqliteConnection connection = Open(path);
        connection.Run(sql);
    }

    /// <summary>Asks a file that nobody else has open, changing nothing beside it.</summary>
    internal static object? Ask(string path, string sql)
    {
        using SqliteConnection connection = Open(path, SqliteOpenMode.ReadOnly);
        return connection.Ask(sql);
    }
}
