using System.Text.Json.Nodes;

namespace BackupTool.Tests.TestSupport;

/// <summary>As much of a homeserver as maubot and a login by password ask of one. On 127.0.0.1.</summary>
public sealed class FakeHomeserver : IAsyncDisposable
{
    private readonly FakeHttpServer _server;
    private readonly Dictionary<string, (string User, string Device)> _tokens = [];
    private readonly Dictionary<string, string> _passwords = [];
    private readonly List<string> _deviceNames = [];
    private int _devices;

    public FakeHomeserver(int port = 0) => _server = FakeHttpServer.Start(AnswerAsync, port);

    public int Port => _server.Port;

    public string Url => _server.Url;

    /// <summary>How the devices that logged in called themselves.</summary>
    public IReadOnlyList<string> DeviceNames
    {
        get { lock (_tokens) return [.. _deviceNames]; }
    }

    public void AddToken(string token, string user, string device)
    {
        lock (_tokens) _tokens[token] = (user, device);
    }

    public void SetPassword(string user, string password)
    {
        lock (_tokens) _passwords[user] = password;
    }

    public void RemoveToken(string token)
    {
        lock (_tokens) _tokens.Remove(token);
    }

    public IReadOnlyList<string> DevicesOf(string user)
    {
        lock (_tokens) return [.. _tokens.Values.Where(token => token.User == user).Select(token => token.Device).Order(StringComparer.Ordinal)];
    }

    private Task<FakeHttpAnswer> AnswerAsync(FakeHttpRequest request)
    {
        (int status, JsonObject answer) = Answer(request.Method, Uri.UnescapeDataString(request.RawPath), request.Header("Authorization")?.Split(' ')[^1] ?? "", request.Text);
        return Task.FromResult(FakeHttpAnswer.Json(status, answer.ToJsonString()));
    }

    private (int, JsonObject) Answer(string method, string path, string token, string body)
    {
        if (path == "/_matrix/client/versions") return (200, new JsonObject { ["versions"] = new JsonArray("v1.1", "v1.5") });
        if (!path.StartsWith("/_matrix/client/v3/", StringComparison.Ordinal)) return (404, Error("M_UNRECOGNIZED", "Unrecognized request"));
        lock (_tokens)
        {
            switch (method, path["/_matrix/client/v3/".Length..])
            {
                case ("GET", "account/whoami") when _tokens.TryGetValue(token, out var who): return (200, new JsonObject { ["user_id"] = who.User, ["device_id"] = who.Device });
                case ("POST", "logout") when _tokens.Remove(token): return (200, []);
                case ("POST", "login"): return LogIn(JsonNode.Parse(body)!);
                default: return (401, Error("M_UNKNOWN_TOKEN", $"Unknown access token {token}"));
            }
        }
    }

    private (int, JsonObject) LogIn(JsonNode request)
    {
        string user = (string?)request["identifier"]?["user"] ?? "";
        if ((string?)request["type"] != "m.login.password" || (string?)request["identifier"]?["type"] != "m.id.user") return (400, Error("M_UNKNOWN", "Bad login type."));
        // Some homeserver quotes what it was given: nobody may show that on.
        if (!_passwords.TryGetValue(user, out string? expected) || (string?)request["password"] != expected) return (403, Error("M_FORBIDDEN", $"Wrong password {request["password"]}"));
        _deviceNames.Add((string?)request["initial_device_display_name"] ?? "");
        string device = $"FRESH{++_devices}", token = $"syt_fresh_{_devices}_{Guid.NewGuid():N}";
        _tokens[token] = (user, device);
        return (200, new JsonObject { ["user_id"] = user, ["access_token"] = token, ["device_id"] = device });
    }

    private static JsonObject Error(string code, string text) => new() { ["errcode"] = code, ["error"] = text };

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
