using System.Net;
using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;

namespace BackupTool.Tests.Operations.Configuration;

public sealed class AgentSettingsTests
{
    [Fact]
    public void Without_the_table_only_a_socket_in_the_usual_place_answers() => Read("").Should().Be(new AgentSettings { Socket = null, Listen = null, AllowRemote = false });

    [Theory]
    [InlineData("", null, null, false)]
    [InlineData("socket = \"/run/other/a.sock\"\nlisten = \"127.0.0.1:9780\"", "/run/other/a.sock", "127.0.0.1:9780", false)]
    [InlineData("listen = \"[::1]:1\"", null, "[::1]:1", false)]
    [InlineData("listen = \"127.1.2.3:65535\"\nallow-remote = false", null, "127.1.2.3:65535", false)]
    [InlineData("listen = \"0.0.0.0:9780\"\nallow-remote = true", null, "0.0.0.0:9780", true)]
    [InlineData("allow-remote = true", null, null, true)]
    public void Reads_where_the_agent_answers_and_prints_it_so_that_it_reads_back_the_same(string table, string? socket, string? listen, bool allowRemote)
    {
        AgentSettings settings = Read("[agent]\n" + table);
        settings.Should().Be(new AgentSettings { Socket = socket is null ? null : BytePath.From(socket), Listen = listen is null ? null : IPEndPoint.Parse(listen), AllowRemote = allowRemote });
        string printed = ConfigurationPrinter.Print(Parse("[agent]\n" + table));
        ConfigurationReader.Parse(BytePath.From("/b.toml"), Encoding.UTF8.GetBytes(printed), null).Agent.Should().Be(settings);
    }

    [Theory]
    [InlineData("listen = \"0.0.0.0:9780\"", "0.0.0.0:9780, which other machines can reach")]
    [InlineData("listen = \"192.168.1.2:9780\"\nallow-remote = false", "other machines can reach")]
    [InlineData("listen = \"[::]:9780\"", "other machines can reach")]
    [InlineData("listen = \"localhost:9780\"", "a name")]
    [InlineData("listen = \"example.org:9780\"", "no address with a port")]
    [InlineData("listen = \"127.0.0.1\"", "no address with a port")]
    [InlineData("listen = \"127.1:9780\"", "no address with a port")]
    [InlineData("listen = \"::1\"", "no address with a port")]
    [InlineData("listen = \"127.0.0.1:0\"", "none from 1 to 65535")]
    [InlineData("listen = \"127.0.0.1:65536\"", "none from 1 to 65535")]
    [InlineData("listen = 9780", "must be a text")]
    [InlineData("socket = \"agent.sock\"", "relative path")]
    [InlineData("allow-remote = \"yes\"", "true or false")]
    [InlineData("lisen = \"127.0.0.1:1\"", "unknown key `lisen`")]
    public void What_is_wrong_is_said_with_its_place(string line, string message) =>
        FluentActions.Invoking(() => Read("[agent]\n" + line)).Should().Throw<ConfigurationException>().Which.Message.Should().Contain(message).And.MatchRegex(@"(?m)^/b\.toml:4:\d+: ");

    [Fact]
    public void A_socket_whose_path_the_kernel_cannot_hold_is_refused() =>
        FluentActions.Invoking(() => Read($"[agent]\nsocket = \"/run/{new string('x', 91)}\"")).Should().Throw<ConfigurationException>().WithMessage("*96 bytes*");

    [Fact]
    public void An_address_that_others_reach_is_worth_a_warning_though_it_is_allowed() =>
        Parse("[agent]\nlisten = \"0.0.0.0:9780\"\nallow-remote = true").Warnings.Should().Contain(static warning => warning.Message.Contains("whoever reaches"));

    private static AgentSettings Read(string toml) => Parse(toml).Agent;

    private static BackupConfiguration Parse(string toml) => ConfigurationReader.Parse(BytePath.From("/b.toml"), Encoding.UTF8.GetBytes("[repository]\npath = \"/r\"\n" + toml + "\n"), null);
}
