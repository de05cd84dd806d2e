using System.Collections.Concurrent;
using System.Text;
using BackupTool.Operations.Notifications;
using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Notifications;

/// <summary>A real HTTP server that writes down what it is told, and answers 200 with an empty object unless it is told otherwise; a directory for secrets and state; a notifier.</summary>
internal sealed class Listener : IAsyncDisposable
{
    internal const string Secret = "s3cret-T0KEN-value";

    private readonly FakeHttpServer _server;
    private readonly TemporaryDirectory _there = new();
    private readonly ConcurrentQueue<FakeHttpRequest> _requests = [];

    internal Listener(Func<FakeHttpRequest, int, Task<FakeHttpAnswer>>? answer = null)
    {
        int count = 0;
        _server = FakeHttpServer.Start(async request =>
        {
            _requests.Enqueue(request);
            return await (answer?.Invoke(request, Interlocked.Increment(ref count)) ?? Task.FromResult(FakeHttpAnswer.Json(200, "{}")));
        });
        File.WriteAllText(_there.Below("secret"), Secret + "\n");
    }

    /// <summary>A server that answers as the number of the request (from 1) says.</summary>
    internal static Listener Answering(Func<int, FakeHttpAnswer> answer) => new((_, number) => Task.FromResult(answer(number)));

    internal string Url => _server.Url;

    internal IReadOnlyList<FakeHttpRequest> Requests => [.. _requests];

    internal BytePath State => _there.Path.Combine(BytePath.From("state"));

    internal string Below(string name) => _there.Below(name);

    internal TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    internal TimeProvider Time { get; init; } = TimeProvider.System;

    internal static NotifyAddress Plain(string url) => new() { Plain = url };

    /// <summary>A secret in a file.</summary>
    internal SecretSource Token(string stem = "token", string? content = null)
    {
        string file = content is null ? Below("secret") : Below($"secret-{stem}");
        if (content is not null) File.WriteAllText(file, content);
        return new SecretSource { Stem = stem, File = BytePath.From(file), Path = BytePath.From(file), Place = new TextPlace(1, 1) };
    }

    internal static NotifyKind[] All => Enum.GetValues<NotifyKind>();

    internal PingSettings Ping(string? url = null) => new() { Name = "dead-man", On = All, Place = default, Url = Plain(url ?? $"{Url}/uuid") };

    internal NtfySettings Ntfy(string? url = null) => new() { Name = "phone", On = All, Place = default, Url = Plain(url ?? Url), Topic = "backups", Token = Token() };

    internal WebhookSettings Webhook(string? url = null) => new() { Name = "hook", On = All, Place = default, Url = Plain(url ?? $"{Url}/hook") };

    internal MatrixSettings Matrix(string room = "!room:example.org") => new() { Name = "room", On = All, Place = default, Homeserver = new Uri(Url), Room = room, Token = Token() };

    internal static CommandSettings Command(string script) => new() { Name = "script", On = All, Place = default, Command = ["/bin/sh", "-c", script] };

    internal NotifySettings Settings(params ChannelSettings[] channels) => new() { StateDirectory = State, Timeout = Timeout, Channels = channels };

    /// <summary>One whose pauses are short.</summary>
    internal Notifier Notifier(params ChannelSettings[] channels) => new(Settings(channels), Time)
    {
        Temper = static patience => patience with { FirstPause = TimeSpan.FromMilliseconds(20), LongestPause = TimeSpan.FromMilliseconds(100) },
        Invocation = null,
    };

    internal async Task<ChannelAnswer> TryAsync(ChannelSettings channel, NotifyEvent? trial = null) => (await Notifier(channel).TryAsync([channel], trial ?? Event(), Test.Token)).Single();

    internal static NotifyEvent Event(NotifyKind kind = NotifyKind.Failure, string? schedule = "nightly") => new()
    {
        Kind = kind,
        Host = "stack",
        Schedule = schedule,
        Time = new DateTimeOffset(2026, 11, 23, 2, 31, 0, TimeSpan.FromHours(1)),
        Title = "nightly failed: backup ended with 1",
        Lines = ["maubot does not stop", "<b>ü</b> & more"],
        ExitCode = 1,
        Duration = TimeSpan.FromSeconds(125),
        Snapshot = "0123456789abcdef0123456789abcdef",
    };

    internal static FakeHttpAnswer Status(int status, params (string, string)[] headers) => new(status, Encoding.UTF8.GetBytes("{}"), headers);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _there.Dispose();
    }
}
