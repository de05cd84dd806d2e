using BackupTool.Posix;
using BackupTool.Services.Sources.Sqlite;
using Microsoft.Data.Sqlite;

namespace BackupTool.Tests.Services.Sources.Sqlite;

public sealed class SqliteChangeKeyTests : IDisposable
{
    private readonly TemporaryDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void Stays_the_same_while_nothing_is_written_and_changes_with_the_log()
    {
        using SqliteConnection service = Sql.Open(_temp.File("bot.db"));
        service.Run("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)");
        string first = DescribeSettled();
        DescribeSettled().Should().Be(first);
        FileStatus main = PosixDirectory.Current.GetStatus(BytePath.From(_temp.File("bot.db")));

        service.Run("UPDATE t SET x = 2");

        DescribeSettled().Should().NotBe(first);
        PosixDirectory.Current.GetStatus(BytePath.From(_temp.File("bot.db"))).Should().Be(main, "this is why the key exists");
    }

    [Fact]
    public void Says_none_for_a_database_without_log_and_journal()
    {
        Sql.Make(_temp.File("bot.db"), "CREATE TABLE t(x)");
        Describe().Should().Be("wal none; journal none");
    }

    [Fact]
    public void A_log_that_was_written_this_very_tick_never_gives_a_text_that_comes_again()
    {
        for (int i = 0; i < 50; i++)
        {
            File.WriteAllText(_temp.File("bot.db-wal"), "x");
            string fresh = Describe();
            if (!fresh.Contains("fresh", StringComparison.Ordinal)) continue;
            DescribeSettled().Should().NotBe(fresh);
            return;
        }
        Assert.Fail("never described a file within the tick of its writing");
    }

    private string Describe()
    {
        using PosixDirectory directory = PosixDirectory.Open(_temp.Path);
        return SqliteChangeKey.Describe(directory, BytePath.From("bot.db"));
    }

    private string DescribeSettled()
    {
        Thread.Sleep(50);
        return Describe();
    }
}
