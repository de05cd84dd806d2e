using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Replacing;

public sealed class LiveCheckTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();

    public void Dispose() => _there.Dispose();

    [Fact]
    public void Asks_where_the_present_configuration_says_and_as_before_when_that_cannot_be_read()
    {
        string config = _there.Below("config.yaml");
        ServiceSettings maubot = ConfigurationReader.Parse(BytePath.From("/etc/backup/backup.toml"),
            System.Text.Encoding.UTF8.GetBytes($"[repository]\npath = \"/r\"\n[service.bot]\nkind = \"maubot\"\nunit = \"bot.service\"\ndata = \"{_there.Text}\"\n"), null).Services.Single();
        var before = new TcpProbe("127.0.0.1", 4711);
        LiveCheck.ProbeOf(maubot, before).Should().Be(before, "there is no configuration at all");
        File.WriteAllText(config, "database: [");
        LiveCheck.ProbeOf(maubot, before).Should().Be(before, "it cannot be read");
        File.WriteAllText(config, "database: sqlite:bot.db\nserver: { hostname: 127.0.0.1, port: 29316 }\n");
        LiveCheck.ProbeOf(maubot, before).Should().BeOfType<HttpProbe>("the database is missing, and what the service is asked does not hang on that").Which.Url.Port.Should().Be(29316);
    }
}
