using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Configuration;

public sealed class ConfigurationPrinterTests
{
    private const string Repository = "[repository]\npath = \"/var/backups/stack\"\n";

    [Fact]
    public void Prints_what_is_in_effect_so_that_it_reads_back_the_same()
    {
        string printed = ReadsBackTheSame(
            "[service.a]\nkind = \"files\"\npaths = [\"/srv/\\\"quoted\\\"\\\\ ü\", \"/x\"]\nexclude = [\"\\\\*\"]\n" +
            "[service.b]\nkind = \"maubot\"\ndata = \"/m\"\nconfig = \"/etc/m.yaml\"\nunit = \"m.service\"\nafter = [\"a\"]\n");
        printed.Should().Contain("lock-wait = \"10m\"").And.Contain("quiesce = \"online\"").And.Contain("quiesce = \"stop\"").And.Contain("path = \"/var/lib/backup/staging\"")
            .And.Contain("[state]\npath = \"/var/lib/backup\"").And.Contain("stop-timeout = \"2m\"").And.Contain("pin = true");
    }

    [Fact]
    public void Prints_how_services_are_stopped_asked_and_dumped() => ReadsBackTheSame("""
        [state]
        path = "/srv/state"
        [service.a]
        kind = "maubot"
        unit = "a.service"
        quiesce = "freeze"
        stop-timeout = "90s"
        pin = false
        health = { url = "http://127.0.0.1:29316/_matrix/maubot/v1/version", expect = [200, 401], timeout = "90s" }
        [service.b]
        kind = "maubot"
        health = { tcp = "[::1]:8008" }
        [service.c]
        kind = "maubot"
        health = { command = ["/usr/bin/test", "-e", "/a \"b\""], timeout = "1m30s" }
        [service.d]
        kind = "maubot"
        health = false
        [service.e]
        kind = "postgres"
        databases = ["one", "two"]
        postgres = { host = "/run/postgresql", port = 5433, role = "r", system-user = "u" }
        [service.f]
        kind = "postgres"
        postgres = {}
        """);

    [Fact]
    public void Prints_where_a_password_is_and_never_the_password()
    {
        using var there = new TemporaryDirectory();
        File.WriteAllText(there.Below("password"), "s3cret");
        File.SetUnixFileMode(there.Below("password"), UnixFileMode.UserRead);
        string printed = ReadsBackTheSame($"[service.e]\nkind = \"postgres\"\npostgres = {{ password-file = \"{there.Below("password")}\" }}\n[service.f]\nkind = \"postgres\"\npostgres = {{ password-credential = \"pg\" }}\n");
        printed.Should().NotContain("s3cret").And.Contain(there.Below("password")).And.Contain("password-credential = \"pg\"");
    }

    [Fact]
    public void Shows_stars_for_what_can_be_secret_in_a_URL()
    {
        string printed = ConfigurationPrinter.Print(Parse(Repository + "[service.b]\nkind = \"maubot\"\nhealth = { url = \"http://me:s3cret@127.0.0.1:1/x?token=s3cret\" }\n"));
        printed.Should().NotContain("s3cret").And.Contain("url = \"http://***@127.0.0.1:1/x?***\"");
    }

    private static string ReadsBackTheSame(string services)
    {
        BackupConfiguration configuration = Parse(Repository + services);
        string printed = ConfigurationPrinter.Print(configuration);
        BackupConfiguration again = Parse(printed);
        again.Repository.Should().Be(configuration.Repository);
        (again.State, again.Staging).Should().Be((configuration.State, configuration.Staging));
        again.Services.Select(Comparable).Should().Equal(configuration.Services.Select(Comparable));
        ConfigurationPrinter.Print(again).Should().Be(printed);
        return printed;
    }

    /// <summary>Everything in it as text: records compare lists and passwords by reference.</summary>
    private static string Comparable(ServiceSettings service) => string.Join('|', service.Name, service.Kind, service.Unit, string.Join(',', service.After), service.ConfigFile, string.Join(',', service.DataPaths),
        string.Join(',', service.Exclude.Select(static glob => glob.Pattern)), service.Quiesce, service.StopTimeout, service.Pin, service.Health with { Probe = null }, Comparable(service.Health.Probe),
        string.Join(',', service.Databases), service.Postgres is { } postgres ? postgres with { Password = null } : null, service.Postgres?.Password?.Reveal());

    private static string? Comparable(HealthProbe? probe) => probe switch
    {
        HttpProbe http => $"{http.Url.OriginalString} {string.Join(',', http.ExpectedCodes)}",
        CommandProbe command => string.Join('\0', command.Command),
        _ => probe?.Shown,
    };

    private static BackupConfiguration Parse(string toml) => ConfigurationReader.Parse(BytePath.From("/etc/backup/backup.toml"), Encoding.UTF8.GetBytes(toml), null);
}
