using BackupTool.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Postgres;

[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class SchemaVersionTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    [Theory]
    [InlineData("CREATE TABLE version(version int); INSERT INTO version VALUES (13)", "13")]
    [InlineData("CREATE TABLE version(version int, compat int); INSERT INTO version VALUES (13, 10)", "13 (compatible with 10)")]
    [InlineData("CREATE TABLE version(version int, compat int); INSERT INTO version VALUES (12, 12)", "12")]
    [InlineData("CREATE TABLE version(id int, version bigint); INSERT INTO version VALUES (1, 305)", "305")]
    [InlineData("CREATE TABLE schema_version(version int, lock char); INSERT INTO schema_version VALUES (88, 'X'); CREATE TABLE schema_compat_version(compat_version int); INSERT INTO schema_compat_version VALUES (85)", "88 (compatible with 85)")]
    [InlineData("CREATE TABLE version(version text); INSERT INTO version VALUES ('v2.0')", "v2.0")]
    [InlineData("CREATE TABLE version(version int)", null)]
    [InlineData("CREATE TABLE version(number int); INSERT INTO version VALUES (13)", null)]
    [InlineData("CREATE TABLE version(version point); INSERT INTO version VALUES ('1,2')", null)]
    [InlineData("CREATE TABLE elsewhere(version int); INSERT INTO elsewhere VALUES (13)", null)]
    public async Task Each_programs_version_is_read_from_the_pinned_moment_and_from_the_live_database(string tables, string? version)
    {
        string database = server.NewDatabase(1);
        server.Real.Sql(database, tables);
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer(database), PostgresServer.Options, Test.Token);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        if (IsThirteen(tables)) server.Real.Sql(database, "UPDATE version SET version = 14").Should().BeEmpty();

        (await pinned.ReadFactsAsync(Test.Token)).SchemaVersion.Should().Be(version);
        await pinned.RequireHeldAsync(Test.Token);
        (await PostgresServer.ReadAllAsync(pinned.OpenDump(Test.Token))).Should().NotBeEmpty("nothing that was asked has ended the transaction");

        string? live = SchemaVersionTables.OfProgram(await PostgresSource.ReadSchemaVersionsAsync(server.Peer(database), PostgresServer.Options, Test.Token));
        live.Should().Be(IsThirteen(tables) ? version?.Replace("13", "14", StringComparison.Ordinal) : version);
    }

    [Fact]
    public async Task Every_library_in_the_database_has_a_version_of_its_own()
    {
        string database = server.NewDatabase(1);
        server.Real.Sql(database, """
            CREATE TABLE version(version int); INSERT INTO version VALUES (2);
            CREATE TABLE mx_version(version int, compat int); INSERT INTO mx_version VALUES (7, 3);
            CREATE TABLE crypto_version(version int); INSERT INTO crypto_version VALUES (18);
            CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one".version(version int); INSERT INTO "Odd one".version VALUES (99)
            """);
        (await PostgresSource.ReadSchemaVersionsAsync(server.Peer(database), PostgresServer.Options, Test.Token)).Should()
            .Equal(new Dictionary<string, string> { ["Odd one.version"] = "99", ["crypto_version"] = "18", ["mx_version"] = "7 (compatible with 3)", ["version"] = "2" });
    }

    [Fact]
    public async Task What_the_role_may_not_read_is_not_known()
    {
        string database = server.NewDatabase(1), role = server.NewRole();
        server.Real.Sql(database, $"CREATE TABLE version(version int); INSERT INTO version VALUES (2); CREATE TABLE mx_version(version int); INSERT INTO mx_version VALUES (7); GRANT SELECT ON mx_version TO {role}");
        (await PostgresSource.ReadSchemaVersionsAsync(server.Tcp(database, role), PostgresServer.Options, Test.Token)).Should().Equal(new Dictionary<string, string> { ["mx_version"] = "7" });
    }

    [Fact]
    public async Task A_version_table_that_is_dropped_after_the_pin_does_not_end_the_pin()
    {
        string database = server.NewDatabase(1);
        server.Real.Sql(database, "CREATE TABLE version(version int); INSERT INTO version VALUES (2)");
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer(database), PostgresServer.Options, Test.Token);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        server.Real.Sql(database, "DROP TABLE version");

        (await pinned.ReadFactsAsync(Test.Token)).SchemaVersion.Should().BeNull();
        await pinned.RequireHeldAsync(Test.Token);
        (await pinned.ReadFactsAsync(Test.Token)).DatabaseBytes.Should().BePositive();
    }

    private static bool IsThirteen(string tables) => tables.StartsWith("CREATE TABLE version(version int", StringComparison.Ordinal) && tables.Contains("VALUES (13", StringComparison.Ordinal);
}
