using Microsoft.Data.Sqlite;

namespace BackupTool.Cli.Demo;

/// <summary>
/// Two tables that every transaction changes together, so that a copy from the middle of one gives itself away: the entries, and the
/// count and sum of them.
/// </summary>
/// <param name="Entries">Rows of the first table.</param>
/// <param name="Agrees">Whether the second table says the same of them.</param>
public sealed record DemoLedger(long Entries, bool Agrees)
{
    internal const string Schema = """
        CREATE TABLE demo_entry(id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, note TEXT NOT NULL);
        CREATE TABLE demo_total(id INTEGER PRIMARY KEY, entries INTEGER NOT NULL, amount INTEGER NOT NULL);
        INSERT INTO demo_total VALUES(1, 0, 0);
        """;

    internal const string Entry = """
        INSERT INTO demo_entry(amount, note) VALUES($amount, $note);
        UPDATE demo_total SET entries = entries + 1, amount = amount + $amount WHERE id = 1;
        UPDATE client SET next_batch = 's' || (SELECT entries FROM demo_total WHERE id = 1);
        """;

    /// <summary>Reads the ledger of a <c>bot.db</c>: of a restored one, say.</summary>
    /// <exception cref="SqliteException">It is no database, or one without a ledger.</exception>
    public static DemoLedger Read(string databasePath)
    {
        using SqliteConnection connection = MaubotTree.Open(databasePath);
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            SELECT count(*), count(*) = (SELECT entries FROM demo_total WHERE id = 1) AND total(amount) = (SELECT amount FROM demo_total WHERE id = 1)
                AND (SELECT next_batch FROM client) = 's' || count(*) FROM demo_entry
            """;
        using SqliteDataReader reader = command.ExecuteReader();
        reader.Read();
        return new DemoLedger(reader.GetInt64(0), reader.GetInt64(1) == 1);
    }
}
