using System.Globalization;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

public sealed class SqliteTests(ITestOutputHelper output) : IDisposable
{
    private readonly Sandbox _box = new();

    public void Dispose() => _box.Dispose();

    private string ConfigureMaubot() => MaubotData.Configure(_box);

    [Fact]
    public async Task A_database_that_is_written_200_times_a_second_comes_back_as_it_was_between_two_transactions()
    {
        string live = Path.Combine(ConfigureMaubot(), "bot.db");
        Sql.Make(live, """
            PRAGMA journal_mode=WAL;
            CREATE TABLE ballast(id INTEGER PRIMARY KEY, noise);
            CREATE TABLE debit(id INTEGER PRIMARY KEY, amount INTEGER);
            CREATE TABLE credit(id INTEGER PRIMARY KEY, amount INTEGER);
            WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 25000) INSERT INTO ballast SELECT x, randomblob(9000) FROM n;
            WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000) INSERT INTO debit SELECT x, 0 FROM n;
            INSERT INTO credit SELECT * FROM debit;
            """);
        new FileInfo(live).Length.Should().BeGreaterThan(200_000_000);
        await _box.InitAsync();
        using var writer = ChildProcess.Start(nameof(SqliteJobs.Write), live);
        CliResult first = (await _box.RunAsync("now", "--json")).ShouldExit(0), second = (await _box.RunAsync("now", "--json")).ShouldExit(0);
        double[] figures = [.. writer.Finish().Split(' ').Select(static f => double.Parse(f, CultureInfo.InvariantCulture))];

        output.WriteLine($"{new FileInfo(live).Length:N0} bytes backed up twice in {first.Elapsed.TotalSeconds:0.00} and {second.Elapsed.TotalSeconds:0.00} s while {figures[0]} transactions ran");
        output.WriteLine($"the writer's longest wait was {figures[1]:0.0} ms, {(figures[1] < 100 ? "below" : "NOT below")} 100 ms; the second run stored {second.Json.GetProperty("storedBytes").GetInt64():N0} bytes");
        figures[1].Should().BeLessThan(1000);
        long before = 0;
        foreach (CliResult now in (CliResult[])[first, second])
        {
            string copy = await _box.RestoreAsync(now.Json.GetProperty("snapshot").GetString()!) + live;
            Sql.Ask(copy, "PRAGMA integrity_check").Should().Be("ok");
            long debit = (long)Sql.Ask(copy, "SELECT sum(amount) FROM debit")!;
            Sql.Ask(copy, "SELECT sum(amount) FROM credit").Should().Be(debit, "both sums move in one transaction");
            debit.Should().BeGreaterThan(before);
            before = debit;
        }
        ((long)Sql.Ask(live, "SELECT sum(amount) FROM debit")!).Should().BeGreaterThan(before, "the writer went on");
        await _box.VerifyAsync("content");
    }

    [Fact]
    public async Task A_database_whose_data_is_all_in_its_log_comes_back_whole_and_without_the_log()
    {
        string data = ConfigureMaubot(), live = Path.Combine(data, "bot.db");
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), live, """
            PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;
            CREATE TABLE client(id TEXT PRIMARY KEY, access_token TEXT);
            WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) INSERT INTO client SELECT x, hex(randomblob(20)) FROM n;
            """);
        string plainCopy = _box.Below("plain-copy");
        File.Copy(live, plainCopy);
        new FileInfo(plainCopy).Length.Should().Be(4096, "the premise: the main file is one page");
        Sql.Ask(plainCopy, "SELECT count(*) FROM sqlite_schema").Should().Be(0L, "the premise: a copy of the main file has no tables");

        await _box.InitAsync();
        await _box.BackUpAsync();
        string target = await _box.RestoreAsync();
        Sql.Ask(target + live, "SELECT count(*) FROM client").Should().Be(5000L);
        Sql.Ask(target + live, "PRAGMA integrity_check").Should().Be("ok");
        Sql.Ask(target + live, "PRAGMA journal_mode").Should().Be("delete");
        Directory.GetFiles(target + data).Select(Path.GetFileName).Should().BeEquivalentTo(["bot.db", "config.yaml"], "no -wal, no -shm");
        (await Cli.ShellAsync("sh \"$1/restore.sh\" latest maubot | tar -t", _box.Repository)).ShouldExit(0).Output.Should().NotContain("-wal").And.NotContain("-shm");

        // Only the log moves now: that is a change.
        service.Finish();
        using var again = ChildProcess.Start(nameof(SqliteJobs.Hold), live, "PRAGMA wal_autocheckpoint=0; DELETE FROM client WHERE rowid > 4000");
        await _box.BackUpAsync();
        Sql.Ask(await _box.RestoreAsync() + live, "SELECT count(*) FROM client").Should().Be(4000L);
    }

    [Fact]
    public async Task A_still_database_comes_back_so_that_it_opens_from_a_directory_that_cannot_be_written()
    {
        string live = Path.Combine(ConfigureMaubot(), "bot.db"), mount = _box.Make("read-only");
        Sql.Make(live, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES(1),(2),(3)");
        File.Exists(live + "-wal").Should().BeFalse("the premise: the service is down, and all is in the file");
        await _box.InitAsync();
        await _box.BackUpAsync();
        string target = await _box.RestoreAsync();
        (await Cli.ShellAsync("mount --bind \"$1\" \"$2\" && mount -o remount,bind,ro \"$2\"", target, mount)).ShouldExit(0);
        try
        {
            Sql.Ask(mount + live, "SELECT count(*) FROM t").Should().Be(3L);
            Sql.Ask(mount + live, "PRAGMA journal_mode").Should().Be("delete");
        }
        finally
        {
            (await Cli.ShellAsync("umount \"$1\"", mount)).ShouldExit(0);
        }
    }

    [Fact]
    public async Task A_database_that_wakes_up_while_it_is_read_comes_back_as_it_was_between_two_transactions()
    {
        string live = Path.Combine(ConfigureMaubot(), "bot.db");
        BurstWriter.Make(live);
        await _box.InitAsync();
        using var writer = ChildProcess.Start(nameof(BurstWriter.WriteInBursts), live);
        long before = 0;
        for (int round = 0; round < 8; round++)
        {
            await _box.BackUpAsync();
            string copy = await _box.RestoreAsync() + live;
            Sql.Ask(copy, "PRAGMA integrity_check").Should().Be("ok");
            long now = BurstWriter.Check(copy);
            now.Should().BeGreaterThanOrEqualTo(before);
            before = now;
            Directory.Delete(Path.GetDirectoryName(copy)!, recursive: true);
        }
        output.WriteLine($"{before:N0} transactions in the last copy; the writer: {writer.Finish().Trim()}");
        BurstWriter.Check(live).Should().BeGreaterThan(before);
    }

    [Fact]
    public async Task A_database_that_a_killed_service_left_is_recovered_in_the_copy_and_untouched_in_place()
    {
        string live = Path.Combine(ConfigureMaubot(), "bot.db");
        using (ChildProcess service = ChildProcess.Start(nameof(SqliteJobs.Hold), live, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES(1),(2),(3)")) { }
        File.Exists(live + "-wal").Should().BeTrue("the premise: it was killed");
        byte[] main = File.ReadAllBytes(live), log = File.ReadAllBytes(live + "-wal");
        await _box.InitAsync();
        await _box.BackUpAsync();
        Sql.Ask(await _box.RestoreAsync() + live, "SELECT count(*) FROM t").Should().Be(3L);
        File.ReadAllBytes(live).Should().Equal(main);
        File.ReadAllBytes(live + "-wal").Should().Equal(log);
    }

    [Fact]
    public async Task What_only_looks_like_a_database_is_kept_as_a_file_and_does_not_cost_the_backup()
    {
        string data = ConfigureMaubot();
        Sql.Make(Path.Combine(data, "bot.db"), "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
        string uploads = Directory.CreateDirectory(Path.Combine(data, "uploads")).FullName;
        string deep = string.Join('/', Enumerable.Repeat(new string('d', 200), 3)) + "/deep";
        Directory.CreateDirectory(Path.Combine(uploads, deep));
        Sql.Make(_box.Below("database"), "CREATE TABLE t(x)");
        File.Move(_box.Below("database"), Path.Combine(uploads, deep, "database"));
        File.WriteAllText(Path.Combine(uploads, "short"), "SQLite format 3\0" + new string('j', 600));
        string damaged = Path.Combine(uploads, "damaged");
        Sql.Make(damaged, "CREATE TABLE t(x); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) INSERT INTO t SELECT hex(randomblob(20)) FROM n");
        byte[] bytes = File.ReadAllBytes(damaged);
        bytes.AsSpan(5 * 4096, 4096).Fill(0x55);
        File.WriteAllBytes(damaged, bytes);

        await _box.InitAsync();
        for (int night = 1; night <= 2; night++) (await _box.RunAsync("now")).ShouldFail(3, "uploads/short", "uploads/damaged", "deep/database: stored as a plain file");
        string target = await _box.RestoreAsync();
        new FileInfo(target + damaged).Length.Should().Be(bytes.Length);
        // SQLite counts in the copy's header; the rest of the damaged one is as it was.
        File.ReadAllBytes(target + damaged)[4096..].Should().Equal(bytes[4096..]);
        File.Copy(damaged, target + damaged, overwrite: true);
        TreeFingerprint WithoutTimes(string path) => Sandbox.Look(path).Select(static entry => entry.Path == "damaged" ? entry with { ModifiedAt = "" } : entry);
        WithoutTimes(target + uploads).ShouldBe(WithoutTimes(uploads));
        Sql.Ask(target + data + "/bot.db", "SELECT x FROM t").Should().Be(1L);
    }

    [Fact]
    public async Task A_damaged_main_database_fails_the_service_and_the_last_good_state_stays()
    {
        string live = Path.Combine(ConfigureMaubot(), "bot.db");
        Sql.Make(live, "CREATE TABLE t(x); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) INSERT INTO t SELECT hex(randomblob(20)) FROM n");
        await _box.InitAsync();
        string good = await _box.BackUpAsync();
        byte[] bytes = File.ReadAllBytes(live);
        bytes.AsSpan(5 * 4096, 4096).Fill(0x55);
        File.WriteAllBytes(live, bytes);
        (await _box.RunAsync("now")).ShouldFail(1, "bot.db is damaged", "Nothing was");
        (await _box.ListAsync()).Should().Equal(good);
        _box.FindLeftovers().Should().BeEmpty();
        Sql.Ask(await _box.RestoreAsync() + live, "SELECT count(*) FROM t").Should().Be(5000L);
    }
}
