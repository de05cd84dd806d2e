using System.Text;
using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Postgres;

[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class ScratchDatabaseTests(PostgresServer server) : IClassFixture<PostgresServer>, IDisposable
{
    public void Dispose() =>
        server.Real.Sql("postgres", "SELECT count(*) FROM pg_database WHERE datname ~ '^backup_verify_[0-9a-f]{16}$'").Should().Be("0", "every scratch database is dropped");

    [Fact]
    public async Task A_good_dump_is_restored_and_every_row_is_counted()
    {
        string database = server.NewDatabase(1234);
        server.Real.Sql(database, """
            CREATE SCHEMA "Odd schema"; CREATE TABLE "Odd schema"."Ta ble"(a int); INSERT INTO "Odd schema"."Ta ble" SELECT generate_series(1, 7);
            CREATE TABLE parts(a int) PARTITION BY LIST (a); CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1); INSERT INTO parts VALUES (1), (1);
            CREATE ROLE missing_later; GRANT SELECT ON events TO missing_later; ALTER TABLE part1 OWNER TO missing_later;
            CREATE PUBLICATION changes FOR ALL TABLES
            """);
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        server.Real.Sql(database, "DROP OWNED BY missing_later CASCADE; DROP ROLE missing_later");

        RestoredContent content = await RestoreAsync(dump);

        content.Rows.Should().Be(1234 + 7 + 2);
        content.RowsByTable.Should().BeEquivalentTo(new Dictionary<string, long> { ["public.events"] = 1234, ["\"Odd schema\".\"Ta ble\""] = 7, ["public.part1"] = 2 });
        content.Tables.Should().Be(3);

        string file = Path.Combine(server.Real.SocketDirectory, "dump");
        await File.WriteAllBytesAsync(file, dump, Test.Token);
        (await ScratchDatabase.RestoreAndCountAsync(server.Peer("postgres"), BytePath.From(file), PostgresServer.Options, Test.Token)).Rows.Should().Be(1243);
    }

    [Fact]
    public async Task A_dump_of_another_encoding_is_restored_in_it()
    {
        server.Real.Sql("postgres", "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
        // One byte in LATIN1, two in UTF-8: in a database of the wrong encoding it would not fit.
        server.Real.Sql("latin", "CREATE TABLE t(a text, CHECK (octet_length(a) = 1)); INSERT INTO t VALUES (chr(252))");
        (await RestoreAsync(await PostgresServer.DumpAsync(server.Peer("latin")))).Rows.Should().Be(1);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.01)]
    [InlineData(0.5)]
    [InlineData(0.7)]
    [InlineData(0.999)]
    public async Task A_truncated_dump_fails(double part)
    {
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(server.NewDatabase(20_000, 200)));
        await FailsAsync(dump[..(int)(dump.Length * part)]);
    }

    [Fact]
    public async Task A_flipped_bit_in_the_table_of_contents_in_a_blocks_length_or_in_a_number_fails()
    {
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(server.NewDatabase(5_000, 200)));
        int firstRow = dump.AsSpan().IndexOf("1\tc4ca"u8);   // md5('1')
        firstRow.Should().BeGreaterThan(1000);
        foreach (int at in (int[])[2, dump.AsSpan().IndexOf("CREATE TABLE"u8), firstRow - 4, firstRow])
        {
            byte[] flipped = [.. dump];
            flipped[at] ^= 0x40;
            await FailsAsync(flipped);
        }
    }

    [Fact]
    public Task What_is_no_dump_fails() => FailsAsync(Encoding.UTF8.GetBytes("-- plain SQL\nSELECT 1;\n"));

    [Fact]
    public async Task Bytes_behind_the_dumps_end_fail() =>
        await FailsAsync([.. await PostgresServer.DumpAsync(server.Peer(server.NewDatabase(10))), .. new byte[4 << 20]]);

    [Fact]
    public async Task A_source_that_breaks_is_what_is_reported()
    {
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(server.NewDatabase(20_000, 200)));
        Func<Task> restore = () => ScratchDatabase.RestoreAndCountAsync(server.Peer("postgres"), new BreakingStream(dump, 3_000_000), PostgresServer.Options, Test.Token);
        (await restore.Should().ThrowAsync<InvalidDataException>()).WithMessage("a chunk is damaged");
    }

    [Fact]
    public async Task Cancelling_drops_the_database_too()
    {
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(server.NewDatabase(20_000, 200)));
        using var cancel = new CancellationTokenSource();
        Func<Task> restore = () => ScratchDatabase.RestoreAndCountAsync(server.Peer("postgres"), new BreakingStream(dump, 3_000_000, cancel.Cancel), PostgresServer.Options, cancel.Token);
        await restore.Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task A_role_that_may_not_make_databases_says_so()
    {
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(server.NewDatabase(1)));
        Func<Task> restore = () => ScratchDatabase.RestoreAndCountAsync(server.Tcp("postgres", server.NewRole()), new MemoryStream(dump), PostgresServer.Options, Test.Token);
        (await restore.Should().ThrowAsync<SourceException>()).WithMessage("*permission denied to create database*").Which.Hint.Should().StartWith("Grant it to role");
    }

    [Fact]
    public async Task What_a_killed_run_left_is_dropped_after_a_day_and_nothing_else_is()
    {
        const string stale = "backup_verify_00000000000000aa", young = "backup_verify_00000000000000bb", foreign = "backup_verify_00000000000000cc", renamed = "mine";
        foreach (string name in (string[])[stale, young, foreign, renamed]) server.Real.CreateDatabase(name);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        foreach ((string name, TimeSpan age) in ((string, TimeSpan)[])[(stale, TimeSpan.FromHours(25)), (young, TimeSpan.FromHours(23)), (renamed, TimeSpan.FromHours(25))])
            server.Real.Sql("postgres", $"COMMENT ON DATABASE {name} IS 'Scratch database of ''backup verify'', made at {now - age:O}'");

        await RestoreAsync(await PostgresServer.DumpAsync(server.Peer(server.NewDatabase(1))));

        IReadOnlyList<string> left = await PostgresSource.ListDatabasesAsync(server.Peer("postgres"), PostgresServer.Options, Test.Token);
        left.Should().Contain([young, foreign, renamed]).And.NotContain(stale);
        foreach (string name in (string[])[young, foreign]) server.Real.Sql("postgres", $"DROP DATABASE {name}");
    }

    private Task<RestoredContent> RestoreAsync(byte[] dump) =>
        ScratchDatabase.RestoreAndCountAsync(server.Peer("postgres"), new MemoryStream(dump), PostgresServer.Options, Test.Token);

    private async Task FailsAsync(byte[] dump)
    {
        Func<Task> restore = () => RestoreAsync(dump);
        await restore.Should().ThrowAsync<SourceException>();
    }
}
