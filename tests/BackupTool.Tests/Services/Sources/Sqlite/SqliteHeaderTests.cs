using BackupTool.Posix;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Tests.Services.Sources.Sqlite;

public sealed class SqliteHeaderTests : IDisposable
{
    private readonly TemporaryDirectory _temp = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void Tells_a_database_by_its_header_and_not_by_its_name()
    {
        Sql.Make(_temp.File("no-suffix"), "CREATE TABLE t(x)");
        File.WriteAllText(_temp.File("fake.db"), "SQLite format 4, and long enough to be looked at");
        File.WriteAllText(_temp.File("short.db"), "SQLite");
        File.WriteAllText(_temp.File("empty.db"), "");
        Directory.CreateDirectory(_temp.File("directory.db"));
        File.CreateSymbolicLink(_temp.File("link.db"), "no-suffix");
        using (PosixDirectory root = PosixDirectory.Open(_temp.Path)) root.CreateNode(BytePath.From("pipe.db"), FileKind.Fifo);

        Directory.GetFileSystemEntries(_temp.Text).Append(_temp.File("missing")).Where(f => SqliteHeader.IsDatabase(BytePath.From(f)))
            .Should().Equal(_temp.File("no-suffix"));
    }

    [Fact]
    public void The_files_beside_a_database_are_no_databases()
    {
        string path = _temp.File("bot.db");
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), path, "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
        Directory.GetFiles(_temp.Text).Where(f => SqliteHeader.IsDatabase(BytePath.From(f))).Should().Equal(path);
        Directory.GetFiles(_temp.Text).Should().HaveCount(3);
    }

    [Fact]
    public void Asking_about_a_pinned_database_does_not_drop_its_locks()
    {
        string path = _temp.File("bot.db");
        Sql.Make(path, "CREATE TABLE t(x)");
        using PinnedDatabase pinned = PinnedDatabase.Pin(BytePath.From(path), new SqliteOptions(), TimeProvider.System, Token);

        SqliteHeader.IsDatabase(BytePath.From(path)).Should().BeTrue();

        // Another process must still be kept out by our read lock.
        Action write = () => ChildProcess.Start(nameof(SqliteJobs.Hold), path, "CREATE TABLE more(y)").Dispose();
        write.Should().Throw<Exception>().WithMessage("*locked*");
    }

    [Fact]
    public void Asking_about_the_index_of_a_pinned_log_does_not_drop_its_locks()
    {
        string path = _temp.File("bot.db");
        Sql.Make(path, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)");
        using PinnedDatabase pinned = PinnedDatabase.Pin(BytePath.From(path), new SqliteOptions(), TimeProvider.System, Token);
        File.Exists(path + "-shm").Should().BeTrue();

        SqliteHeader.IsDatabase(BytePath.From(path + "-shm")).Should().BeFalse();

        // With our read mark gone, another process could truncate the log under us.
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), path, "INSERT INTO t VALUES (2); PRAGMA wal_checkpoint(TRUNCATE)");
        new FileInfo(path + "-wal").Length.Should().BePositive();
    }
}
