using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Tests.Services.Profiles;

public sealed class SynapseProfileTests : IDisposable
{
    private const string Secret = "hunter2-very-secret";
    private readonly ProfileTree _tree = new();

    [Fact]
    public void Finds_the_whole_of_a_homeserver_as_Debian_lays_it_out()
    {
        BytePath config = LayOut(), log = _tree.Write("etc/log.yaml", "version: 1\n"), registration = _tree.Write("bridges/slack.yaml", "id: slack\n");
        _tree.Write("etc/homeserver.yaml", Config() + $"log_config: {log}\napp_service_config_files:\n- {registration}\n");
        BytePath name = _tree.Write("etc/conf.d/server_name.yaml", "server_name: example.org\n");
        _tree.Write("etc/conf.d/notes.txt", "not read");
        ServiceLayout layout = _tree.Describe("synapse", config);

        layout.Roots.Should().BeEquivalentTo([config, name, log, registration, _tree.At("etc/homeserver.signing.key"), _tree.At("lib/media")]);
        PostgresTarget target = layout.PostgresDatabases.Should().ContainSingle().Subject;
        (target.Database, target.Host, target.Port, target.Role, target.Password!.Reveal()).Should().Be(("synapse", "127.0.0.1", 5432, "synapse_user", Secret));
        target.ExcludedTableData.Should().Equal("e2e_one_time_keys_json");
        layout.ExpectedDatabases.Should().BeEmpty();
        layout.Facts.Should().Contain("server-name", "example.org").And.Contain("database", "synapse (127.0.0.1, port 5432)");
        layout.Facts["one-time-keys"].Should().Contain("not in the backup");
        layout.Health.Should().BeOfType<HttpProbe>().Which.Should().BeEquivalentTo(new HttpProbe(new Uri("http://127.0.0.1:8008/health"), [200]));
        string.Join('\n', layout.Facts.Values.Concat(_tree.Notes)).Should().NotContain(Secret);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("conf.d");
    }

    [Fact]
    public void Has_a_later_file_take_the_place_of_whole_keys_as_Synapse_does()
    {
        BytePath config = LayOut();
        _tree.Write("etc/conf.d/10-database.yaml", "database:\n  name: psycopg2\n  args:\n    host: /run/postgresql\n    database: other\n");
        _tree.Write("etc/conf.d/20-empty.yaml", "# nothing here\n\n");
        ServiceLayout layout = _tree.Describe("synapse", config);
        PostgresTarget target = layout.PostgresDatabases.Should().ContainSingle().Subject;
        (target.Database, target.Host, target.Role, target.Password).Should().Be(("other", "/run/postgresql", "postgres", null), "nothing is merged within `database`");
        layout.Roots.Should().Contain(_tree.At("etc/conf.d/20-empty.yaml"));
    }

    [Fact]
    public void Takes_an_SQLite_database_along_and_says_what_must_be_done_at_a_restore()
    {
        BytePath config = LayOut(database: "database:\n  name: sqlite3\n  args:\n    database: homeserver.db\n"), database = _tree.Write("lib/homeserver.db", "x");
        ServiceLayout layout = _tree.Describe("synapse", config, _tree.At("lib"));
        layout.ExpectedDatabases.Should().Equal(database);
        layout.PostgresDatabases.Should().BeEmpty();
        layout.Facts["one-time-keys"].Should().Contain("empty the table e2e_one_time_keys_json");
    }

    [Theory]
    [InlineData("database:\n  name: psycopg2\n  args:\n    dbname: synapse\n    user: synapse\n", "synapse", null, "postgres")]
    [InlineData("database:\n  name: psycopg2\n  args:\n    dsn: host=/run/pg dbname=synapse user=it password=" + Secret + "\n    cp_min: 5\n", "synapse", "/run/pg", "it")]
    [InlineData("database:\n  name: psycopg2\n  args:\n    database: synapse\n    user: it\n    password: 1234\n    host: localhost\n    port: 5433\n", "synapse", "127.0.0.1", "it")]
    public void Reads_the_arguments_of_psycopg2(string database, string name, string? host, string role)
    {
        PostgresTarget target = _tree.Describe("synapse", LayOut(database: database)).PostgresDatabases.Single();
        (target.Database, target.Host, target.Role).Should().Be((name, host, role));
    }

    [Fact]
    public void Takes_each_of_several_databases()
    {
        BytePath config = LayOut(database: "databases:\n  master:\n    name: psycopg2\n    data_stores: [main]\n    args:\n      database: main\n  state:\n    name: psycopg2\n    data_stores: [state]\n    args:\n      database: state\n");
        _tree.Describe("synapse", config).PostgresDatabases.Select(target => target.Database).Should().Equal("main", "state");
    }

    [Fact]
    public void Leaves_out_what_can_be_fetched_again_and_nothing_of_its_own_users()
    {
        BytePath media = _tree.At("lib/media");
        IReadOnlyList<Exclusion> exclusions = _tree.Describe("synapse", LayOut(), _tree.At("lib")).Exclusions;
        string[] paths =
        [
            "local_content/aa/bb/cc", "local_thumbnails/aa/bb/cc/32-32-image-png-crop", "remote_content/example.org/aa/bb/cc", "remote_thumbnail/example.org/aa/bb/cc/32",
            "url_cache/2026-01-01/x", "url_cache_thumbnails/2026-01-01/x/32", "local_content/url_cache", "sub/remote_content/x",
        ];
        paths.Where(path => exclusions.Any(e => e.Covers(media.Combine(path), false)))
            .Should().Equal("remote_content/example.org/aa/bb/cc", "remote_thumbnail/example.org/aa/bb/cc/32", "url_cache/2026-01-01/x", "url_cache_thumbnails/2026-01-01/x/32");
        exclusions.Should().OnlyContain(exclusion => exclusion.Reason.Length > 0);
    }

    [Theory]
    [InlineData("listeners:\n- {port: 9000, type: metrics}\n- {port: 8448, type: http, tls: true, resources: [{names: [client, federation]}]}\n- {port: 8009, type: http, resources: [{names: [federation]}]}\n- {port: 8010, type: http, bind_addresses: ['::1', '127.0.0.2'], x_forwarded: true, resources: [{names: [client]}]}\n", "http://127.0.0.2:8010/health")]
    [InlineData("listeners:\n- {port: 8008, type: http, bind_address: 0.0.0.0}\n", "http://127.0.0.1:8008/health")]
    [InlineData("listeners:\n- {path: /run/s.sock, type: http, resources: [{names: [client]}]}\n- {port: 8009, type: http, bind_addresses: ['::']}\n", "http://[::1]:8009/health")]
    public void Asks_the_listener_that_serves_clients_without_TLS(string listeners, string url)
    {
        BytePath config = LayOut(listeners: listeners);
        _tree.Describe("synapse", config).Health.Should().BeOfType<HttpProbe>().Which.Url.ToString().Should().Be(url);
        _tree.Notes.Should().BeEmpty();
    }

    [Fact]
    public void Only_connects_to_one_with_TLS()
    {
        BytePath config = LayOut(listeners: "listeners:\n- {port: 8448, type: http, tls: yes, bind_addresses: ['127.0.0.1']}\n");
        _tree.Describe("synapse", config).Health.Should().Be(new TcpProbe("127.0.0.1", 8448));
    }

    [Theory]
    [InlineData("")]
    [InlineData("listeners:\n- {path: /run/s.sock, type: http}\n")]
    public void Asks_nobody_where_it_cannot_and_says_so(string listeners)
    {
        _tree.Describe("synapse", LayOut(listeners: listeners)).Health.Should().BeNull();
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("only its unit is asked");
    }

    [Fact]
    public void Finds_the_signing_key_where_Synapse_looks_for_it_by_default()
    {
        BytePath config = LayOut(key: ""), key = _tree.Write("etc/example.org.signing.key", "ed25519 a_x y\n");
        _tree.Describe("synapse", config).Roots.Should().Contain(key);
    }

    [Theory]
    [InlineData("", "another one")]
    [InlineData("signing_key_path: /no/such.key\n", "/no/such.key")]
    public void Refuses_a_server_without_its_signing_key(string key, string named) => _tree.Refuse("synapse", LayOut(key: key)).Message.Should().Contain(named);

    [Fact]
    public void Needs_no_file_for_a_signing_key_in_the_configuration()
    {
        ServiceLayout layout = _tree.Describe("synapse", LayOut(key: $"signing_key: {Secret}\n"));
        layout.Facts.Values.Should().NotContain(value => value.Contains(Secret));
    }

    [Fact]
    public void Refuses_a_media_store_that_is_not_there_unless_the_media_are_anothers()
    {
        BytePath config = LayOut();
        Directory.Delete(_tree.At("lib/media").ToString(), recursive: true);
        _tree.Refuse("synapse", config).Message.Should().Contain("media");
        File.AppendAllText(config.ToString(), "enable_media_repo: false\n");
        _tree.Describe("synapse", config);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("not part of this backup");
    }

    [Fact]
    public void Takes_a_second_store_along_and_names_one_that_is_no_directory()
    {
        BytePath config = LayOut(), second = _tree.MakeDirectory("second/media");
        File.AppendAllText(config.ToString(), $"media_storage_providers:\n- module: file_system\n  store_local: true\n  config:\n    directory: {second}\n- module: s3_storage_provider.S3StorageProviderBackend\n  config:\n    bucket: b\n    secret_access_key: {Secret}\n");
        ServiceLayout layout = _tree.Describe("synapse", config);
        layout.Roots.Should().Contain(second);
        layout.Exclusions.Should().Contain(e => e.Covers(second.Combine("remote_content/x"), false));
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("media storage provider").And.NotContain(Secret);
    }

    [Fact]
    public void Names_a_registration_that_is_not_there_and_a_secret_that_is_not_on_a_disk()
    {
        string volatileFile = $"/run/backup-test-{Guid.NewGuid():n}";
        File.WriteAllText(volatileFile, Secret);
        try
        {
            BytePath config = LayOut();
            File.AppendAllText(config.ToString(), $"app_service_config_files: [/no/slack.yaml]\nmacaroon_secret_key_path: {volatileFile}\n");
            _tree.Describe("synapse", config).Roots.Should().NotContain(BytePath.From(volatileFile));
            _tree.Notes.Should().HaveCount(2).And.Contain(note => note.Contains("/no/slack.yaml")).And.Contain(note => note.Contains(volatileFile) && !note.Contains(Secret));
        }
        finally
        {
            File.Delete(volatileFile);
        }
    }

    [Theory]
    [InlineData($"server_name: example.org\npassword: {Secret}\n", "no `database`")]
    [InlineData($"database:\n  name: mysql\n  args:\n    password: {Secret}\n", "`database.name`")]
    [InlineData("database:\n  name: sqlite3\n  args:\n    database: ':memory:'\n", "names no file")]
    [InlineData("database:\n  name: sqlite3\n  args:\n    database: gone.db\n", "gone.db")]
    [InlineData($"database:\n  name: psycopg2\n  args:\n    password: {Secret}\n", "names no database")]
    [InlineData($"database:\n  name: psycopg2\n  args:\n    dsn: {Secret}\n", "`database.args.dsn`")]
    [InlineData($"database: [{Secret}\n", "line ")]
    [InlineData("", "line 1")]
    public void Refuses_a_configuration_that_it_cannot_use_and_repeats_no_secret(string yaml, string named)
    {
        LayOut();
        ServiceLayoutException refused = _tree.Refuse("synapse", _tree.Write("etc/homeserver.yaml", yaml));
        refused.Message.Should().Contain(named);
        refused.ToString().Should().NotContain(Secret);
    }

    private BytePath LayOut(string? database = null, string? listeners = null, string? key = null)
    {
        _tree.Write("etc/homeserver.signing.key", Secret);
        _tree.Write("lib/media/local_content/aa/bb/cc", "x");
        return _tree.Write("etc/homeserver.yaml", Config(database, listeners, key));
    }

    private string Config(string? database = null, string? listeners = null, string? key = null) =>
        "server_name: \"example.org\"\npid_file: /run/matrix-synapse.pid\n"
        + (listeners ?? "listeners:\n  - port: 8008\n    tls: false\n    type: http\n    x_forwarded: true\n    bind_addresses: ['::1', '127.0.0.1']\n    resources:\n      - names: [client, federation]\n        compress: false\n")
        + (database ?? $"database:\n  name: psycopg2\n  txn_limit: 10000\n  args:\n    user: synapse_user\n    password: {Secret}\n    dbname: synapse\n    host: localhost\n    port: 5432\n    cp_min: 5\n    cp_max: 10\n")
        + $"media_store_path: {_tree.At("lib/media")}\nregistration_shared_secret: {Secret}\n" + (key ?? $"signing_key_path: \"{_tree.At("etc/homeserver.signing.key")}\"\n");

    public void Dispose() => _tree.Dispose();
}
