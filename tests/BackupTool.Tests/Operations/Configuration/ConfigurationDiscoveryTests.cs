using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Tests.Operations.Configuration;

public sealed class ConfigurationDiscoveryTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("discover-");

    [Fact]
    public void Proposes_the_services_of_a_stack_with_their_reasons_and_their_order()
    {
        Write("etc/systemd/system/maubot.service", """
            [Unit]
            After=network.target
            [Service]
            User=maubot
            WorkingDirectory=/opt/maubot
            ExecStart=/opt/maubot/venv/bin/python -m maubot \
                --config=/etc/maubot/config.yaml
            """);
        Write("opt/maubot/bot.db", "x");
        Write("etc/maubot/config.yaml", "database: sqlite:bot.db");
        Write("lib/systemd/system/tuwunel.service", "[Service]\nExecStart=/usr/bin/tuwunel -c \"/etc/tuwunel/my own.toml\"\nStateDirectory=tuwunel\n");
        Write("etc/tuwunel/my own.toml", "");
        Write("var/lib/private/tuwunel/CURRENT", "x");
        File.CreateSymbolicLink(Full("var/lib/tuwunel"), "private/tuwunel");
        Write("etc/systemd/system/mautrix-slack.service", "[Service]\nExecStart=/usr/bin/mautrix-slack\n");
        Write("etc/systemd/system/postgresql.service", "[Service]\n");
        Write("var/lib/postgresql/15/main/PG_VERSION", "15");
        Write("etc/systemd/system/nginx.service", "[Service]\n");

        string proposal = ConfigurationDiscovery.Propose(_root.FullName);
        BackupConfiguration configuration = Parse(proposal);

        configuration.Services.Select(service => service.Name).Should().Equal("maubot", "mautrix-slack", "postgresql", "tuwunel");
        ServiceSettings maubot = configuration.Services[0], bridge = configuration.Services[1], postgres = configuration.Services[2], homeserver = configuration.Services[3];
        maubot.Unit.Should().Be("maubot.service");
        maubot.DataPaths.Should().Equal(BytePath.From("/opt/maubot"));
        maubot.ConfigFile.Should().Be(BytePath.From("/etc/maubot/config.yaml"));
        maubot.After.Should().Equal("tuwunel");
        homeserver.Kind.Should().Be("tuwunel");
        homeserver.ConfigFile.Should().Be(BytePath.From("/etc/tuwunel/my own.toml"));
        homeserver.DataPaths.Should().Equal(BytePath.From("/var/lib/tuwunel"));
        (bridge.Kind, bridge.Unit).Should().Be(("mautrix", "mautrix-slack.service"));
        bridge.After.Should().Equal("tuwunel");
        (postgres.Kind, postgres.DataPaths.Count, postgres.After.Count).Should().Be(("postgres", 0, 0));
        homeserver.After.Should().BeEmpty();
        proposal.Should().Contain("# the unit /etc/systemd/system/maubot.service, run as maubot").And.NotContain("nginx.service");
    }

    [Fact]
    public void Says_what_the_services_are_quiesced_by_and_proposes_the_default()
    {
        Write("etc/systemd/system/maubot.service", "[Service]\n");
        Write("etc/systemd/system/postgresql.service", "[Service]\n");
        Directory.CreateDirectory(Full("var/lib/conduwuit"));
        string proposal = ConfigurationDiscovery.Propose(_root.FullName);
        Parse(proposal).Services.Select(service => (service.Name, service.Quiesce)).Should()
            .Equal(("maubot", QuiesceMode.Stop), ("postgresql", QuiesceMode.Online), ("conduwuit", QuiesceMode.Online));
        proposal.Should().Contain("# quiesce = \"stop\" ").And.Contain("\"freeze\" pauses it").And.Contain("a dump needs the running server").And.Contain("Set `unit` to have it stopped");
        Parse(proposal.Replace("# quiesce = \"stop\"", "quiesce = \"freeze\"", StringComparison.Ordinal)).Services[0].Quiesce.Should().Be(QuiesceMode.Freeze);
    }

    [Theory]
    [InlineData("continuwuity")]
    [InlineData("matrix-conduit")]
    [InlineData("conduwuit")]
    [InlineData("tuwunel")]
    [InlineData("maubot")]
    [InlineData("mautrix-telegram")]
    [InlineData("synapse")]
    [InlineData("matrix-synapse")]
    [InlineData("forgejo")]
    [InlineData("gitea")]
    [InlineData("postgresql")]
    public void Proposes_only_what_a_profile_knows(string unit)
    {
        Write($"etc/systemd/system/{unit}.service", "[Service]\n");
        Parse(ConfigurationDiscovery.Propose(_root.FullName)).Services.Should().ContainSingle().Which.Unit.Should().Be(unit + ".service");
    }

    [Fact]
    public void A_forge_waits_for_nobody_and_a_bridge_for_synapse()
    {
        Write("etc/systemd/system/forgejo.service", "[Service]\nExecStart=/usr/bin/forgejo web --config /etc/forgejo/app.ini\n");
        Write("etc/forgejo/app.ini", "");
        Write("etc/systemd/system/matrix-synapse.service", "[Service]\nExecStart=/usr/bin/python3 -m synapse.app.homeserver --config-path=/etc/matrix-synapse/homeserver.yaml --config-path=/etc/matrix-synapse/conf.d/\n");
        Write("etc/matrix-synapse/homeserver.yaml", "");
        Write("etc/systemd/system/mautrix-whatsapp.service", "[Service]\n");
        Parse(ConfigurationDiscovery.Propose(_root.FullName)).Services.Select(service => (service.Name, service.ConfigFile?.ToString(), string.Join(',', service.After))).Should().Equal(
            ("forgejo", "/etc/forgejo/app.ini", ""), ("matrix-synapse", "/etc/matrix-synapse/homeserver.yaml", ""), ("mautrix-whatsapp", null, "matrix-synapse"));
    }

    [Fact]
    public void Proposes_data_that_no_unit_was_found_for()
    {
        Directory.CreateDirectory(Full("var/lib/private/conduwuit"));
        Directory.CreateDirectory(Full("var/lib/maubot"));
        BackupConfiguration configuration = Parse(ConfigurationDiscovery.Propose(_root.FullName));
        configuration.Services.Select(service => (service.Name, service.DataPaths.Single().ToString())).Should()
            .Equal(("conduwuit", "/var/lib/private/conduwuit"), ("maubot", "/var/lib/maubot"));
    }

    [Fact]
    public void Does_not_pin_a_configuration_to_a_name_in_the_Nix_store()
    {
        Write("etc/systemd/system/continuwuity.service", "[Service]\nEnvironment=\"CONTINUWUITY_CONFIG=/nix/store/abc-continuwuity.toml\"\n");
        Write("nix/store/abc-continuwuity.toml", "");
        Directory.CreateDirectory(Full("var/lib/continuwuity"));
        string proposal = ConfigurationDiscovery.Propose(_root.FullName);
        Parse(proposal).Services.Single().ConfigFile.Should().BeNull();
        proposal.Should().Contain("Nix store");
    }

    [Fact]
    public void Looks_where_the_environment_of_a_unit_points()
    {
        Write("run/systemd/system/conduwuit.service", "[Service]\nEnvironment=A=b CONDUWUIT_CONFIG=/etc/c.toml\n");
        Write("etc/c.toml", "");
        Parse(ConfigurationDiscovery.Propose(_root.FullName)).Services.Single().ConfigFile.Should().Be(BytePath.From("/etc/c.toml"));
    }

    [Fact]
    public void Reads_the_unit_that_systemd_would_and_passes_over_masked_ones()
    {
        Write("etc/systemd/system/maubot.service", "[Service]\nWorkingDirectory=/srv/a\n");
        Write("lib/systemd/system/maubot.service", "[Service]\nWorkingDirectory=/srv/b\n");
        Directory.CreateDirectory(Full("srv/a"));
        Directory.CreateDirectory(Full("srv/b"));
        File.CreateSymbolicLink(Full("etc/systemd/system/tuwunel.service"), "/dev/null");
        Parse(ConfigurationDiscovery.Propose(_root.FullName)).Services.Should().ContainSingle().Which.DataPaths.Should().Equal(BytePath.From("/srv/a"));
    }

    [Fact]
    public void Stays_readable_whatever_a_unit_file_holds()
    {
        Write("etc/systemd/system/maubot.service", "[Service]\nUser=x\t\"quoted\" \\ \u0001 [y]\nWorkingDirectory=/srv/\"odd\" \\ name\n=\n;\nExecStart=\n");
        Directory.CreateDirectory(Full("srv/\"odd\" \\ name"));
        Parse(ConfigurationDiscovery.Propose(_root.FullName)).Services.Single().DataPaths.Should().Equal(BytePath.From("/srv/\"odd\" \\ name"));
    }

    [Fact]
    public void Shows_how_to_begin_on_a_machine_where_it_finds_nothing()
    {
        string proposal = ConfigurationDiscovery.Propose(_root.FullName);
        Parse(proposal).Services.Should().BeEmpty();
        proposal.Should().Contain("# [service.site]").And.Contain("# kind = \"files\"");
    }

    private static BackupConfiguration Parse(string proposal) => ConfigurationReader.Parse(BytePath.From("/proposal.toml"), Encoding.UTF8.GetBytes(proposal), null);

    private string Full(string path) => Path.Combine(_root.FullName, path);

    private void Write(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Full(path))!);
        File.WriteAllText(Full(path), content);
    }

    public void Dispose() => _root.Delete(recursive: true);
}
