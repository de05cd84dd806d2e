using BackupTool.Operations.Notifications;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Notifications;

/// <summary>Whatever a server does, no token and no part of a secret address is in what is said of it.</summary>
public sealed class NotifySecretsTests
{
    private const string Hidden = "hidden-Pa1h-Part";

    public static TheoryData<string> Misfortunes => ["401 echo", "403 echo", "404 echo", "500 echo", "302 echo", "429 echo", "abort", "hang", "garbage", "refused", "tls", "name", "no secret", "no url"];

    [Theory]
    [MemberData(nameof(Misfortunes))]
    public async Task No_secret_is_in_what_is_said(string misfortune)
    {
        await using var listener = new Listener(async (request, _) =>
        {
            if (misfortune == "abort") request.Abort();
            if (misfortune == "hang") await Task.Delay(TimeSpan.FromMinutes(5), Test.Token);
            string echo = $"{{\"errcode\":\"{Listener.Secret}\",\"error\":\"{Listener.Secret} {Hidden} {request.RawPath}\"}}";
            int status = misfortune.EndsWith("echo", StringComparison.Ordinal) ? int.Parse(misfortune[..3], System.Globalization.CultureInfo.InvariantCulture) : 200;
            return misfortune == "garbage" ? new FakeHttpAnswer(200, "<html>"u8.ToArray(), ("Retry-After", Listener.Secret))
                : new FakeHttpAnswer(status, System.Text.Encoding.UTF8.GetBytes(echo), ("Location", $"http://{Listener.Secret}/{Hidden}"), ("X-Echo", Listener.Secret));
        })
        { Timeout = TimeSpan.FromSeconds(1) };
        string server = misfortune switch
        {
            "refused" => $"http://127.0.0.1:{FakeHttpServer.FindFreePort()}",
            "tls" => listener.Url.Replace("http:", "https:", StringComparison.Ordinal),
            "name" => "http://no-such-host.invalid:1",
            _ => listener.Url,
        };
        var address = new NotifyAddress { Secret = listener.Token("url", misfortune == "no url" ? $"{Hidden} is no address" : server.Replace("://", $"://user:{Hidden}@", StringComparison.Ordinal) + $"/{Hidden}?q={Hidden}") };
        SecretSource token = misfortune == "no secret" ? listener.Token("token", $"{Listener.Secret}\n{Hidden}\n") : listener.Token();
        ChannelSettings[] channels =
        [
            listener.Ping() with { Url = address }, listener.Ntfy() with { Url = address, Token = token }, listener.Webhook() with { Url = address, Token = token, TokenHeader = "X-Key", SigningKey = token },
            listener.Matrix() with { Homeserver = new Uri(server), Token = token }, listener.Matrix("#alias:x") with { Homeserver = new Uri(server), Token = token },
        ];
        var said = new List<string>();
        said.AddRange(await listener.Notifier(channels).SendAsync(Listener.Event(), Test.Token));
        said.AddRange((await listener.Notifier(channels).TryAsync(channels, Listener.Event(NotifyKind.Test), Test.Token)).Select(static answer => answer.ToString()));
        said.AddRange(channels.Select(static channel => channel.ToString()));
        said.Should().HaveCountGreaterThan(10, "the premise");
        said.Should().OnlyContain(static text => !text.Contains(Listener.Secret, StringComparison.Ordinal) && !text.Contains(Hidden, StringComparison.Ordinal));
        if (!Directory.Exists($"{listener.State}/notifications")) return;
        foreach (string file in Directory.GetFiles($"{listener.State}/notifications", "*.json")) (await File.ReadAllTextAsync(file, Test.Token)).Should().NotContain(Listener.Secret).And.NotContain(Hidden);
    }
}
