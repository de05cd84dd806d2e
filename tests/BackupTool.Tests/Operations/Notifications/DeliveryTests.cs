using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BackupTool.Operations.Notifications;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Notifications;

/// <summary>What is done about servers that are not well.</summary>
public sealed class DeliveryTests
{
    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(429)]
    public async Task Tries_again_when_a_server_fails_for_a_moment(int status)
    {
        await using Listener listener = Listener.Answering(number => Listener.Status(number < 3 ? status : 200));
        ChannelAnswer answer = await listener.TryAsync(listener.Webhook());
        (answer.IsTold, answer.Attempts).Should().Be((true, 3));
        listener.Requests.Select(static request => request.Header("Idempotency-Key")).Distinct().Should().ContainSingle("it is the same event");
    }

    [Fact]
    public async Task A_room_gets_the_same_transaction_in_every_attempt()
    {
        await using Listener listener = Listener.Answering(static number => Listener.Status(number < 3 ? 504 : 200));
        (await listener.TryAsync(listener.Matrix())).Attempts.Should().Be(3);
        listener.Requests.Select(static request => request.RawPath).Distinct().Should().ContainSingle("a homeserver tells repetitions by it");
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(413)]
    public async Task Does_not_insist_when_it_is_refused(int status)
    {
        await using Listener listener = Listener.Answering(_ => Listener.Status(status));
        ChannelAnswer answer = await listener.TryAsync(listener.Webhook());
        (answer.IsTold, answer.Attempts).Should().Be((false, 1));
        answer.Answer.Should().StartWith(string.Create(CultureInfo.InvariantCulture, $"HTTP {status} from 127.0.0.1:"));
    }

    [Fact]
    public async Task Waits_as_long_as_it_is_asked_to()
    {
        var arrived = new List<long>();
        await using var listener = new Listener((_, number) =>
        {
            lock (arrived) arrived.Add(TimeProvider.System.GetTimestamp());
            return Task.FromResult(number == 1 ? Listener.Status(429, ("Retry-After", "2")) : Listener.Status(200));
        });
        (await listener.TryAsync(listener.Ntfy())).IsTold.Should().BeTrue();
        TimeProvider.System.GetElapsedTime(arrived[0], arrived[1]).Should().BeGreaterThan(TimeSpan.FromSeconds(1.9));
    }

    [Fact]
    public async Task A_homeserver_says_in_its_answer_how_long_to_wait()
    {
        var arrived = new List<long>();
        await using var listener = new Listener((_, number) =>
        {
            lock (arrived) arrived.Add(TimeProvider.System.GetTimestamp());
            return Task.FromResult(number == 1 ? FakeHttpAnswer.Json(429, """{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1500}""") : Listener.Status(200));
        });
        (await listener.TryAsync(listener.Matrix())).IsTold.Should().BeTrue();
        TimeProvider.System.GetElapsedTime(arrived[0], arrived[1]).Should().BeGreaterThan(TimeSpan.FromSeconds(1.4));
    }

    [Fact]
    public async Task Gives_up_at_once_when_it_is_asked_to_wait_longer_than_it_may()
    {
        await using Listener listener = Listener.Answering(static _ => Listener.Status(429, ("Retry-After", "3600")));
        ChannelAnswer answer = await listener.TryAsync(listener.Webhook());
        (answer.IsTold, answer.Attempts).Should().Be((false, 1));
        answer.Answer.Should().Contain("too many requests").And.Contain("left alone for 3600 s");
    }

    [Fact]
    public async Task Gives_up_in_time_on_a_server_that_hangs()
    {
        await using var listener = new Listener(static async (_, _) =>
        {
            await Task.Delay(TimeSpan.FromMinutes(5), Test.Token);
            return Listener.Status(200);
        })
        { Timeout = TimeSpan.FromSeconds(1) };
        IReadOnlyList<string> problems = await listener.Notifier(listener.Webhook()).SendAsync(Listener.Event(NotifyKind.Success), Test.Token);
        problems.Should().ContainSingle().Which.Should().Contain("[notify.hook] was not told: no answer within");
    }

    [Fact]
    public async Task Finds_the_server_that_comes_back()
    {
        int port = FakeHttpServer.FindFreePort();
        await using var listener = new Listener();
        Task<ChannelAnswer> sending = listener.TryAsync(listener.Webhook($"http://127.0.0.1:{port}/"));
        await Task.Delay(300, Test.Token);
        await using FakeHttpServer late = FakeHttpServer.Start(static _ => Task.FromResult(Listener.Status(200)), port);
        ChannelAnswer answer = await sending;
        answer.IsTold.Should().BeTrue(answer.Answer);
        answer.Attempts.Should().BeGreaterThan(1, "nobody listened at first");
    }

    [Fact]
    public async Task Says_that_nobody_listens()
    {
        int port = FakeHttpServer.FindFreePort();
        await using var listener = new Listener { Timeout = TimeSpan.FromSeconds(1) };
        ChannelAnswer answer = await listener.TryAsync(listener.Webhook($"http://127.0.0.1:{port}/{Listener.Secret}?k={Listener.Secret}"));
        (answer.IsTold, answer.Answer).Should().Be((false, $"connection refused at 127.0.0.1:{port}"));
    }

    [Fact]
    public async Task A_trial_does_not_take_long_to_say_so()
    {
        await using var listener = new Listener();
        ChannelAnswer answer = await listener.TryAsync(listener.Webhook($"http://127.0.0.1:{FakeHttpServer.FindFreePort()}/"), Listener.Event(NotifyKind.Test));
        (answer.IsTold, answer.Attempts).Should().Be((false, 4));
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task Follows_nobody_elsewhere(int status)
    {
        await using var elsewhere = new Listener();
        await using Listener listener = Listener.Answering(_ => Listener.Status(status, ("Location", $"{elsewhere.Url}/{Listener.Secret}")));
        ChannelAnswer answer = await listener.TryAsync(listener.Ntfy());
        answer.IsTold.Should().BeFalse();
        answer.Answer.Should().Contain("not followed").And.NotContain(Listener.Secret);
        elsewhere.Requests.Should().BeEmpty("the token is not for them");
    }

    [Fact]
    public async Task Reads_of_an_endless_answer_only_the_beginning()
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Test.Token);
        Task serving = FloodAsync(server, end.Token);
        await using var listener = new Listener();
        ChannelAnswer answer = await listener.TryAsync(listener.Webhook($"http://127.0.0.1:{((IPEndPoint)server.LocalEndpoint).Port}/"));
        (answer.IsTold, answer.Attempts).Should().Be((true, 1));
        await serving;
    }

    [Fact]
    public async Task Tells_a_server_without_TLS_and_one_without_HTTP_apart()
    {
        await using var listener = new Listener { Timeout = TimeSpan.FromSeconds(20) };
        ChannelAnswer answer = await listener.TryAsync(listener.Webhook(listener.Url.Replace("http:", "https:", StringComparison.Ordinal)));
        answer.IsTold.Should().BeFalse();
        answer.Answer.Should().StartWith("no secure connection to 127.0.0.1:");
    }

    [Fact]
    public async Task A_connection_that_breaks_off_is_tried_again()
    {
        await using var listener = new Listener(static (request, number) =>
        {
            if (number == 1) request.Abort();
            return Task.FromResult(Listener.Status(200));
        });
        (await listener.TryAsync(listener.Webhook())).Should().Match<ChannelAnswer>(static answer => answer.IsTold && answer.Attempts == 2);
    }

    /// <summary>Answers one request with a body that ends only when nobody reads it any more.</summary>
    private static async Task FloodAsync(TcpListener server, CancellationToken cancellationToken)
    {
        using TcpClient client = await server.AcceptTcpClientAsync(cancellationToken);
        await using NetworkStream stream = client.GetStream();
        _ = await stream.ReadAsync(new byte[65536], cancellationToken);
        await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"u8.ToArray(), cancellationToken);
        try
        {
            var junk = new byte[1 << 16];
            while (true) await stream.WriteAsync(junk, cancellationToken);
        }
        catch (IOException)
        {
            // They have hung up.
        }
    }
}
