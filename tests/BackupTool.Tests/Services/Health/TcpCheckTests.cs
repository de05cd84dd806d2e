using System.Net;
using BackupTool.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Health;

public sealed class TcpCheckTests
{
    [Fact]
    public async Task Is_healthy_when_the_connection_is_accepted()
    {
        await using var server = RawServer.Start(static (_, _) => Task.CompletedTask);
        (await new TcpCheck(new TcpProbe("127.0.0.1", server.Port)).AskAsync(Test.Token)).Should().Be(new HealthAnswer(true, false, $"connected to 127.0.0.1:{server.Port}"));
    }

    [Fact]
    public async Task Connects_over_IPv6()
    {
        await using var server = RawServer.Start(static (_, _) => Task.CompletedTask, IPAddress.IPv6Loopback);
        (await new TcpCheck(new TcpProbe("::1", server.Port)).AskAsync(Test.Token)).Reason.Should().Be($"connected to [::1]:{server.Port}");
        (await new TcpCheck(new TcpProbe("127.0.0.1", server.Port)).AskAsync(Test.Token)).IsHealthy.Should().BeFalse("that is the other address");
    }

    [Fact]
    public async Task Says_that_nothing_listens()
    {
        int port = RawServer.FreePort();
        (await new TcpCheck(new TcpProbe("127.0.0.1", port)).AskAsync(Test.Token)).Should().Be(new HealthAnswer(false, false, $"connection refused at 127.0.0.1:{port}"));
    }

    [Fact]
    public async Task Says_that_a_name_is_not_known() =>
        (await new TcpCheck(new TcpProbe("no-such-host.invalid", 1), TimeSpan.FromSeconds(20)).AskAsync(Test.Token)).Reason.Should().Be("the name in no-such-host.invalid:1 is not known");
}
