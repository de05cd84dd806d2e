using System.Globalization;
using BackupTool.Posix;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Tests.Services.Sources.Sqlite;

public sealed class BusyDatabaseTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryDirectory _temp = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void A_writer_at_200_transactions_a_second_neither_waits_nor_spoils_the_copy()
    {
        string live = _temp.File("bot.db"), copy = _temp.File("copy");
        Sql.Make(live, """
            PRAGMA journal_mode=WAL;
            CREATE TABLE ballast(id INTEGER PRIMARY KEY, noise);
            CREATE TABLE debit(id INTEGER PRIMARY KEY, amount INTEGER);
            CREATE TABLE credit(id INTEGER PRIMARY KEY, amount INTEGER);
            WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 25000) INSERT INTO ballast SELECT x, randomblob(3000) FROM n;
            WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000) INSERT INTO debit SELECT x, 0 FROM n;
            INSERT INTO credit SELECT * FROM debit;
            """);
        new FileInfo(live).Length.Should().BeGreaterThan(100_000_000);
        using var writer = ChildProcess.Start(nameof(SqliteJobs.Write), live);

        CopyResult result;
        using (PinnedDatabase pinned = PinnedDatabase.Pin(BytePath.From(live), new SqliteOptions(), TimeProvider.System, Token))
            result = pinned.CopyTo(BytePath.From(copy), null, Token);

        double[] figures = [.. writer.Finish().Split(' ').Select(f => double.Parse(f, CultureInfo.InvariantCulture))];
        output.WriteLine($"{result.Bytes:N0} bytes in {result.Elapsed.TotalMilliseconds:0} ms, {figures[0]} transactions, the longest took {figures[1]:0.0} ms");
        Sql.Ask(copy, "PRAGMA integrity_check").Should().Be("ok");
        object? debit = Sql.Ask(copy, "SELECT sum(amount) FROM debit");
        ((long)debit!).Should().BePositive();
        Sql.Ask(copy, "SELECT sum(amount) FROM credit").Should().Be(debit);
        ((long)Sql.Ask(live, "SELECT sum(amount) FROM debit")!).Should().BeGreaterThan((long)debit, "the writer went on meanwhile");
        figures[1].Should().BeLessThan(1000, "a writer never waits for the copy; 100 ms on a quiet machine");
    }
}
