using System.Globalization;
using BackupTool.Tests.Services.Sources.Sqlite;
using Microsoft.Data.Sqlite;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// A service that sleeps and wakes: bursts of transactions, each ended by a checkpoint that empties the log, so that its database is now still, now busy. Every transaction
/// writes its number to rows all over the file.
/// </summary>
internal static class BurstWriter
{
    private const int Rows = 10_000, Marks = 50;

    internal static void Make(string path) => Sql.Make(path, $"""
        PRAGMA journal_mode=WAL;
        CREATE TABLE ballast(id INTEGER PRIMARY KEY, mark INTEGER, noise);
        WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {Rows}) INSERT INTO ballast SELECT x, 0, randomblob(6000) FROM n;
        """);

    internal static void WriteInBursts(string path)
    {
        using SqliteConnection connection = Sql.Open(path);
        connection.Run("PRAGMA synchronous=OFF; PRAGMA busy_timeout=5000");
        Func<bool> ended = ChildProcess.WatchInput();
        var random = new Random(11);
        int transactions = 0, emptied = 0;
        Console.WriteLine("ready");
        while (!ended())
        {
            for (int i = random.Next(1, 20); i > 0; i--)
                connection.Run(string.Create(CultureInfo.InvariantCulture, $"UPDATE ballast SET mark = {++transactions} WHERE id % {Rows / Marks} = 7"));
            if (connection.Ask("PRAGMA wal_checkpoint(TRUNCATE)") is 0L) emptied++;
            Thread.Sleep(random.Next(40));
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{transactions} transactions, log emptied {emptied} times"));
    }

    /// <summary>Fails unless all marks are those of one transaction, whose number is returned.</summary>
    internal static long Check(string path)
    {
        long first = (long)Sql.Ask(path, $"SELECT min(mark) FROM ballast WHERE id % {Rows / Marks} = 7")!;
        Sql.Ask(path, $"SELECT max(mark) FROM ballast WHERE id % {Rows / Marks} = 7").Should().Be(first, "every transaction writes all of them");
        return first;
    }
}
