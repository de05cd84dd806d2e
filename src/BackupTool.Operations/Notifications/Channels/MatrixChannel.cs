using System.Net.Http.Headers;
using System.Text.Json;
using BackupTool.Services.Maubot;

namespace BackupTool.Operations.Notifications.Channels;

/// <summary>
/// A message in a room, by the client-server API (v3). The transaction id is the event's: a homeserver that has taken it, and whose answer was lost, does not say it twice.
/// </summary>
internal sealed class MatrixChannel : Channel
{
    private const int MaxTextBytes = 12_000;   // an event has at most 65,536 bytes, and this is in it twice, escaped
    private const int MostErrorCodeCharacters = 60;

    private readonly MatrixSettings _settings;
    private readonly SecretText _token;
    private readonly NotifyWire _wire;
    private string? _roomId;

    internal MatrixChannel(MatrixSettings settings, TimeProvider time)
    {
        _settings = settings;
        _token = settings.Token.Read();
        _wire = new NotifyWire(settings.Homeserver, time);
        if (settings.Room[0] == '!') _roomId = settings.Room;
    }

    internal override async Task<Attempt> TryAsync(NotifyMessage message, CancellationToken cancellationToken)
    {
        if (_roomId is null)
        {
            Attempt found = await _wire.SendAsync(() => Make(HttpMethod.Get, $"directory/room/{Uri.EscapeDataString(_settings.Room)}"), FindRoom, cancellationToken);
            if (!found.IsTold) return found;
        }
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(new RoomMessage { MessageType = TypeOf(message.Event.Kind), Body = message.Text(MaxTextBytes), FormattedBody = message.Html(MaxTextBytes) }, NotifyJson.Default.RoomMessage);
        return await _wire.SendAsync(() =>
        {
            HttpRequestMessage request = Make(HttpMethod.Put, $"rooms/{Uri.EscapeDataString(_roomId!)}/send/m.room.message/backup-{message.Id}");
            request.Content = new ByteArrayContent(content) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            return request;
        }, Judge, cancellationToken);
    }

    private Attempt FindRoom(WireAnswer answer)
    {
        if (Judge(answer) is { IsTold: false } failure) return failure;
        if (RoomAnswer.TryParse(answer.Body)?.RoomId is not ['!', ..] id) return new Attempt(false, _wire.Text(answer, "this is not what a homeserver says of a room"));
        _roomId = id;
        return new Attempt(true, "");
    }

    private Attempt Judge(WireAnswer answer)
    {
        RoomAnswer? said = RoomAnswer.TryParse(answer.Body);
        Attempt usual = _wire.Judge(answer);
        if (usual.IsTold) return said is not null ? usual : new Attempt(false, _wire.Text(answer, "this is no answer of a homeserver: is `homeserver` its address?"));
        // Codes are the specification's words; the text beside them may be anything.
        string? code = said?.ErrorCode is { Length: <= MostErrorCodeCharacters } text && text.All(static c => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c) || c is '_' or '.') ? text : null;
        TimeSpan? pause = usual.Pause ?? (said?.RetryAfterMilliseconds is > 0 and < 86_400_000 and var milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : null);
        return code switch
        {
            null => usual,
            "M_UNKNOWN_TOKEN" or "M_MISSING_TOKEN" => usual with { Said = _wire.Text(answer, $"{code}: the access token is not valid") },
            "M_FORBIDDEN" => usual with { Said = _wire.Text(answer, $"{code}: the account must have joined the room, and be allowed to speak in it") },
            "M_NOT_FOUND" => usual with { Said = _wire.Text(answer, $"{code}: there is no such room") },
            _ => usual with { Said = _wire.Text(answer, code), Pause = pause },
        };
    }

    private string TypeOf(NotifyKind kind) => _settings.Message switch
    {
        MatrixMessage.Text => "m.text",
        MatrixMessage.Notice => "m.notice",
        _ => kind is NotifyKind.Failure or NotifyKind.Stale or NotifyKind.Warning ? "m.text" : "m.notice",
    };

    private HttpRequestMessage Make(HttpMethod method, string path)
    {
        string root = _settings.Homeserver.GetLeftPart(UriPartial.Path).TrimEnd('/');
        var request = new HttpRequestMessage(method, new Uri($"{root}/_matrix/client/v3/{path}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token.Reveal());
        return request;
    }

    public override void Dispose() => _wire.Dispose();
}
