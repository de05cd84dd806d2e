using System.Text;
using BackupTool.Services.Health;
using BackupTool.Services.Homeservers;
using BackupTool.Tests.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Homeservers;

public sealed class HomeserverIdentityTests
{
    private const string Keys = """{"server_name":"example.org","verify_keys":{"ed25519:b":{"key":"x"},"ed25519:a_new":{"key":"y"}},"old_verify_keys":{"ed25519:old":{"key":"z"}}}""";
    private const string Version = """{"server":{"name":"Continuwuity","version":"0.5.0"}}""";

    /// <summary>One that says who it is.</summary>
    internal static RawServer Homeserver(string keys = Keys, string version = Version) => RawServer.Start(async (stream, ending) =>
    {
        string head = await RawServer.ReadHeadAsync(stream, ending);
        string? body = head.StartsWith("GET /_matrix/key/v2/server ", StringComparison.Ordinal) ? keys : head.StartsWith("GET /_matrix/federation/v1/version ", StringComparison.Ordinal) ? version : null;
        string answer = body is null or "" ? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" : $"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), ending);
    });

    private static Task<HomeserverIdentity> AskAsync(int port) => HomeserverIdentity.AskAsync(new Uri($"http://127.0.0.1:{port}/_matrix/client/versions"), TimeProvider.System, Test.Token);

    [Fact]
    public async Task A_server_is_known_by_the_keys_that_it_signs_with_and_not_by_its_old_ones()
    {
        await using RawServer server = Homeserver();
        HomeserverIdentity identity = await AskAsync(server.Port);
        identity.SigningKeys.Should().Equal("ed25519:a_new", "ed25519:b");
        (identity.Version, identity.Problem).Should().Be(("Continuwuity 0.5.0", null));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("[]")]
    [InlineData("{\"verify_keys\":[]}")]
    [InlineData("{\"verify_keys\":{}}")]
    [InlineData("{\"verify_keys\":{\"a\\nb\":1}}")]
    public async Task What_is_no_answer_of_a_homeserver_is_no_identity(string keys)
    {
        await using RawServer server = Homeserver(keys, """{"server":{"name":7}}""");
        HomeserverIdentity identity = await AskAsync(server.Port);
        identity.SigningKeys.Should().BeEmpty();
        identity.Version.Should().BeNull();
        identity.Problem.Should().Contain("_matrix/key/v2/server").And.Contain("_matrix/federation/v1/version");
    }

    [Fact]
    public async Task A_server_that_serves_its_clients_only_still_tells_what_it_tells()
    {
        await using RawServer server = Homeserver(keys: "");
        HomeserverIdentity identity = await AskAsync(server.Port);
        (identity.Version, identity.Problem).Should().Be(("Continuwuity 0.5.0", $"HTTP 404 from http://127.0.0.1:{server.Port}/_matrix/key/v2/server"));
    }

    [Fact]
    public async Task Who_never_answers_is_given_up_soon()
    {
        await using RawServer server = RawServer.Start(static (_, ending) => Task.Delay(Timeout.Infinite, ending));
        HomeserverIdentity identity = await AskAsync(server.Port);
        identity.Problem.Should().Contain("in time");
    }

    [Fact]
    public async Task A_body_that_never_ends_is_not_read_for_ever()
    {
        await using RawServer server = RawServer.Start(static async (stream, ending) =>
        {
            await RawServer.ReadHeadAsync(stream, ending);
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n"u8.ToArray(), ending);
            while (true) await stream.WriteAsync(new byte[1 << 16], ending);
        });
        (await AskAsync(server.Port)).SigningKeys.Should().BeEmpty();
    }

    [Fact]
    public async Task A_cancellation_passes_through()
    {
        await using RawServer server = RawServer.Start(static (_, ending) => Task.Delay(Timeout.Infinite, ending));
        using var cancel = new CancellationTokenSource(100);
        Func<Task> ask = () => HomeserverIdentity.AskAsync(new Uri($"http://127.0.0.1:{server.Port}"), TimeProvider.System, cancel.Token);
        await ask.Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public void It_is_asked_where_its_health_is() => HomeserverIdentity.BaseOf(new HttpProbe(new Uri("http://127.0.0.1:8008/_matrix/client/versions"), [200])).Should().Be(new Uri("http://127.0.0.1:8008/"));
}
