using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Profiles;

namespace BackupTool.Tests.Services.Profiles;

public sealed class MaubotProfileTests : IDisposable
{
    private const string Secret = "hunter2-very-secret";
    private readonly ProfileTree _tree = new();

    [Fact]
    public void Finds_everything_of_a_maubot_in_its_one_directory()
    {
        BytePath data = LayOut("sqlite:///bot.db");
        ServiceLayout layout = _tree.Describe("maubot", null, data);

        layout.Roots.Should().Equal(data);
        layout.ExpectedDatabases.Should().Equal(data.Combine("bot.db"));
        layout.PluginDirectories.Should().Equal(data.Combine("plugins"));
        layout.Facts["config"].Should().Be(data.Combine("config/config.yaml").ToString());
        _tree.Notes.Should().BeEmpty();
    }

    [Theory]
    [InlineData("sqlite:bot.db")]
    [InlineData("sqlite:///bot.db")]
    [InlineData("sqlite:///./bot.db")]
    [InlineData("sqlite:////{data}/bot.db")]
    [InlineData("sqlite:/{data}/bot.db")]
    [InlineData("sqlite://///{data}//bot.db")]
    [InlineData("sqlite+aiosqlite:///bot.db")]
    [InlineData("sqlite3:bot.db?timeout=5")]
    [InlineData("sqlite:///b%6ft.db")]
    public void Reads_database_uris_as_maubot_does(string uri)
    {
        BytePath data = LayOut(uri.Replace("/{data}", _tree.At("maubot").ToString(), StringComparison.Ordinal));
        _tree.Describe("maubot", null, data).ExpectedDatabases.Should().Equal(data.Combine("bot.db"));
    }

    /// <summary>maubot reads three slashes as relative in <c>database</c>, and mautrix-python as absolute everywhere else.</summary>
    [Fact]
    public void Of_three_slashes_the_database_that_is_there_is_meant()
    {
        BytePath crypto = _tree.Write("srv/crypto.db", "x");
        BytePath data = LayOut("sqlite:///bot.db", crypto: $"sqlite://{crypto}");
        _tree.Describe("maubot", null, data).ExpectedDatabases.Should().Equal(data.Combine("bot.db"), crypto);
    }

    [Fact]
    public void Adds_what_the_configuration_puts_outside_of_the_data_directory()
    {
        BytePath elsewhere = _tree.MakeDirectory("srv/plugins"), databases = _tree.MakeDirectory("srv/databases"), crypto = _tree.Write("srv/crypto.db", "x");
        BytePath data = LayOut("sqlite:bot.db", load: elsewhere.ToString(), instances: databases.ToString(), crypto: $"sqlite:///{crypto}");
        ServiceLayout layout = _tree.Describe("maubot", null, data);

        layout.Roots.Should().BeEquivalentTo([data, crypto, elsewhere, databases]);
        layout.ExpectedDatabases.Should().Equal(data.Combine("bot.db"), crypto);
        layout.PluginDirectories.Should().Equal(elsewhere, data.Combine("plugins"));
    }

    [Fact]
    public void Reads_the_configuration_that_the_operator_names_and_takes_it_along()
    {
        BytePath data = LayOut("sqlite:gone.db"), config = _tree.Write("etc/my.yaml", "database: sqlite:bot.db\n");
        _tree.Describe("maubot", config, data).Roots.Should().Equal(data, config);
    }

    [Theory]
    [InlineData("maubot/config/config.yaml")]
    [InlineData("maubot/config.yaml")]
    public void Says_which_directory_it_assumes_when_none_is_given(string place)
    {
        BytePath data = LayOut("sqlite:bot.db"), config = _tree.Write(place, "database: sqlite:bot.db");
        _tree.Describe("maubot", config).Roots.Should().Equal(data);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain(data.ToString());
    }

    [Fact]
    public void Names_a_directory_that_is_not_there_yet_and_goes_on()
    {
        BytePath data = LayOut("sqlite:bot.db");
        Directory.Delete(data.Combine("trash").ToString());
        _tree.Describe("maubot", null, data).Roots.Should().Equal(data);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("plugin_directories.trash");
    }

    [Fact]
    public void Refuses_a_missing_plugin_directory() =>
        _tree.Refuse("maubot", null, LayOut("sqlite:bot.db", load: "/no/such/plugins")).Message.Should().Contain("/no/such/plugins");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Refuses_a_database_that_is_missing_or_empty(bool isThere)
    {
        BytePath data = LayOut("sqlite:other.db");
        if (isThere) _tree.Write("maubot/other.db", "");
        _tree.Refuse("maubot", null, data).Message.Should().Contain("other.db");
    }

    [Theory]
    [InlineData($"postgresql://maubot:{Secret}@127.0.0.1:x/maubot")]
    [InlineData($"postgresql://maubot:{Secret}@one,two/maubot")]
    [InlineData($"mysql://maubot:{Secret}@127.0.0.1/maubot")]
    [InlineData($"sqlite://{Secret}/bot.db")]
    [InlineData(Secret)]
    public void Refuses_a_database_that_it_cannot_read_without_repeating_the_password(string uri)
    {
        ServiceLayoutException refused = _tree.Refuse("maubot", null, LayOut(uri));
        refused.Message.Should().Contain("`database`");
        refused.ToString().Should().NotContain(Secret);
    }

    [Fact]
    public void Names_each_PostgreSQL_database_once()
    {
        BytePath data = LayOut("postgresql://maubot:" + Secret + "@localhost/maubot", crypto: "postgresql://maubot:" + Secret + "@127.0.0.1:5432/maubot");
        File.AppendAllText(data.Combine("config/config.yaml").ToString(), $"    postgres: postgresql://plugins:{Secret}@127.0.0.1/plugins\n");
        ServiceLayout layout = _tree.Describe("maubot", null, data);

        layout.PostgresDatabases.Select(target => (target.Database, target.Host, target.Role, target.Password!.Reveal()))
            .Should().Equal(("maubot", "127.0.0.1", "maubot", Secret), ("plugins", "127.0.0.1", "plugins", Secret));
        layout.ExpectedDatabases.Should().BeEmpty();
        layout.Roots.Should().Equal(data);
        layout.Facts["database"].Should().Be("maubot (127.0.0.1, port 5432)");
    }

    [Fact]
    public void Takes_a_database_in_a_file_along_with_plugin_databases_in_PostgreSQL()
    {
        BytePath data = LayOut("sqlite:bot.db");
        File.AppendAllText(data.Combine("config/config.yaml").ToString(), "    postgres: postgresql:///plugins?host=/run/postgresql\n");
        ServiceLayout layout = _tree.Describe("maubot", null, data);
        layout.ExpectedDatabases.Should().Equal(data.Combine("bot.db"));
        layout.PostgresDatabases.Should().ContainSingle().Which.Database.Should().Be("plugins");
    }

    [Theory]
    [InlineData("", "http://127.0.0.1:29316/_matrix/maubot/v1/version")]
    [InlineData("server:\n    hostname: 0.0.0.0\n    port: 8080\n    public_url: https://example.com/bots\n", "http://127.0.0.1:8080/_matrix/maubot/v1/version")]
    [InlineData("server:\n    hostname: localhost\n    port: 8080\n", "http://127.0.0.1:8080/_matrix/maubot/v1/version")]
    [InlineData("server:\n    hostname: '::'\n    base_path: /_matrix/old/\n", "http://[::1]:29316/_matrix/old/version")]
    public void Asks_where_its_configuration_has_it_listen(string server, string url)
    {
        BytePath data = LayOut("sqlite:bot.db"), config = _tree.Write("my.yaml", "database: sqlite:bot.db\n" + server);
        var probe = _tree.Describe("maubot", config, data).Health.Should().BeOfType<HttpProbe>().Subject;
        probe.Url.ToString().Should().Be(url);
        probe.ExpectedCodes.Should().Equal(200, 401);
    }

    [Fact]
    public void Asks_nobody_when_the_port_is_none_and_says_so()
    {
        BytePath data = LayOut("sqlite:bot.db"), config = _tree.Write("my.yaml", "database: sqlite:bot.db\nserver:\n    port: http\n");
        _tree.Describe("maubot", config, data).Health.Should().BeNull();
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("only its unit is asked");
    }

    [Theory]
    [InlineData($"database: sqlite:bot.db\nadmins:\n  root: [{Secret}\n")]
    [InlineData($"database: sqlite:bot.db\n{Secret}: a\n{Secret}: b\n")]
    [InlineData($"- {Secret}\n")]
    [InlineData("")]
    public void Says_where_a_configuration_is_broken_and_nothing_of_what_it_holds(string yaml)
    {
        ServiceLayoutException refused = _tree.Refuse("maubot", _tree.Write("config.yaml", yaml), LayOut("sqlite:bot.db"));
        refused.Message.Should().MatchRegex("line [0-9]+, column [0-9]+");
        refused.ToString().Should().NotContain(Secret);
    }

    [Fact]
    public void Survives_a_configuration_nested_deeper_than_any_stack() =>
        _tree.Refuse("maubot", _tree.Write("config.yaml", "a: " + new string('[', 100_000)), LayOut("sqlite:bot.db")).Message.Should().Contain("line 1");

    [Fact]
    public void Refuses_a_file_that_is_no_maubot_configuration() =>
        _tree.Refuse("maubot", _tree.Write("config.yaml", "homeserver:\n  address: x\n"), LayOut("sqlite:bot.db")).Message.Should().Contain("no `database`");

    [Fact]
    public void Says_where_it_looked_when_there_is_no_configuration() =>
        _tree.Refuse("maubot", null, _tree.MakeDirectory("empty")).Message.Should().Contain("empty/config/config.yaml");

    [Fact]
    public void Keeps_secrets_out_of_what_it_records()
    {
        BytePath data = LayOut("sqlite:bot.db");
        ServiceLayout layout = _tree.Describe("maubot", null, data);
        string.Join('\n', layout.Facts.Select(fact => $"{fact.Key}={fact.Value}").Concat(_tree.Notes)).Should().NotContain(Secret);
    }

    private BytePath LayOut(string database, string load = "./plugins", string instances = "./plugins", string crypto = "default")
    {
        _tree.Write("maubot/config/config.yaml", $"""
            database: {database}
            crypto_database: {crypto}
            server:
                unshared_secret: {Secret}
            plugin_directories:
                upload: ./plugins
                load:
                - {load}
                trash: ./trash
            plugin_databases:
                sqlite: {instances}

            """);
        _tree.Write("maubot/bot.db", "not read here");
        _tree.MakeDirectory("maubot/plugins");
        _tree.MakeDirectory("maubot/trash");
        return _tree.At("maubot");
    }

    public void Dispose() => _tree.Dispose();
}
