using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using BackupTool.Services.Maubot;

namespace BackupTool.Operations.Notifications.Channels;

/// <summary>A message to a topic of ntfy: the body is the text, the rest are headers (ntfy's documentation, "Publishing").</summary>
internal sealed class NtfyChannel : Channel
{
    private const int MaxBodyBytes = 3_900;   // of 4,096: a longer one would become an attachment

    private readonly NtfySettings _settings;
    private readonly Uri _target;
    private readonly SecretText? _token;
    private readonly NotifyWire _wire;

    internal NtfyChannel(NtfySettings settings, TimeProvider time)
    {
        _settings = settings;
        Uri url = settings.Url.Resolve("")!;
        _target = settings.Topic is { } topic ? new UriBuilder(url) { Path = $"{url.AbsolutePath.TrimEnd('/')}/{topic}" }.Uri : url;
        _token = settings.Token?.Read();
        _wire = new NotifyWire(_target, time);
    }

    internal override Task<Attempt> TryAsync(NotifyMessage message, CancellationToken cancellationToken) =>
        _wire.SendAsync(() => Make(message), static _ => null, cancellationToken);

    private HttpRequestMessage Make(NotifyMessage message)
    {
        NotifyKind kind = message.Event.Kind;
        var request = new HttpRequestMessage(HttpMethod.Post, _target)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(message.Body(MaxBodyBytes))) { Headers = { ContentType = new MediaTypeHeaderValue("text/plain", "utf-8") } },
        };
        request.Headers.Add("Title", HeaderText(message.Title));
        request.Headers.Add("Priority", _settings.Priorities.GetValueOrDefault(kind, PriorityOf(kind)).ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("Tags", string.Join(',', _settings.Tags.Prepend(TagOf(kind))));
        if (_token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token.Reveal());
        return request;
    }

    // ntfy reads headers that are encoded as those of mail are (RFC 2047).
    private static string HeaderText(string text) =>
        text.All(static c => c is >= ' ' and < '\x7f') && !text.Contains("=?", StringComparison.Ordinal) ? text : $"=?UTF-8?B?{Convert.ToBase64String(Encoding.UTF8.GetBytes(text))}?=";

    private static int PriorityOf(NotifyKind kind) => kind switch
    {
        NotifyKind.Failure or NotifyKind.Stale => 4,
        NotifyKind.Start or NotifyKind.Success => 2,
        _ => 3,
    };

    private static string TagOf(NotifyKind kind) => kind switch
    {
        NotifyKind.Failure => "rotating_light",
        NotifyKind.Warning => "warning",
        NotifyKind.Stale => "hourglass",
        NotifyKind.Recovery or NotifyKind.Success => "white_check_mark",
        NotifyKind.Start => "arrow_forward",
        _ => "test_tube",
    };

    public override void Dispose() => _wire.Dispose();
}
