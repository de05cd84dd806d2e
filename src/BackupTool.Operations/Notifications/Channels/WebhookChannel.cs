using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using BackupTool.Services.Maubot;

namespace BackupTool.Operations.Notifications.Channels;

/// <summary>
/// The event as JSON (<see cref="EventDocument"/>), posted; when there is a key, signed: <c>X-Backup-Signature: sha256=</c> and the HMAC-SHA-256 of the body's bytes in lower-case
/// hexadecimal. <c>Idempotency-Key</c> is the event's id.
/// </summary>
internal sealed class WebhookChannel : Channel
{
    private readonly Uri _url;
    private readonly string? _header;
    private readonly SecretText? _token, _key;
    private readonly NotifyWire _wire;

    internal WebhookChannel(WebhookSettings settings, TimeProvider time)
    {
        _url = settings.Url.Resolve("")!;
        (_header, _token, _key) = (settings.TokenHeader, settings.Token?.Read(), settings.SigningKey?.Read());
        _wire = new NotifyWire(_url, time);
    }

    internal override Task<Attempt> TryAsync(NotifyMessage message, CancellationToken cancellationToken)
    {
        byte[] body = EventDocument.Serialize(message);
        return _wire.SendAsync(() => Make(message.Id, body), static _ => null, cancellationToken);
    }

    private HttpRequestMessage Make(string id, byte[] body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } } };
        request.Headers.Add("Idempotency-Key", id);
        if (_key is not null) request.Headers.Add("X-Backup-Signature", "sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(_key.Reveal()), body)));
        if (_token is null) return request;
        if (_header is null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token.Reveal());
        else if (!request.Headers.TryAddWithoutValidation(_header, _token.Reveal())) throw new NotifyException($"`token-header` {_header} cannot be set on a request", "Name a header of its own, like X-Api-Key.");
        return request;
    }

    public override void Dispose() => _wire.Dispose();
}
