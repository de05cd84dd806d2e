using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Quiescing;

namespace BackupTool.Tests.Operations.Configuration;

/// <summary>What can be said of stopping a service and of its health.</summary>
public sealed class ServiceSettingsTests
{
    private const string Repository = "[repository]\npath = \"/var/backups/stack\"\n", Maubot = "[service.x]\nkind = \"maubot\"\n", Server = "[service.x]\nkind = \"postgres\"\n";

    [Theory]
    [InlineData("", QuiesceMode.Online)]
    [InlineData("unit = \"x.service\"\n", QuiesceMode.Stop)]
    [InlineData("unit = \"x.service\"\nquiesce = \"online\"\n", QuiesceMode.Online)]
    [InlineData("unit = \"x.service\"\nquiesce = \"freeze\"\n", QuiesceMode.Freeze)]
    [InlineData("quiesce = \"stop\"\nunit = \"x\"\n", QuiesceMode.Stop)]
    [InlineData("quiesce = \"online\"\n", QuiesceMode.Online)]
    public void Stops_what_has_a_unit_unless_told_otherwise(string more, QuiesceMode mode) => Service(Maubot + more).Quiesce.Should().Be(mode);

    [Theory]
    [InlineData("postgres")]
    [InlineData("postgresql")]
    public void Never_stops_PostgreSQL(string kind)
    {
        Service($"[service.x]\nkind = \"{kind}\"\nunit = \"postgresql.service\"\n").Quiesce.Should().Be(QuiesceMode.Online);
        Problem($"[service.x]\nkind = \"{kind}\"\nunit = \"postgresql.service\"\nquiesce = \"stop\"\n").Message.Should().Contain("a dump needs the running server");
    }

    [Fact]
    public void Has_defaults_for_what_is_not_said()
    {
        ServiceSettings service = Service(Maubot);
        service.StopTimeout.Should().Be(TimeSpan.FromMinutes(2));
        service.Pin.Should().BeTrue();
        service.Health.Should().Be(new HealthSettings { Probe = null, IsUnitOnly = false, Timeout = TimeSpan.FromSeconds(60) });
        (service.Postgres, service.Databases.Count, service.ToFacts().Postgres).Should().Be((null, 0, null));
    }

    [Fact]
    public void Reads_how_a_service_is_stopped_and_pinned()
    {
        ServiceSettings service = Service(Maubot + "unit = \"x\"\nstop-timeout = \"5m\"\npin = false\n");
        (service.StopTimeout, service.Pin).Should().Be((TimeSpan.FromMinutes(5), false));
    }

    [Fact]
    public void Reads_how_a_service_is_asked_for_its_health()
    {
        HealthSettings http = Service(Maubot + "health = { url = \"http://127.0.0.1:29316/_matrix/maubot/v1/version\", expect = [200, 401, 200], timeout = \"90s\" }\n").Health;
        http.Probe.Should().BeOfType<HttpProbe>().Which.ExpectedCodes.Should().Equal(200, 401);
        ((HttpProbe)http.Probe!).Url.Should().Be(new Uri("http://127.0.0.1:29316/_matrix/maubot/v1/version"));
        http.Timeout.Should().Be(TimeSpan.FromSeconds(90));
        Service(Maubot + "[service.x.health]\nurl = \"https://[::1]/\"\n").Health.Probe.Should().BeOfType<HttpProbe>().Which.ExpectedCodes.Should().Equal(200);
        Service(Maubot + "health = { tcp = \"127.0.0.1:8008\" }\n").Health.Probe.Should().Be(new TcpProbe("127.0.0.1", 8008));
        Service(Maubot + "health = { tcp = \"[::1]:8008\" }\n").Health.Probe.Should().Be(new TcpProbe("::1", 8008));
        Service(Maubot + "health = { command = [\"/bin/true\", \"a b\"], timeout = \"2s\" }\n").Health.Probe.Should().BeOfType<CommandProbe>().Which.Command.Should().Equal("/bin/true", "a b");
        Service(Maubot + "health = false\n").Health.Should().Be(new HealthSettings { IsUnitOnly = true });
    }

    [Theory]
    [InlineData(Maubot + "quiesce = \"stop\"\n", 5, 11, "`quiesce` in [service.x] is `stop`, but no `unit` says what to stop", "Set unit = ")]
    [InlineData(Maubot + "quiesce = \"freeze\"\n", 5, 11, "no `unit` says what to freeze", "quiesce = \"online\"")]
    [InlineData(Maubot + "quiesce = \"onlin\"\n", 5, 11, "cannot be `onlin`", "Did you mean `online`?")]
    [InlineData(Maubot + "quiesce = true\n", 5, 11, "must be a text, and is a truth value", null)]
    [InlineData(Server + "quiesce = \"freeze\"\n", 5, 11, "cannot be `freeze`: a dump needs the running server", "consistent all the same")]
    [InlineData(Server + "data = \"/var/lib/postgresql\"\n", 5, 1, "is dumped, and its files are not copied", "`databases`")]
    [InlineData(Server + "databases = []\n", 5, 13, "`databases` in [service.x] is empty", "all but the templates")]
    [InlineData(Server + "databases = \"a\"\n", 5, 13, "must be an array of texts", "databases = [\"a\"]")]
    [InlineData(Maubot + "databases = [\"a\"]\n", 5, 1, "for the kind `postgres` only", "Remove it")]
    [InlineData("[service.x]\nkind = \"files\"\ndata = \"/x\"\npostgres = { port = 5433 }\n", 6, 1, "for the kinds postgres, mautrix", "Remove it")]
    [InlineData(Server + "postgres = \"/run/postgresql\"\n", 5, 12, "must be a table, and is a text", "postgres = { host = ")]
    [InlineData(Server + "postgres = { port = 0 }\n", 5, 21, "must be a whole number from 1 to 65535, and is 0", null)]
    [InlineData(Server + "postgres = { port = \"5432\" }\n", 5, 21, "and is a text", null)]
    [InlineData(Server + "postgres = { port = 5432.5 }\n", 5, 21, "and is a number", null)]
    [InlineData(Server + "postgres = { host = \"db:5432\" }\n", 5, 21, "neither a host nor the directory of a socket", "a key of its own")]
    [InlineData(Server + "postgres = { host = \"a,b\" }\n", 5, 21, "neither a host nor the directory", null)]
    [InlineData(Server + "postgres = { host = \"/run/../x\" }\n", 5, 21, "neither a host nor the directory", null)]
    [InlineData(Server + "postgres = { pasword-file = \"/x\" }\n", 5, 14, "unknown key `pasword-file` in `postgres` of [service.x]", "Did you mean `password-file`?")]
    [InlineData(Server + "postgres = { password = \"secret\" }\n", 5, 14, "unknown key `password`", "password-file")]
    [InlineData(Server + "postgres = { password-file = \"x\" }\n", 5, 30, "relative path `x`", "whole path")]
    [InlineData(Server + "postgres = { password-file = \"/no/such/file\" }\n", 5, 30, "the password file /no/such/file of [service.x] does not exist", "chmod 600")]
    [InlineData(Server + "postgres = { password-credential = \"../x\" }\n", 5, 36, "no name of a credential", "LoadCredential=")]
    [InlineData(Maubot + "stop-timeout = \"0s\"\n", 5, 16, "gives no time at all", "60s")]
    [InlineData(Maubot + "stop-timeout = \"60d\"\n", 5, 16, "longer than a day", "10m")]
    [InlineData(Maubot + "max-age = \"0s\"\n", 5, 11, "gives no time at all", "36h")]
    [InlineData(Maubot + "stop-timeout = 90\n", 5, 16, "must be a text, and is a number", null)]
    [InlineData(Maubot + "pin = \"no\"\n", 5, 7, "must be true or false, and is a text", null)]
    [InlineData(Maubot + "health = true\n", 5, 10, "cannot be true", "Remove the line")]
    [InlineData(Maubot + "health = \"http://127.0.0.1/\"\n", 5, 10, "must be a table, and is a text", "health = { url = ")]
    [InlineData(Maubot + "health = {}\n", 5, 10, "exactly one of `url`, `tcp` and `command`", "health = { url = ")]
    [InlineData(Maubot + "health = { timeout = \"5s\" }\n", 5, 10, "exactly one of `url`, `tcp` and `command`", null)]
    [InlineData(Maubot + "health = { url = \"http://127.0.0.1/\", tcp = \"127.0.0.1:1\" }\n", 5, 10, "exactly one of", null)]
    [InlineData(Maubot + "health = { url = \"127.0.0.1:8008\" }\n", 5, 18, "no whole http or https URL", "http://127.0.0.1:8008/")]
    [InlineData(Maubot + "health = { url = \"file:///etc/passwd\" }\n", 5, 18, "no whole http or https URL", null)]
    [InlineData(Maubot + "health = { url = \"http://me:secret@/\" }\n", 5, 18, "no whole http or https URL", null)]
    [InlineData(Maubot + "health = { url = \"http://127.0.0.1/\", expect = [] }\n", 5, 48, "must be an array of numbers, and is empty", "expect = [200]")]
    [InlineData(Maubot + "health = { url = \"http://127.0.0.1/\", expect = 200 }\n", 5, 48, "must be an array of numbers, and is a number", "expect = [200]")]
    [InlineData(Maubot + "health = { url = \"http://127.0.0.1/\", expect = [200, 99] }\n", 5, 54, "from 100 to 599, and is 99", null)]
    [InlineData(Maubot + "health = { tcp = \"127.0.0.1:8008\", expect = [200] }\n", 5, 36, "for a `url` only", "Remove it")]
    [InlineData(Maubot + "health = { tcp = \"8008\" }\n", 5, 18, "no address with a port", "127.0.0.1:8008")]
    [InlineData(Maubot + "health = { tcp = \"::1:8008\" }\n", 5, 18, "no address with a port", "[::1]:8008")]
    [InlineData(Maubot + "health = { tcp = \"127.0.0.1:70000\" }\n", 5, 18, "no address with a port", null)]
    [InlineData(Maubot + "health = { tcp = \"127.0.0.1:\" }\n", 5, 18, "no address with a port", null)]
    [InlineData(Maubot + "health = { command = [] }\n", 5, 22, "`command` of `health` in [service.x] is empty", "Write the program")]
    [InlineData(Maubot + "health = { command = \"/bin/true\" }\n", 5, 22, "must be an array of texts", "command = [\"/bin/true\"]")]
    [InlineData(Maubot + "health = { command = [\"true\"] }\n", 5, 23, "names its program `true` without the path", "whole path")]
    [InlineData(Maubot + "health = { command = [\"/bin/true\", 1] }\n", 5, 36, "holds a number", null)]
    [InlineData(Maubot + "health = { tcp = \"127.0.0.1:1\", timeout = \"0s\" }\n", 5, 43, "gives no time at all", null)]
    [InlineData(Maubot + "health = { tcp = \"127.0.0.1:1\", timout = \"1s\" }\n", 5, 33, "unknown key `timout` in `health` of [service.x]", "Did you mean `timeout`?")]
    [InlineData("[state]\npth = \"/x\"\n" + Maubot, 4, 1, "unknown key `pth` in [state]", "Did you mean `path`?")]
    [InlineData("[state]\npath = \"x\"\n" + Maubot, 4, 8, "relative path `x`", null)]
    public void Says_what_is_wrong_where_and_what_to_do(string toml, int line, int column, string message, string? hint)
    {
        ConfigurationProblem problem = Problem(toml);
        (problem.Line, problem.Column).Should().Be((line, column), problem.Message);
        problem.Message.Should().Contain(message).And.NotContain("secret");
        if (hint is not null) problem.Hint.Should().Contain(hint);
    }

    [Theory]
    [InlineData("health = { url = \"http://localhost:8008/\" }\n")]
    [InlineData("health = { url = \"http://LOCALHOST.:8008/\" }\n")]
    [InlineData("health = { tcp = \"localhost:8008\" }\n")]
    public void Warns_of_localhost(string health)
    {
        ConfigurationProblem warning = Parse(Repository + Maubot + health).Warnings.Should().ContainSingle().Subject;
        warning.Message.Should().Contain("::1");
        (warning.Line, warning.Column).Should().Be((5, 18));
        Parse(Repository + Maubot + health.Replace("localhost", "127.0.0.1", StringComparison.OrdinalIgnoreCase).Replace("1.:", "1:", StringComparison.Ordinal)).Warnings.Should().BeEmpty();
    }

    [Theory]
    [InlineData("/run/backup")]
    [InlineData("/tmp")]
    public void Warns_of_a_state_directory_that_does_not_outlive_a_restart(string path)
    {
        BackupConfiguration configuration = Parse($"{Repository}[state]\npath = \"{path}\"\n{Maubot}");
        configuration.Warnings.Should().ContainSingle().Which.Message.Should().Contain("does not outlive");
        configuration.Staging.Path.Should().Be(BytePath.From(path).Combine("staging"));
    }

    private static ServiceSettings Service(string toml) => Parse(Repository + toml).Services.Single();

    private static BackupConfiguration Parse(string toml) => ConfigurationReader.Parse(BytePath.From("/b.toml"), Encoding.UTF8.GetBytes(toml), null);

    private static ConfigurationProblem Problem(string toml)
    {
        Action parse = () => Parse(Repository + toml);
        return parse.Should().Throw<ConfigurationException>().Which.Problems.Should().ContainSingle().Subject;
    }
}
