using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using BackupTool.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Health;

public sealed class HttpCheckTests
{
    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200)]
    [InlineData("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}", 401)]
    [InlineData("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200)]
    public async Task Is_healthy_when_an_expected_code_is_answered(string answer, int code)
    {
        await using var server = RawServer.Answering(answer);
        HealthAnswer health = await Ask(server, "/_matrix/maubot/v1/version", 200, 401);
        health.Should().Be(new HealthAnswer(true, false, $"HTTP {code} from http://127.0.0.1:{server.Port}/_matrix/maubot/v1/version"));
        server.Requests.Single().Should().StartWith("GET /_matrix/maubot/v1/version HTTP/1.1\r\n").And.Contain($"Host: 127.0.0.1:{server.Port}").And.NotContain("Authorization");
    }

    [Theory]
    [InlineData("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "HTTP 500 from ", "200 or 401 is healthy")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: /healthy\r\nContent-Length: 0\r\n\r\n", "HTTP 302 from ", "is healthy")]
    [InlineData("SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "not HTTP", "127.0.0.1")]
    [InlineData("\u0000\u0001\u0002garbage\r\nand more\r\n", "not HTTP", "127.0.0.1")]
    [InlineData("\u0000\u0001\u0002garbage without an end", "closed the connection", "without a whole HTTP answer")]
    [InlineData("", "closed the connection", "without a whole HTTP answer")]
    [InlineData("HTTP/1.1 200", "closed the connection", "without a whole HTTP answer")]
    public async Task Is_not_healthy_whatever_else_is_answered(string answer, string reason, string more)
    {
        await using var server = RawServer.Answering(answer);
        HealthAnswer health = await Ask(server, "/", 200, 401);
        (health.IsHealthy, health.IsFinal).Should().Be((false, false));
        health.Reason.Should().Contain(reason).And.Contain(more).And.Contain($"127.0.0.1:{server.Port}");
        // The base library asks again when a server hangs up without a byte, which is as good.
        if (answer.Length > 0) server.Connections.Should().Be(1, "a redirect is not followed");
    }

    [Fact]
    public async Task Says_that_nothing_listens()
    {
        int port = RawServer.FreePort();
        (await new HttpCheck(new HttpProbe(new Uri($"http://127.0.0.1:{port}/"), [200])).AskAsync(Test.Token))
            .Should().Be(new HealthAnswer(false, false, $"connection refused at 127.0.0.1:{port}"));
    }

    [Fact]
    public async Task Says_that_a_name_is_not_known() =>
        (await new HttpCheck(new HttpProbe(new Uri("http://no-such-host.invalid:1/"), [200]), TimeSpan.FromSeconds(20)).AskAsync(Test.Token)).Reason.Should().Contain("no-such-host.invalid").And.Contain("is not known");

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nX-Slow: ")]
    public async Task Does_not_wait_for_a_server_that_hangs(string beginning)
    {
        await using var server = RawServer.Start(async (stream, ending) =>
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(beginning), ending);
            await Task.Delay(Timeout.Infinite, ending);
        });
        long started = Stopwatch.GetTimestamp();
        HealthAnswer health = await new HttpCheck(new HttpProbe(Url(server, "/x"), [200]), TimeSpan.FromMilliseconds(200)).AskAsync(Test.Token);
        health.Should().Be(new HealthAnswer(false, false, $"no answer from http://127.0.0.1:{server.Port}/x within 0.2 s"));
        Stopwatch.GetElapsedTime(started).Should().BeLessThan(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task Reads_nothing_of_an_endless_answer_but_its_head()
    {
        long sent = 0;
        await using var server = RawServer.Start(async (stream, ending) =>
        {
            await RawServer.ReadHeadAsync(stream, ending);
            await stream.WriteAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray(), ending);
            var block = new byte[1 << 20];
            while (true)
            {
                await stream.WriteAsync(block, ending);
                sent += block.Length;
            }
        });
        (await Ask(server, "/", 200)).IsHealthy.Should().BeTrue();
        sent.Should().BeLessThan(64 << 20, "only what fits into the buffers of the connection");
    }

    [Fact]
    public async Task Refuses_endless_headers()
    {
        await using var server = RawServer.Start(async (stream, ending) =>
        {
            await RawServer.ReadHeadAsync(stream, ending);
            await stream.WriteAsync("HTTP/1.1 200 OK\r\n"u8.ToArray(), ending);
            while (true) await stream.WriteAsync("X-More: 0123456789012345678901234567890123456789\r\n"u8.ToArray(), ending);
        });
        HealthAnswer health = await Ask(server, "/", 200);
        health.IsHealthy.Should().BeFalse();
        health.Reason.Should().Contain("more headers");
    }

    [Fact]
    public async Task Asks_over_IPv6()
    {
        await using var server = RawServer.Answering("HTTP/1.1 200 OK\r\n\r\n", IPAddress.IPv6Loopback);
        (await new HttpCheck(new HttpProbe(new Uri($"http://[::1]:{server.Port}/"), [200])).AskAsync(Test.Token)).Reason.Should().Be($"HTTP 200 from http://[::1]:{server.Port}/");
    }

    [Fact]
    public async Task Sends_user_info_and_query_and_shows_neither()
    {
        await using var server = RawServer.Answering("HTTP/1.1 403 Forbidden\r\n\r\n");
        var probe = new HttpProbe(new Uri($"http://me:s%40crt@127.0.0.1:{server.Port}/health?token=s%40crt#s@crt"), [200]);
        HealthAnswer health = await new HttpCheck(probe).AskAsync(Test.Token);
        health.Reason.Should().StartWith($"HTTP 403 from http://***@127.0.0.1:{server.Port}/health?***").And.NotContain("crt").And.NotContain("me:");
        probe.ToString().Should().NotContain("crt");
        server.Requests.Single().Should().Contain("GET /health?token=s%40crt HTTP/1.1").And.Contain($"Authorization: Basic {Convert.ToBase64String("me:s@crt"u8)}");
    }

    [Fact]
    public async Task Shows_no_secret_when_the_connection_fails_either()
    {
        int port = RawServer.FreePort();
        (await new HttpCheck(new HttpProbe(new Uri($"http://me:secret@127.0.0.1:{port}/?secret"), [200])).AskAsync(Test.Token)).Reason.Should().NotContain("secret");
    }

    [Fact]
    public async Task Does_not_trust_a_certificate_that_the_system_does_not()
    {
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await using var server = RawServer.Start(async (stream, ending) =>
        {
            await using var secure = new SslStream(stream);
            await secure.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, ending);
            await secure.WriteAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray(), ending);
        });
        HealthAnswer health = await new HttpCheck(new HttpProbe(new Uri($"https://127.0.0.1:{server.Port}/"), [200])).AskAsync(Test.Token);
        health.IsHealthy.Should().BeFalse();
        health.Reason.Should().StartWith($"no secure connection to 127.0.0.1:{server.Port}: ").And.Contain("certificate");
    }

    [Fact]
    public async Task Says_that_a_plain_server_speaks_no_TLS()
    {
        await using var server = RawServer.Start(async (stream, ending) =>
        {
            _ = await stream.ReadAsync(new byte[1000].AsMemory(), ending) > 0;
            await stream.WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), ending);
        });
        HealthAnswer health = await new HttpCheck(new HttpProbe(new Uri($"https://127.0.0.1:{server.Port}/"), [200])).AskAsync(Test.Token);
        health.IsHealthy.Should().BeFalse();
        health.Reason.Should().StartWith($"no secure connection to 127.0.0.1:{server.Port}");
    }

    [Fact]
    public async Task Sees_a_service_that_has_come_up_meanwhile_because_no_connection_is_kept()
    {
        await using var server = RawServer.Start(static async (stream, ending) =>
        {
            while ((await RawServer.ReadHeadAsync(stream, ending)).Length > 0)
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"u8.ToArray(), ending);
        });
        for (int asks = 1; asks <= 3; asks++)
        {
            (await Ask(server, "/", 200)).IsHealthy.Should().BeTrue();
            server.Connections.Should().Be(asks);
        }
    }

    [Fact]
    public async Task Passes_on_that_the_caller_gives_up()
    {
        await using var server = RawServer.Start((_, ending) => Task.Delay(Timeout.Infinite, ending));
        using var givingUp = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await FluentActions.Awaiting(() => new HttpCheck(new HttpProbe(Url(server, "/"), [200])).AskAsync(givingUp.Token)).Should().ThrowAsync<OperationCanceledException>();
    }

    private static Task<HealthAnswer> Ask(RawServer server, string path, params int[] codes) => new HttpCheck(new HttpProbe(Url(server, path), codes)).AskAsync(Test.Token);

    private static Uri Url(RawServer server, string path) => new($"http://127.0.0.1:{server.Port}{path}");
}
