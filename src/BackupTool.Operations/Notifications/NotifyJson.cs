using System.Text.Json;
using System.Text.Json.Serialization;

namespace BackupTool.Operations.Notifications;

/// <summary>What a webhook and a command are told: a stable contract. Times are ISO 8601; later versions may add members, and change the version when one changes its meaning.</summary>
internal sealed record EventDocument
{
    public int Version { get; init; } = 1;

    /// <summary>The same for the same event, when it is told again: whoever keeps it can tell repetitions.</summary>
    public required string Id { get; init; }

    /// <summary><c>start</c>, <c>success</c>, <c>warning</c>, <c>failure</c>, <c>recovery</c>, <c>stale</c>, <c>test</c>.</summary>
    public required string Kind { get; init; }

    public required string Host { get; init; }

    public string? Schedule { get; init; }

    /// <summary>When it happened, not when it is told.</summary>
    public required DateTimeOffset Time { get; init; }

    public required string Title { get; init; }

    public required IReadOnlyList<string> Lines { get; init; }

    public int? ExitCode { get; init; }

    public double? DurationSeconds { get; init; }

    public string? Snapshot { get; init; }

    /// <summary>Whether nobody could be reached when it happened.</summary>
    public bool Late { get; init; }

    internal static byte[] Serialize(NotifyMessage message)
    {
        NotifyEvent told = message.Event;
        var document = new EventDocument
        {
            Id = message.Id,
            Kind = NotifyReader.WordFor(told.Kind),
            Host = told.Host,
            Schedule = told.Schedule,
            Time = told.Time,
            Title = told.Title,
            Lines = told.Lines,
            ExitCode = told.ExitCode,
            DurationSeconds = told.Duration?.TotalSeconds,
            Snapshot = told.Snapshot,
            Late = message.IsLate,
        };
        return JsonSerializer.SerializeToUtf8Bytes(document, NotifyJson.Default.EventDocument);
    }
}

/// <summary>A message in a room, as the client-server API wants it.</summary>
internal sealed record RoomMessage
{
    [JsonPropertyName("msgtype")]
    public required string MessageType { get; init; }

    [JsonPropertyName("body")]
    public required string Body { get; init; }

    [JsonPropertyName("format")]
    public string Format { get; init; } = "org.matrix.custom.html";

    [JsonPropertyName("formatted_body")]
    public required string FormattedBody { get; init; }
}

/// <summary>What a homeserver answers.</summary>
internal sealed record RoomAnswer
{
    [JsonPropertyName("room_id")]
    public string? RoomId { get; init; }

    [JsonPropertyName("errcode")]
    public string? ErrorCode { get; init; }

    [JsonPropertyName("retry_after_ms")]
    public long? RetryAfterMilliseconds { get; init; }

    /// <summary>Reads one; null when it is none.</summary>
    internal static RoomAnswer? TryParse(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, NotifyJson.Default.RoomAnswer);
        }
        catch (JsonException)
        {
            return null;   // a page of a reverse proxy or of another program: the status says what there is to say
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(NotifyEvent))]
[JsonSerializable(typeof(EventDocument))]
[JsonSerializable(typeof(KeptNotice))]
[JsonSerializable(typeof(ToldStaleness))]
[JsonSerializable(typeof(RoomMessage))]
[JsonSerializable(typeof(RoomAnswer))]
internal sealed partial class NotifyJson : JsonSerializerContext;
