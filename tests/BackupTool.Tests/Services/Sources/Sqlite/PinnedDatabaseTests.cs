using System.Security.Cryptography;
using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Sqlite;
using Microsoft.Data.Sqlite;

namespace BackupTool.Tests.Services.Sources.Sqlite;

public sealed class PinnedDatabaseTests : IDisposable
{
    private static readonly SqliteOptions Short = new() { BusyTimeout = TimeSpan.FromMilliseconds(300) };

    private readonly TemporaryDirectory _temp = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Live => _temp.File("bot.db");
    private string Copy => _temp.File("copy");

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void The_bundled_engine_is_free_of_the_wal_reset_bug() =>
        SQLitePCL.raw.sqlite3_libversion_number().Should().BeGreaterThanOrEqualTo(3_051_003);

    [Fact]
    public void Copies_a_database_whose_data_is_all_in_the_write_ahead_log()
    {
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live,
            $"PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t {Numbers(5000)}");
        new FileInfo(Live).Length.Should().Be(4096);

        using (PinnedDatabase pinned = Pin())
        {
            pinned.JournalMode.Should().Be(JournalMode.Wal);
            pinned.PageCount.Should().BeGreaterThan(1);
            CopyResult result = pinned.CopyTo(BytePath.From(Copy), null, Token);
            result.Bytes.Should().Be(new FileInfo(Copy).Length);
            result.UncheckedBecause.Should().BeNull();
        }

        Sql.Ask(Copy, "SELECT count(*) FROM t").Should().Be(5000L);
        File.Copy(Live, _temp.File("plain"));
        Sql.Ask(_temp.File("plain"), "SELECT count(*) FROM sqlite_schema").Should().Be(0L, "a copy of the main file must not pass for a backup");
    }

    [Fact]
    public void The_copy_is_a_private_rollback_journal_database_with_nothing_beside_it()
    {
        Sql.Make(Live, "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");

        using (PinnedDatabase pinned = Pin()) pinned.CopyTo(BytePath.From(Copy), null, Token);

        File.ReadAllBytes(Copy).AsSpan(18, 2).ToArray().Should().Equal(1, 1);
        PosixDirectory.Current.GetStatus(BytePath.From(Copy)).Mode.Should().Be(0x180);
        Directory.GetFiles(_temp.Text).Should().BeEquivalentTo(Live, Copy);
    }

    [Fact]
    public void Copies_the_pinned_moment_whatever_is_written_afterwards()
    {
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, $"PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t {Numbers(10)}");
        using PinnedDatabase pinned = Pin();
        using (var writer = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, "DELETE FROM t; CREATE TABLE later(y)")) writer.Finish();

        pinned.CopyTo(BytePath.From(Copy), null, Token);

        Sql.Ask(Copy, "SELECT count(*) FROM t").Should().Be(10L);
        Sql.Ask(Copy, "SELECT count(*) FROM sqlite_schema").Should().Be(1L);
    }

    [Fact]
    public void Closing_as_the_last_one_leaves_the_log_of_a_crashed_service_to_the_service()
    {
        using (var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, $"PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t {Numbers(100)}")) service.Kill();
        Dictionary<string, string> before = Traces();
        before.Should().ContainKey("bot.db-wal");

        using (PinnedDatabase pinned = Pin()) pinned.CopyTo(BytePath.From(Copy), null, Token);

        File.Delete(Copy);
        Traces().Should().BeEquivalentTo(before);
    }

    [Fact]
    public void Closing_as_the_last_one_leaves_the_log_of_a_service_that_started_and_crashed_meanwhile()
    {
        Sql.Make(Live, "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
        Dictionary<string, string> before;
        using (Pin())
        {
            using (var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, "INSERT INTO t VALUES (1)")) service.Kill();
            before = Sizes();
        }
        Sizes().Should().BeEquivalentTo(before);
        new FileInfo(Live + "-wal").Length.Should().BePositive();
    }

    [Theory]
    [InlineData("WAL")]
    [InlineData("DELETE")]
    public void Leaves_the_directory_of_a_stopped_service_as_it_was(string journalMode)
    {
        Sql.Make(Live, $"PRAGMA journal_mode={journalMode}; CREATE TABLE t(x); INSERT INTO t {Numbers(100)}");
        Dictionary<string, string> before = Traces();
        before.Keys.Should().Equal("bot.db");

        using (PinnedDatabase pinned = Pin())
        {
            pinned.JournalMode.ToString().Should().Be(journalMode == "WAL" ? "Wal" : "Rollback");
            pinned.CopyTo(BytePath.From(Copy), null, Token);
        }

        File.Delete(Copy);
        Traces().Should().BeEquivalentTo(before);
    }

    [Fact]
    public void Does_not_take_the_log_away_from_a_service_that_started_meanwhile()
    {
        Sql.Make(Live, "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
        ChildProcess service;
        using (Pin()) service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, $"SELECT * FROM t");

        using (service)
        {
            File.Exists(Live + "-wal").Should().BeTrue();
            File.Exists(Live + "-shm").Should().BeTrue();
            service.Finish();
        }
        Directory.GetFiles(_temp.Text).Should().Equal(Live);
    }

    [Fact]
    public void Rolls_the_transaction_of_a_crashed_writer_back()
    {
        Sql.Make(Live, $"CREATE TABLE t(x); INSERT INTO t {Numbers(20_000)}");
        using (var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, "PRAGMA cache_size=2; BEGIN; UPDATE t SET x = -1")) service.Kill();
        new FileInfo(Live + "-journal").Length.Should().BePositive();
        File.Copy(Live, _temp.File("plain"));

        using (PinnedDatabase pinned = Pin()) pinned.CopyTo(BytePath.From(Copy), null, Token);

        Sql.Ask(Copy, "SELECT count(*) FROM t WHERE x < 0").Should().Be(0L);
        ((long)Sql.Ask(_temp.File("plain"), "SELECT count(*) FROM t WHERE x < 0")!).Should().BePositive("the main file alone is torn");
    }

    [Theory]
    [InlineData("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE more(y); COMMIT")]
    [InlineData("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; CREATE TABLE more(y)")]
    public void Says_so_when_the_service_keeps_the_database_to_itself(string sql)
    {
        Sql.Make(Live, "CREATE TABLE t(x)");
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, sql);

        Action pin = () => Pin(Short).Dispose();

        pin.Should().Throw<SourceException>().WithMessage($"{Live} is locked exclusively by another process*").Which.Hint.Should().Contain("Stop the service");
    }

    [Fact]
    public async Task Waits_for_a_writer_that_ends_in_time()
    {
        Sql.Make(Live, "CREATE TABLE t(x)");
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, "BEGIN EXCLUSIVE");
        Task<PinnedDatabase> pinning = Task.Run(() => Pin(), Token);
        await Task.Delay(100, Token);
        pinning.IsCompleted.Should().BeFalse();
        service.Kill();
        using PinnedDatabase pinned = await pinning;
        pinned.PageCount.Should().Be(2);
    }

    [Fact]
    public void Stops_waiting_when_cancelled()
    {
        Sql.Make(Live, "CREATE TABLE t(x)");
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, "BEGIN EXCLUSIVE");
        using var cancellation = new CancellationTokenSource(100);
        Action pin = () => PinnedDatabase.Pin(BytePath.From(Live), new SqliteOptions(), TimeProvider.System, cancellation.Token).Dispose();
        pin.Should().Throw<OperationCanceledException>();
    }

    [Fact]
    public void A_cancelled_copy_leaves_nothing()
    {
        Sql.Make(Live, $"PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t {Numbers(100_000)}");
        using PinnedDatabase pinned = Pin(new SqliteOptions { PagesPerStep = 10 });
        using var cancellation = new CancellationTokenSource();
        var steps = new Steps(progress => { if (progress.CopiedPages >= 50) cancellation.Cancel(); });

        Action copy = () => pinned.CopyTo(BytePath.From(Copy), steps, cancellation.Token);

        copy.Should().Throw<OperationCanceledException>();
        File.Exists(Copy).Should().BeFalse();
        steps.Last.CopiedPages.Should().Be(50);
        steps.Last.TotalPages.Should().Be(pinned.PageCount);
    }

    [Fact]
    public void Names_the_damage_and_leaves_no_copy()
    {
        Sql.Make(Live, $"CREATE TABLE t(x); CREATE INDEX i ON t(x); INSERT INTO t {Numbers(20_000)}");
        using (FileStream file = File.OpenWrite(Live))
        {
            file.Position = 20 * 4096;
            file.Write(new byte[4096]);
        }
        using PinnedDatabase pinned = Pin();

        Action copy = () => pinned.CopyTo(BytePath.From(Copy), null, Token);

        DatabaseDamagedException damage = copy.Should().Throw<DatabaseDamagedException>().WithMessage($"the database {Live} is damaged: *").Which;
        damage.Findings.Should().Contain(f => f.Contains("page 21", StringComparison.OrdinalIgnoreCase));
        damage.Hint.Should().NotBeEmpty();
        File.Exists(Copy).Should().BeFalse();
    }

    [Fact]
    public void Refuses_what_is_encrypted_or_no_database()
    {
        File.WriteAllBytes(Live, [.. Enumerable.Range(0, 8192).Select(i => (byte)(i * 7))]);
        Action pin = () => Pin().Dispose();
        pin.Should().Throw<NotADatabaseException>().WithMessage("*it is none, or it is encrypted*");
    }

    [Fact]
    public void Does_not_open_an_empty_file_with_a_log_because_sqlite_would_delete_the_log()
    {
        using (var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, "PRAGMA journal_mode=WAL; CREATE TABLE t(x)")) service.Kill();
        File.WriteAllBytes(Live, []);
        SqliteHeader.IsDatabase(BytePath.From(Live)).Should().BeTrue();

        Action pin = () => Pin().Dispose();

        pin.Should().Throw<SourceException>().WithMessage("*is empty, but its write-ahead log is not*");
        new FileInfo(Live + "-wal").Length.Should().BePositive();
    }

    [Fact]
    public void Opens_paths_that_are_not_text()
    {
        Sql.Make(Live, $"PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t {Numbers(3)}");
        BytePath odd = _temp.Path.Combine([0xff, (byte)'?', (byte)'%', 0xfe]);
        PosixDirectory.Current.Rename(BytePath.From(Live), PosixDirectory.Current, odd);

        SqliteHeader.IsDatabase(odd).Should().BeTrue();
        using (PinnedDatabase pinned = PinnedDatabase.Pin(odd, Short, TimeProvider.System, Token)) pinned.CopyTo(BytePath.From(Copy), null, Token);

        Sql.Ask(Copy, "SELECT count(*) FROM t").Should().Be(3L);
    }

    [Fact]
    public void Reads_a_wal_database_where_nothing_can_be_written()
    {
        string path = MakeReadOnly();

        AsNobody.Run(() =>
        {
            using PinnedDatabase pinned = PinnedDatabase.Pin(BytePath.From(path), Short, TimeProvider.System, Token);
            return pinned.CopyTo(BytePath.From(Copy), null, Token);
        });

        Sql.Ask(Copy, "SELECT count(*) FROM t").Should().Be(3L);
    }

    [Fact]
    public void Notices_when_a_database_that_it_could_not_lock_was_changed()
    {
        string path = MakeReadOnly();
        using PinnedDatabase pinned = AsNobody.Run(() => PinnedDatabase.Pin(BytePath.From(path), Short, TimeProvider.System, Token));
        using (var service = ChildProcess.Start(nameof(SqliteJobs.Hold), path, "INSERT INTO t VALUES (4)")) service.Finish();

        Action copy = () => pinned.CopyTo(BytePath.From(Copy), null, Token);

        copy.Should().Throw<SourceException>().WithMessage("*was changed while it was copied*");
        File.Exists(Copy).Should().BeFalse();
    }

    private string MakeReadOnly()
    {
        string directory = Directory.CreateDirectory(_temp.File("frozen ü?")).FullName, path = Path.Combine(directory, "bot.db");
        Sql.Make(path, $"PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t {Numbers(3)}");
        foreach ((string name, uint mode) in (ReadOnlySpan<(string, uint)>)[(path, 0x124), (directory, 0x16d), (_temp.Text, 0x1ff)])
            PosixDirectory.Current.SetMode(BytePath.From(name), mode);
        return path;
    }

    [Fact]
    public void Copies_an_unchanged_database_to_the_same_bytes()
    {
        Sql.Make(Live, $"PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t {Numbers(1000)}");
        foreach (string copy in (string[])["one", "two"])
            using (PinnedDatabase pinned = Pin()) pinned.CopyTo(BytePath.From(_temp.File(copy)), null, Token);
        File.ReadAllBytes(_temp.File("one")).Should().Equal(File.ReadAllBytes(_temp.File("two")));
    }

    [Fact]
    public void Checks_a_copy_with_full_text_search_and_says_when_a_schema_cannot_be_checked()
    {
        Sql.Make(Live, "CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('a word')");
        using (PinnedDatabase pinned = Pin()) pinned.CopyTo(BytePath.From(Copy), null, Token).UncheckedBecause.Should().BeNull();
        using (SqliteConnection service = Sql.Open(Live))
        {
            service.CreateCollation("OURS", string.CompareOrdinal);
            service.Run("CREATE TABLE t(x TEXT COLLATE OURS); CREATE INDEX i ON t(x); INSERT INTO t VALUES ('a')");
        }

        using (PinnedDatabase pinned = Pin())
            pinned.CopyTo(BytePath.From(_temp.File("second")), null, Token).UncheckedBecause.Should().Contain("OURS");
    }

    private PinnedDatabase Pin(SqliteOptions? options = null) =>
        PinnedDatabase.Pin(BytePath.From(Live), options ?? new SqliteOptions(), TimeProvider.System, Token);

    private static string Numbers(int count) => $"SELECT x FROM (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {count}) SELECT x FROM n)";

    /// <summary>Bytes and times of every file here but the -shm's contents, which any reader marks, and the log's ctime, which SQLite moves when root opens it.</summary>
    private Dictionary<string, string> Traces() => Directory.GetFiles(_temp.Text).ToDictionary(f => Path.GetFileName(f), f =>
    {
        FileStatus status = PosixDirectory.Current.GetStatus(BytePath.From(f));
        if (f.EndsWith("-shm", StringComparison.Ordinal)) return "";
        if (f.EndsWith("-wal", StringComparison.Ordinal)) status = status with { ChangedAt = default };
        return $"{Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))} {status}";
    });

    // Reading a pinned database here would drop its locks.
    private Dictionary<string, string> Sizes() => Directory.GetFiles(_temp.Text).ToDictionary(f => Path.GetFileName(f), f => $"{new FileInfo(f).Length} {File.GetLastWriteTimeUtc(f):O}");

    private sealed class Steps(Action<CopyProgress> told) : IProgress<CopyProgress>
    {
        internal CopyProgress Last { get; private set; }

        public void Report(CopyProgress value)
        {
            Last = value;
            told(value);
        }
    }
}
