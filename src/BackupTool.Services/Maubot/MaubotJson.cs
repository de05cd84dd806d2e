using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace BackupTool.Services.Maubot;

// What goes over the wire, by its own names. Unknown members are maubot's to add.
internal sealed record TokenPayload(string UserId, long CreatedAt);

internal sealed record LoginRequest(string Username, string Password);

internal sealed record LoginAnswer(string? Token);

internal sealed record ErrorAnswer(string? Error, string? Errcode, long? RetryAfterMs);

internal sealed record PluginAnswer(string? Id, string? Version);

internal sealed record ClientBody
{
    public string? Id { get; init; }
    public string? Homeserver { get; init; }
    public string? AccessToken { get; init; }
    public string? DeviceId { get; init; }
    public bool? Enabled { get; init; }
    public bool? Started { get; init; }
    public bool? Sync { get; init; }
    public bool? SyncOk { get; init; }
    public bool? Autojoin { get; init; }
    public bool? Online { get; init; }
    public string? Displayname { get; init; }
    public string? AvatarUrl { get; init; }
    public string? Fingerprint { get; init; }

    // A client's tokens must not be shown by accident.
    public override string ToString() => $"client {Id}";
}

internal sealed record InstanceBody
{
    public string? Id { get; init; }
    public string? Type { get; init; }
    public bool? Enabled { get; init; }
    public bool? Started { get; init; }
    public string? PrimaryUser { get; init; }
    public string? Config { get; init; }
    public bool? Database { get; init; }
    public string? DatabaseEngine { get; init; }

    public override string ToString() => $"instance {Id}";
}

internal sealed record MatrixIdentifier(string Type, string User);

internal sealed record MatrixLoginRequest(string Type, MatrixIdentifier Identifier, string Password, string InitialDeviceDisplayName);

internal sealed record MatrixLoginAnswer(string? UserId, string? AccessToken, string? DeviceId);

internal sealed record NoBody;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TokenPayload))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(LoginAnswer))]
[JsonSerializable(typeof(ErrorAnswer))]
[JsonSerializable(typeof(List<PluginAnswer>))]
[JsonSerializable(typeof(List<ClientBody>))]
[JsonSerializable(typeof(List<InstanceBody>))]
[JsonSerializable(typeof(MatrixLoginRequest))]
[JsonSerializable(typeof(MatrixLoginAnswer))]
[JsonSerializable(typeof(NoBody))]
internal sealed partial class MaubotJson : JsonSerializerContext
{
    internal static byte[] Serialize<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(value, type);
}
