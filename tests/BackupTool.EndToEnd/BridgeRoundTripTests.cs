using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>Services with databases in PostgreSQL, from the backup to equal rows in a new database.</summary>
public sealed class BridgeRoundTripTests(ITestOutputHelper output)
{
    private const string ScratchDatabases = "SELECT datname FROM pg_database WHERE datname LIKE 'backup_verify%'";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_bridge_comes_back_with_equal_rows_by_us_and_by_standard_tools(bool byPeer)
    {
        using var bridge = new BridgeBox(bigRows: 500);
        RealPostgres server = bridge.Postgres;
        if (!byPeer) bridge.Configure(MautrixData.TcpUri(BridgeBox.Database, BridgeBox.Password, server, BridgeBox.Database));
        await bridge.Box.InitAsync();
        CliResult now = (await bridge.Box.RunAsync("now")).ShouldExit(0);
        string expected = MautrixData.Fingerprint(server, BridgeBox.Database);
        server.Sql(BridgeBox.Database, "DELETE FROM message WHERE n > 100");

        // The server that the dumps are proven with, as its superuser.
        bridge.Configure(MautrixData.SocketUri(BridgeBox.Database, null, server, BridgeBox.Database), bridge.Server());
        CliResult verify = (await bridge.Box.RunAsync("verify", "--level", "content", "-v")).ShouldExit(0);
        output.WriteLine($"now: {now.Output}{now.Error}\nverify: {verify.Output}{verify.Error}");
        (verify.Output + verify.Error).Should().Contain("3 tables, 3,550 rows");
        server.Sql("postgres", ScratchDatabases).Should().BeEmpty();

        string target = await bridge.Box.RestoreAsync(), dump = BridgeBox.DumpIn(target);
        string[] files = [.. Directory.GetFiles(Path.GetDirectoryName(dump)!).Order(StringComparer.Ordinal)];
        files.Select(Path.GetFileName).Should().Equal("bridge.dump", "globals.sql");
        MautrixData.Fingerprint(server, DumpByHand.Restore(server, dump)).Should().Be(expected);
        File.ReadAllText(files[1]).Should().Contain("CREATE ROLE bridge;").And.NotContain(BridgeBox.Password);
        foreach (string file in files) File.GetUnixFileMode(file).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite, "it holds what only root may read");
        Directory.GetFiles(target + bridge.Directory).Select(Path.GetFileName).Should().BeEquivalentTo(["config.yaml", "registration.yaml"]);
        File.ReadAllText(target + bridge.Directory + "/registration.yaml").Should().Be(File.ReadAllText(Path.Combine(bridge.Directory, "registration.yaml")));

        string byTar = bridge.Box.Make("by-tar");
        (await Cli.ShellAsync("sh \"$1/restore.sh\" latest bridge | tar -x -C \"$2\"", bridge.Box.Repository, byTar)).ShouldExit(0);
        File.ReadAllBytes(BridgeBox.DumpIn(byTar)).Should().Equal(File.ReadAllBytes(dump));
        MautrixData.Fingerprint(server, DumpByHand.Restore(server, BridgeBox.DumpIn(byTar))).Should().Be(expected);
    }

    [Fact]
    public async Task A_dump_for_which_no_server_is_there_is_not_called_good()
    {
        using var bridge = new BridgeBox();
        bridge.Configure(MautrixData.SocketUri(BridgeBox.Database, null, bridge.Postgres, BridgeBox.Database), bridge.Server());
        await bridge.Box.InitAsync();
        await bridge.Box.BackUpAsync();
        bridge.Postgres.Stop();
        (await bridge.Box.RunAsync("verify", "--level", "content")).ShouldFail(3, "not proven", "bridge.dump");
        (await bridge.Box.RunAsync("verify", "--level", "content", "--json")).ShouldExit(3).Json.GetProperty("good").GetBoolean().Should().BeFalse();
    }

    /// <summary>A bridge's own role is none of those that may make databases: that says nothing of the dump.</summary>
    [Fact]
    public async Task A_role_that_may_not_make_databases_proves_nothing_and_damages_nothing()
    {
        using var bridge = new BridgeBox();
        string secret = bridge.Box.Below("password");
        File.WriteAllText(secret, BridgeBox.Password + "\n");
        File.SetUnixFileMode(secret, UnixFileMode.UserRead);
        bridge.Configure(MautrixData.SocketUri(BridgeBox.Database, null, bridge.Postgres, BridgeBox.Database), bridge.Server($", role = \"{BridgeBox.Database}\", password-file = \"{secret}\""));
        await bridge.Box.InitAsync();
        await bridge.Box.BackUpAsync();
        CliResult verify = await bridge.Box.RunAsync("verify", "--level", "content");
        output.WriteLine($"{verify.ExitCode} {verify.Output}{verify.Error}");
        verify.ShouldFail(3, "not proven", "bridge.dump");
    }

    [Fact]
    public async Task A_whole_server_comes_back_with_every_database_whatever_it_is_called()
    {
        using var bridge = new BridgeBox();
        RealPostgres server = bridge.Postgres;
        string[] names = ["odd name/with \"quotes\" & ünïcödé", "=", "-rf"];
        foreach (string name in names)
        {
            server.CreateDatabase(name);
            server.Sql(name, $"CREATE TABLE t(x text); INSERT INTO t SELECT '{name} ' || i FROM generate_series(1, 100) i");
        }
        bridge.Box.Configure($"[service.database]\nkind = \"postgres\"\n{bridge.Server()}");
        await bridge.Box.InitAsync();
        await bridge.Box.BackUpAsync();
        CliResult verify = (await bridge.Box.RunAsync("verify", "--level", "content", "-v")).ShouldExit(0);
        output.WriteLine(verify.Output + verify.Error);
        string[] dumps = [.. Directory.GetFiles(Path.Combine(await bridge.Box.RestoreAsync(), "postgresql-dumps"), "*.dump").Order(StringComparer.Ordinal)];
        dumps.Should().HaveCount(names.Length + 2, "of the bridge and of postgres besides");
        string[] contents = [.. dumps.Where(static dump => Path.GetFileName(dump) is not ("bridge.dump" or "postgres.dump")).Select(dump => server.Sql(DumpByHand.Restore(server, dump), "SELECT min(x), count(*) FROM t"))];
        contents.Should().BeEquivalentTo(names.Select(static name => $"{name} 1|100"));
        server.Sql("postgres", ScratchDatabases).Should().BeEmpty();
    }

    [Fact]
    public async Task Synapse_comes_back_without_its_one_time_keys()
    {
        using var bridge = new BridgeBox();
        RealPostgres server = bridge.Postgres;
        server.CreateDatabase("synapse");
        server.Sql("synapse", """
            CREATE TABLE e2e_one_time_keys_json(user_id text, key_id text, key_json text);
            CREATE TABLE events(id bigint PRIMARY KEY, body text);
            INSERT INTO e2e_one_time_keys_json SELECT '@u:example.org', 'k' || i, '{}' FROM generate_series(1, 50) i;
            INSERT INTO events SELECT i, md5(i::text) FROM generate_series(1, 500) i;
            """);
        string directory = bridge.Box.Make("var/lib/synapse");
        bridge.Box.Make("var/lib/synapse/media/local_content");
        File.WriteAllText(Path.Combine(directory, "media/local_content/item"), "media");
        File.WriteAllText(Path.Combine(directory, "homeserver.signing.key"), "ed25519 a_1 the-key");
        string config = Path.Combine(directory, "homeserver.yaml");
        File.WriteAllText(config, $$"""
            server_name: example.org
            signing_key_path: {{directory}}/homeserver.signing.key
            media_store_path: {{directory}}/media
            listeners: [{port: 8008, type: http, bind_addresses: [127.0.0.1]}]
            database:
              name: psycopg2
              args: {user: synapse, dbname: synapse, host: {{server.SocketDirectory}}, port: {{server.Port}} }

            """);
        bridge.Box.Configure($"[service.synapse]\nkind = \"synapse\"\nconfig = \"{config}\"\n{bridge.Server()}");
        await bridge.Box.InitAsync();
        await bridge.Box.BackUpAsync();
        (await bridge.Box.RunAsync("verify", "--level", "content")).ShouldExit(0);
        string target = await bridge.Box.RestoreAsync(), restored = DumpByHand.Restore(server, Path.Combine(target, "postgresql-dumps/synapse.dump"));
        server.Sql(restored, "SELECT count(*) FROM e2e_one_time_keys_json; SELECT count(*) FROM events").Should().Be("0\n500");
        Sandbox.ShouldHold(target, Path.Combine(directory, "media"));
        File.ReadAllText(target + directory + "/homeserver.signing.key").Should().Be("ed25519 a_1 the-key");
    }

    [Fact]
    public async Task A_forge_comes_back_with_its_database_its_repositories_and_its_secrets()
    {
        using var box = new Sandbox();
        string work = box.Make("var/lib/forgejo"), database = Path.Combine(work, "data/forgejo.db"), repositories = box.Make("var/lib/forgejo/repositories");
        box.Make("var/lib/forgejo/data");
        box.Make("var/lib/forgejo/custom/conf");
        string[] secrets = ["secret_key", "internal_token", "oauth2_jwt_secret", "lfs_jwt_secret"];
        foreach (string secret in secrets) File.WriteAllText(Path.Combine(work, "custom/conf", secret), $"the {secret}");
        (await Cli.ShellAsync("git init -q --bare \"$1/owner/project.git\"", repositories)).ShouldExit(0);
        Sql.Make(database, "PRAGMA journal_mode=WAL; CREATE TABLE repository(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO repository VALUES(1, 'project')");
        string config = Path.Combine(work, "custom/conf/app.ini");
        File.WriteAllText(config, $"""
            WORK_PATH = {work}
            [database]
            DB_TYPE = sqlite3
            PATH = {database}
            [repository]
            ROOT = {repositories}
            [security]
            INSTALL_LOCK = true
            SECRET_KEY_URI = file:{work}/custom/conf/secret_key

            """);
        box.Configure($"[service.forge]\nkind = \"forgejo\"\nconfig = \"{config}\"");
        await box.InitAsync();
        await box.BackUpAsync();
        await box.VerifyAsync("content");
        string target = await box.RestoreAsync();
        Sql.Ask(target + database, "SELECT name FROM repository").Should().Be("project");
        Sandbox.ShouldHold(target, repositories);
        Sandbox.ShouldHold(target, Path.Combine(work, "custom"));
    }
}
