using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Tests.Services.Profiles;

public sealed class MautrixProfileTests : IDisposable
{
    private const string Secret = "hunter2-very-secret";
    private readonly ProfileTree _tree = new();

    [Fact]
    public void Finds_the_whole_of_a_bridge_of_today_in_its_directory()
    {
        BytePath data = LayOut($"""
            database:
                type: sqlite3-fk-wal
                uri: file:mautrix-slack.db?_txlock=immediate
            """);
        ServiceLayout layout = _tree.Describe("mautrix", null, data);

        layout.Roots.Should().Equal(data);
        layout.ExpectedDatabases.Should().Equal(data.Combine("mautrix-slack.db"));
        layout.PostgresDatabases.Should().BeEmpty();
        layout.Health.Should().BeOfType<HttpProbe>().Which.Should().BeEquivalentTo(new HttpProbe(new Uri("http://127.0.0.1:29319/_matrix/mau/live"), [200]));
        layout.Facts.Should().Equal(new SortedDictionary<string, string>
        {
            ["bot-username"] = "slackbot",
            ["bridge"] = "slack",
            ["config"] = data.Combine("config.yaml").ToString(),
            ["database"] = data.Combine("mautrix-slack.db").ToString(),
            ["database-type"] = "sqlite",
            ["homeserver-domain"] = "example.org",
        });
        _tree.Notes.Should().BeEmpty();
    }

    [Theory]
    [InlineData("file:/{data}/mautrix-slack.db?_txlock=immediate")]
    [InlineData("file:///{data}/mautrix-slack.db?_txlock=immediate")]
    [InlineData("file://localhost/{data}/mautrix-slack.db")]
    [InlineData("file:mautrix%2Dslack.db?_txlock=immediate#x")]
    [InlineData("/{data}/mautrix-slack.db?_txlock=immediate")]
    [InlineData("./mautrix-slack.db")]
    [InlineData("sqlite:///mautrix-slack.db")]
    public void Reads_the_file_of_a_database_as_the_bridge_does(string uri)
    {
        BytePath data = LayOut($"database:\n    type: sqlite3-fk-wal\n    uri: {uri.Replace("/{data}", _tree.At("slack").ToString(), StringComparison.Ordinal)}\n");
        _tree.Describe("mautrix", null, data).ExpectedDatabases.Should().Equal(data.Combine("mautrix-slack.db"));
    }

    [Theory]
    [InlineData("database:\n    type: postgres\n    uri: {uri}\n", "")]
    [InlineData("", "    database:\n        type: postgres\n        uri: {uri}\n")]
    [InlineData("", "    database: {uri}\n")]
    public void Names_the_PostgreSQL_database_wherever_a_bridge_of_its_age_has_it(string top, string below)
    {
        string uri = $"postgresql://bridge:{Secret}@db.example.org/slack?sslmode=disable";
        BytePath data = LayOut(top.Replace("{uri}", uri), below.Replace("{uri}", uri));
        ServiceLayout layout = _tree.Describe("mautrix", null, data);

        PostgresTarget target = layout.PostgresDatabases.Should().ContainSingle().Subject;
        (target.Database, target.Host, target.Role, target.Password!.Reveal()).Should().Be(("slack", "db.example.org", "bridge", Secret));
        layout.ExpectedDatabases.Should().BeEmpty();
        layout.Facts.Should().Contain("database", "slack (db.example.org, port 5432)").And.Contain("database-type", "postgres");
        string.Join('\n', layout.Facts.Values.Concat(_tree.Notes)).Should().NotContain(Secret);
    }

    [Fact]
    public void Connects_as_the_operator_says()
    {
        BytePath data = LayOut("database:\n    type: postgres\n    uri: postgresql:///slack?host=/run/postgresql\n");
        ServiceLayout layout = _tree.Describe(new ServiceFacts { Name = "slack", Kind = "mautrix", DataPaths = [data], Postgres = new PostgresAccess("/tmp/pg", 5499, null, null, null) });
        layout.PostgresDatabases.Should().ContainSingle().Which.Should().Be(
            new PostgresTarget { Database = "slack", Host = "/tmp/pg", Port = 5499, Role = "postgres", ExcludedTableData = layout.PostgresDatabases[0].ExcludedTableData });
    }

    [Fact]
    public void Reads_a_python_bridge()
    {
        _tree.Write("telegram/config.yaml", $"""
            homeserver:
                address: https://example.org
                domain: example.org
            appservice:
                hostname: 0.0.0.0
                port: 29317
                database: sqlite:mautrix-telegram.db
                id: telegram
                bot_username: telegrambot
                as_token: {Secret}
            telegram:
                api_hash: {Secret}
            """);
        BytePath database = _tree.Write("telegram/mautrix-telegram.db", "x");
        ServiceLayout layout = _tree.Describe("mautrix", null, _tree.At("telegram"));
        layout.ExpectedDatabases.Should().Equal(database);
        layout.Facts.Should().Contain("bot-username", "telegrambot").And.Contain("bridge", "telegram");
        layout.Health.Should().BeOfType<HttpProbe>().Which.Url.Port.Should().Be(29317);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("registration");
    }

    [Fact]
    public void Reads_what_NixOS_writes_as_JSON()
    {
        BytePath data = _tree.MakeDirectory("nix");
        _tree.Write("nix/config.json", $$"""{"appservice":{"hostname":"[::]","port":29328,"id":"signal","as_token":"{{Secret}}"},"database":{"type":"sqlite3","uri":"file:{{data}}/signal.db?_txlock=immediate"} }""");
        BytePath database = _tree.Write("nix/signal.db", "x");
        _tree.Write("nix/signal-registration.yaml", "id: signal\nas_token: x\n");
        ServiceLayout layout = _tree.Describe("mautrix", null, data);
        layout.ExpectedDatabases.Should().Equal(database);
        layout.Health.Should().BeOfType<HttpProbe>().Which.Url.ToString().Should().Be("http://[::1]:29328/_matrix/mau/live");
        _tree.Notes.Should().BeEmpty();
    }

    [Fact]
    public void Takes_along_what_lies_outside_of_the_data_directory()
    {
        BytePath data = _tree.MakeDirectory("data"), database = _tree.Write("srv/slack.db", "x"), registration = _tree.Write("etc/slack-registration.yaml", "id: slack\n");
        BytePath config = _tree.Write("etc/config.yaml", Config($"database:\n    type: sqlite3-fk-wal\n    uri: {database}\n"));
        _tree.Write("etc/whatsapp-registration.yaml", "id: whatsapp\n");
        ServiceLayout layout = _tree.Describe("mautrix", config, data);
        layout.Roots.Should().BeEquivalentTo([data, config, database, registration], "the other registration is another bridge's");
        _tree.Notes.Should().ContainSingle().Which.Should().Contain(database.ToString());
    }

    [Fact]
    public void Takes_only_its_files_when_no_directory_is_given()
    {
        BytePath data = LayOut("database:\n    type: sqlite3-fk-wal\n    uri: mautrix-slack.db\n");
        _tree.Write("slack/logs/bridge.log", "x");
        _tree.Describe("mautrix", data.Combine("config.yaml")).Roots.Should().BeEquivalentTo(
            [data.Combine("config.yaml"), data.Combine("mautrix-slack.db"), data.Combine("registration.yaml")]);
    }

    [Fact]
    public void Takes_a_registration_that_the_operator_names()
    {
        BytePath data = LayOut("database:\n    type: sqlite3-fk-wal\n    uri: mautrix-slack.db\n"), elsewhere = _tree.Write("hs/appservice-registration-slack.yaml", "id: slack\n");
        File.Delete(data.Combine("registration.yaml").ToString());
        _tree.Describe("mautrix", null, data, elsewhere).Roots.Should().Equal(data, elsewhere);
        _tree.Notes.Should().BeEmpty();
    }

    [Fact]
    public void Says_that_there_is_no_registration_and_goes_on()
    {
        BytePath data = LayOut("database:\n    type: sqlite3-fk-wal\n    uri: mautrix-slack.db\n");
        File.Delete(data.Combine("registration.yaml").ToString());
        _tree.Describe("mautrix", null, data).Roots.Should().Equal(data);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("registration").And.Contain(data.ToString());
    }

    [Theory]
    [InlineData("    hostname: /run/bridge.sock\n", "Unix socket")]
    [InlineData("    hostname: 127.0.0.1\n    port: null\n", "does not say where")]
    public void Asks_nobody_where_it_cannot_and_says_so(string listen, string note)
    {
        BytePath data = LayOut("");
        _tree.Write("slack/config.yaml", $"database:\n    type: sqlite3-fk-wal\n    uri: mautrix-slack.db\nappservice:\n    id: slack\n{listen}");
        _tree.Describe("mautrix", null, data).Health.Should().BeNull();
        _tree.Notes.Should().ContainSingle().Which.Should().Contain(note);
    }

    [Fact]
    public void Says_what_it_cannot_know()
    {
        BytePath data = LayOut("env_config_prefix: BRIDGE_\ndatabase:\n    type: sqlite3-fk-wal\n    uri: mautrix-slack.db\n", "    database: sqlite:old.db\n");
        _tree.Describe("mautrix", null, data).ExpectedDatabases.Should().Equal(data.Combine("mautrix-slack.db"));
        _tree.Notes.Should().HaveCount(2).And.Contain(note => note.Contains("environment")).And.Contain(note => note.Contains("both"));
    }

    [Theory]
    [InlineData($"database:\n    type: mysql\n    uri: {Secret}\n", "neither SQLite nor PostgreSQL")]
    [InlineData($"database:\n    type: postgres\n    uri: mysql://x:{Secret}@h/d\n", "`database.uri`")]
    [InlineData($"database:\n    type: sqlite3-fk-wal\n    uri: postgres://x:{Secret}@h/d\n", "`database.uri`")]
    [InlineData("database:\n    type: sqlite3-fk-wal\n    uri: 'file::memory:'\n", "in memory")]
    [InlineData("database:\n    type: sqlite3-fk-wal\n    uri: ../slack.db\n", "`..`")]
    [InlineData("database:\n    type: sqlite3-fk-wal\n    uri: gone.db\n", "does not exist or is empty")]
    [InlineData("database:\n    type: sqlite3-fk-wal\n    uri: empty.db\n", "does not exist or is empty")]
    [InlineData($"database:\n    type: postgres\n    token: {Secret}\n", "no `uri`")]
    [InlineData($"token: {Secret}\n", "neither `database`")]
    [InlineData($"database: [{Secret}\n", "line ")]
    [InlineData($"{Secret}\n", "line 1")]
    [InlineData("", "line 1")]
    public void Refuses_a_configuration_that_it_cannot_use_and_repeats_no_secret(string yaml, string named)
    {
        BytePath data = LayOut("");
        _tree.Write("slack/empty.db", "");
        _tree.Write("slack/config.yaml", yaml);
        ServiceLayoutException refused = _tree.Refuse("mautrix", null, data);
        refused.Message.Should().Contain(named);
        refused.ToString().Should().NotContain(Secret);
    }

    [Fact]
    public void Says_where_it_looked_when_there_is_no_configuration() =>
        _tree.Refuse("mautrix", null, _tree.MakeDirectory("empty")).Message.Should().Contain("empty");

    private BytePath LayOut(string top, string belowAppservice = "")
    {
        _tree.Write("slack/config.yaml", Config(top, belowAppservice));
        _tree.Write("slack/mautrix-slack.db", "not read here");
        _tree.Write("slack/registration.yaml", $"id: slack\nas_token: {Secret}\n");
        return _tree.At("slack");
    }

    private static string Config(string top, string belowAppservice = "") => $"""
        {top}
        homeserver:
            address: http://127.0.0.1:8008
            domain: example.org
        appservice:
            address: http://localhost:29319
            hostname: 127.0.0.1
            port: 29319
            id: slack
            bot:
                username: slackbot
            as_token: {Secret}
            hs_token: {Secret}
        {belowAppservice}
        encryption:
            pickle_key: {Secret}
        """;

    public void Dispose() => _tree.Dispose();
}
