using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>Databases of a real PostgreSQL come back in place: made beside the live ones, and exchanged by name in the stop.</summary>
public sealed class InPlacePostgresTests
{
    private static readonly string[] RestoreBridge = ["restore", "latest", "--in-place", "-s", "bridge"];

    [Fact]
    public async Task A_bridges_rows_come_back_whoever_is_in_the_database_and_go_again_with_a_rollback()
    {
        await using BridgeStack stack = await BridgeStack.StartAsync();
        RealPostgres server = stack.Postgres;
        string good = stack.Fingerprint();
        await stack.RunAsync(["now", "-s", "bridge"], 0);
        server.Sql(BridgeStack.Database, "DELETE FROM message WHERE n > 100; REVOKE SELECT ON portal FROM reader; DROP ROLE reader");
        string ruined = stack.Fingerprint();
        Task<string> session = Task.Run(() => server.Sql(BridgeStack.Database, "SELECT pg_sleep(120)"), TestContext.Current.CancellationToken);

        CliResult restore = await stack.RunAsync(RestoreBridge, 0, 3);

        stack.Fingerprint().Should().Be(good);
        restore.Output.Should().Contain("4 tables");
        await session.Awaiting(static task => task).Should().ThrowAsync<InvalidOperationException>("whoever was in it was ended");
        server.Sql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'reader'").Should().Be("1", "it came back from the globals");
        server.Sql(BridgeStack.Database, "SELECT has_table_privilege('reader', 'portal', 'SELECT')").Should().Be("t");
        stack.Databases().Should().HaveCount(3, "what was replaced is kept");
        await stack.RunAsync(["rollback", "bridge"], 0);
        stack.Fingerprint().Should().Be(ruined);
        await stack.RunAsync(["rollback", "bridge"], 0);
        stack.Fingerprint().Should().Be(good);

        CliResult all = await stack.RunAsync(["now", "-s", "database", "--json"], 0, 3);
        (await stack.RunAsync(["show", "latest", "database"], 0)).Output.Should().Contain("bridge.dump").And.NotContain("_backup_old_", "what is kept of a restore is no database of anybody's");
        await stack.RunAsync(["restore", "--forget-previous"], 0);
        stack.Databases().Should().Equal("bridge", "postgres");
    }

    [Fact]
    public async Task A_database_with_which_the_bridge_is_not_well_leaves_again()
    {
        await using BridgeStack stack = await BridgeStack.StartAsync();
        stack.Postgres.Sql(BridgeStack.Database, "SET ROLE bridge; CREATE TABLE poison(x int)");
        await stack.RunAsync(["now", "-s", "bridge"], 20);
        stack.Postgres.Sql(BridgeStack.Database, "DROP TABLE poison; DELETE FROM message WHERE n > 100");
        string before = stack.Fingerprint();

        CliResult restore = await stack.RunAsync([.. RestoreBridge, "--no-safety"], 21);

        restore.Error.Should().Contain("not healthy");
        stack.Fingerprint().Should().Be(before);
        stack.Databases().Should().Equal("bridge", "postgres");
        (await stack.RunAsync("health", "-s", "bridge")).ExitCode.Should().BeOneOf(0, 2);
    }

    [Fact]
    public async Task All_databases_of_a_server_whose_own_unit_runs_on()
    {
        await using BridgeStack stack = await BridgeStack.StartAsync();
        RealPostgres server = stack.Postgres;
        server.CreateDatabase("odd \"name\" 'x'");
        server.Sql("odd \"name\" 'x'", "CREATE TABLE t(x int); INSERT INTO t VALUES (1)");
        server.Sql("postgres", "CREATE TABLE p(x int); INSERT INTO p VALUES (1)");
        string good = stack.Fingerprint();
        await stack.RunAsync(["now", "-s", "database"], 0);
        server.Sql("odd \"name\" 'x'", "DELETE FROM t");
        server.Sql("postgres", "DELETE FROM p");
        server.Sql(BridgeStack.Database, "DELETE FROM message");
        string invocation = await stack.Systemd.ExecAsync("systemctl", "show", "-P", "InvocationID", "postgres.service");

        await stack.RunAsync(["restore", "latest", "--in-place", "-s", "database", "--dry-run"], 0);
        await stack.RunAsync(["restore", "latest", "--in-place", "-s", "database"], 0, 3);

        (await stack.Systemd.ExecAsync("systemctl", "show", "-P", "InvocationID", "postgres.service")).Should().Be(invocation);
        stack.Fingerprint().Should().Be(good);
        server.Sql("odd \"name\" 'x'", "SELECT count(*) FROM t").Should().Be("1");
        server.Sql("postgres", "SELECT count(*) FROM p").Should().Be("1");
        await stack.RunAsync(["rollback"], 0);
        server.Sql("odd \"name\" 'x'", "SELECT count(*) FROM t").Should().Be("0");
        await stack.RunAsync(["restore", "--forget-previous"], 0);
        stack.Databases().Should().HaveCount(3);
    }

    [Fact]
    public async Task What_must_not_come_back_does_not()
    {
        using var box = new Sandbox();
        string maubot = MaubotData.Configure(box), synapse = box.Make("var/lib/synapse"), database = Path.Combine(synapse, "homeserver.db"), bot = Path.Combine(maubot, "bot.db");
        box.Make("var/lib/synapse/media");
        File.WriteAllText(Path.Combine(synapse, "homeserver.signing.key"), "ed25519 a_1 the-key");
        File.WriteAllText(Path.Combine(synapse, "homeserver.yaml"), $$"""
            server_name: example.org
            signing_key_path: {{synapse}}/homeserver.signing.key
            media_store_path: {{synapse}}/media
            listeners: []
            database: {name: sqlite3, args: {database: {{database}} } }

            """);
        Sql.Make(database, "CREATE TABLE e2e_one_time_keys_json(user_id, key_json); INSERT INTO e2e_one_time_keys_json VALUES ('@u:x', '{}'); CREATE TABLE events(id); INSERT INTO events VALUES (1), (2)");
        Sql.Make(bot, "CREATE TABLE client(id TEXT PRIMARY KEY, next_batch TEXT, filter_id TEXT); INSERT INTO client VALUES ('@bot:x', 's123', 'f1')");
        MaubotData.Configure(box, $"[service.synapse]\nkind = \"synapse\"\nconfig = \"{synapse}/homeserver.yaml\"");
        await box.InitAsync();
        (await box.RunAsync("now")).ExitCode.Should().BeOneOf(0, 3);

        await RestoreAsync("-s", "maubot");
        Sql.Ask(bot, "SELECT next_batch || filter_id FROM client").Should().Be("s123f1", "the homeserver is where it was");
        await RestoreAsync();
        Sql.Ask(bot, "SELECT next_batch || filter_id FROM client").Should().Be("", "the restored homeserver knows no such position");
        Sql.Ask(database, "SELECT count(*) FROM e2e_one_time_keys_json").Should().Be(0L);
        Sql.Ask(database, "SELECT count(*) FROM events").Should().Be(2L);

        async Task RestoreAsync(params string[] more)
        {
            CliResult restore = await box.RunAsync(["restore", "latest", "--in-place", "--without-stopping", "--no-safety", .. more]);
            TestContext.Current.TestOutputHelper?.WriteLine($"{restore.ExitCode}\n{restore.Error}{restore.Output}");
            restore.ExitCode.Should().BeOneOf([0, 3], restore.Error);
        }
    }
}
