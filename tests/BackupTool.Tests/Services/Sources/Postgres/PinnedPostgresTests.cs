using System.Diagnostics;
using System.Text;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Postgres;

[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class PinnedPostgresTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    [Fact]
    public async Task What_is_written_after_the_pin_is_not_in_the_dump()
    {
        string database = server.NewDatabase(100);
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer(database), PostgresServer.Options, Test.Token);
        server.Real.Sql(database, "INSERT INTO events VALUES (101, 'before the pin')");
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        server.Real.Sql(database, "INSERT INTO events VALUES (102, 'after'); DELETE FROM events WHERE n <= 50; CREATE TABLE later(n int)");

        string restored = server.Restore(await PostgresServer.ReadAllAsync(pinned.OpenDump(Test.Token)));

        server.Real.Sql(restored, "SELECT count(*), min(n), max(n), to_regclass('later') IS NULL FROM events").Should().Be("101|1|101|t");
        server.Real.Sql(database, "SELECT count(*) FROM events").Should().Be("52");
    }

    [Fact]
    public async Task A_dump_beside_a_writer_at_full_speed_is_one_moment()
    {
        string database = server.NewDatabase(20_000);
        server.Real.Sql(database, "CREATE TABLE ledger(a int, b int); INSERT INTO ledger VALUES (0, 0)");
        using var stop = new CancellationTokenSource();
        // Two tables move together, in one transaction each time: any moment has b = a and as many extra events.
        Task writing = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
                server.Real.Sql(database, string.Concat(Enumerable.Repeat("BEGIN; UPDATE ledger SET a = a + 1, b = b + 1; INSERT INTO events SELECT max(n) + 1, 'x' FROM events; COMMIT;\n", 200)));
        }, Test.Token);
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        await stop.CancelAsync();
        await writing;

        string restored = server.Restore(dump);
        server.Real.Sql(restored, "SELECT l.a = l.b, (SELECT count(*) FROM events) - 20000 = l.a FROM ledger l").Should().Be("t|t");
    }

    [Theory]
    [InlineData("with space")]
    [InlineData("it's \"quoted\" \\ back")]
    [InlineData("UPPER")]
    [InlineData("-leading-dash")]
    [InlineData("host=evil.example dbname=postgres")]
    [InlineData("postgresql://evil.example/postgres")]
    [InlineData("ümläut;DROP")]
    public async Task Any_name_of_a_database_is_only_a_name(string name)
    {
        server.NewDatabase(7, name: name);
        server.Real.Sql(server.Restore(await PostgresServer.DumpAsync(server.Peer(name))), "SELECT count(*) FROM events").Should().Be("7");

        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer(name), PostgresServer.Options, Test.Token);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        byte[] globals = await PostgresServer.ReadAllAsync(pinned.OpenGlobals(Test.Token));
        Encoding.UTF8.GetString(globals).Should().Contain("CREATE ROLE postgres");
    }

    [Fact]
    public async Task Rows_that_must_not_come_back_are_left_out_and_their_table_is_not()
    {
        string database = server.NewDatabase(3);
        server.Real.Sql(database, "CREATE TABLE e2e_one_time_keys_json(k text); INSERT INTO e2e_one_time_keys_json VALUES ('used once')");
        string restored = server.Restore(await PostgresServer.DumpAsync(server.Peer(database) with { ExcludedTableData = ["e2e_one_time_keys_json"] }));

        server.Real.Sql(restored, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM e2e_one_time_keys_json)").Should().Be("3|0");
    }

    [Fact]
    public async Task Facts_are_those_of_the_pinned_moment()
    {
        string database = server.NewDatabase(3);
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer(database), PostgresServer.Options, Test.Token);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        server.Real.Sql(database, "CREATE TABLE later(n int)");

        PostgresFacts facts = await pinned.ReadFactsAsync(Test.Token);

        facts.Should().BeEquivalentTo(new { Tables = 1, Encoding = "UTF8", Collation = "C.UTF-8", CharacterType = "C.UTF-8" });
        facts.ServerVersion.Should().StartWith(Path.GetFileName(Path.GetDirectoryName(RealPostgres.Programs)));
        facts.DatabaseBytes.Should().BeGreaterThan(1_000_000);
    }

    [Theory]
    [InlineData("TRUNCATE events")]
    [InlineData("ALTER TABLE events ALTER n TYPE numeric")]
    [InlineData("DROP TABLE events")]
    public async Task A_table_that_a_migration_empties_for_the_pinned_moment_fails_the_dump(string migration)
    {
        string database = server.NewDatabase(100);
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer(database), PostgresServer.Options, Test.Token);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        await pinned.ReadFactsAsync(Test.Token);
        server.Real.Sql(database, migration);

        Func<Task> dump = () => PostgresServer.ReadAllAsync(pinned.OpenDump(Test.Token));

        await dump.Should().ThrowAsync<SourceException>();
    }

    [Fact]
    public async Task A_server_that_ends_idle_sessions_does_not_end_the_pin()
    {
        string database = server.NewDatabase(3);
        server.Real.Sql("postgres", $"ALTER DATABASE {database} SET idle_in_transaction_session_timeout = '300ms'; ALTER DATABASE {database} SET idle_session_timeout = '300ms'; ALTER DATABASE {database} SET statement_timeout = '300ms'");
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer(database), PostgresServer.Options, Test.Token);
        await Task.Delay(600, Test.Token);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        await Task.Delay(600, Test.Token);

        (await PostgresServer.ReadAllAsync(pinned.OpenDump(Test.Token))).Should().StartWith("PGDMP"u8.ToArray());
    }

    [Fact]
    public async Task Globals_hold_passwords_only_for_whom_may_read_them()
    {
        string database = server.NewDatabase(1), role = server.NewRole();
        server.Real.Sql(database, $"GRANT SELECT ON events TO {role}");
        foreach ((PostgresTarget target, bool hasPasswords) in ((PostgresTarget, bool)[])[(server.Peer(database), true), (server.Tcp(database, role), false)])
        {
            await using PostgresSource source = await PostgresSource.OpenAsync(target, PostgresServer.Options, Test.Token);
            await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
            string globals = Encoding.UTF8.GetString(await PostgresServer.ReadAllAsync(pinned.OpenGlobals(Test.Token)));

            source.CanReadRolePasswords.Should().Be(hasPasswords);
            globals.Should().Contain($"CREATE ROLE {role}");
            globals.Contains("SCRAM-SHA-256", StringComparison.Ordinal).Should().Be(hasPasswords);
        }
    }

    [Fact]
    public async Task Pinning_takes_no_longer_for_a_larger_database()
    {
        string database = server.NewDatabase(50_000, 200);
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer(database), PostgresServer.Options, Test.Token);
        long start = Stopwatch.GetTimestamp();
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        Stopwatch.GetElapsedTime(start).Should().BeLessThan(TimeSpan.FromMilliseconds(500));
        pinned.SnapshotId.Should().NotBeEmpty();
    }
}
