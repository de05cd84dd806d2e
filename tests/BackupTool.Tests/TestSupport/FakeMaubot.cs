using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BackupTool.Tests.TestSupport;

/// <summary>
/// The management interface of maubot 0.6, as its source (management/api, client.py, instance.py, loader/zip.py) has it, on a real database and a real directory of plugins: what it is
/// told survives its restart, and starting it has the side effects that starting maubot has. As strict as the real one, with its error codes.
/// Knows nothing of the tests' other parts, so that it can run as a process of its own.
/// </summary>
public sealed class FakeMaubot : IAsyncDisposable
{
    private const string Base = "/_matrix/maubot/v1/";
    private readonly FakeMaubotBots _bots;
    private readonly FakeMaubotOptions _options;
    private readonly List<string> _requests = [];
    private FakeHttpServer? _server;

    private FakeMaubot(FakeMaubotOptions options) => (_options, _bots) = (options, new FakeMaubotBots(options));

    public Uri BaseAddress => new(_server!.Url + Base);

    /// <summary>Its database; shared with it.</summary>
    public FakeMaubotStore Store => _bots.Store;

    /// <summary>Every request so far, as <c>PUT client/@a:b</c>.</summary>
    public IReadOnlyList<string> Requests
    {
        get { lock (_requests) return [.. _requests]; }
    }

    /// <summary>Answers in its stead: a status code and a body; null to let it answer. Given the request as in <see cref="Requests"/>.</summary>
    public Func<string, (int Status, string Body)?>? Interfere { get; set; }

    public static FakeMaubot Start(FakeMaubotOptions options)
    {
        var maubot = new FakeMaubot(options);
        maubot._server = FakeHttpServer.Start(maubot.AnswerAsync, options.Port);
        return maubot;
    }

    private async Task<FakeHttpAnswer> AnswerAsync(FakeHttpRequest request)
    {
        (int status, JsonNode? answer) = await DecideAsync(request);
        return FakeHttpAnswer.Json(status, answer is JsonValue value && value.TryGetValue(out string? raw) ? raw : answer?.ToJsonString() ?? "");
    }

    private async Task<(int, JsonNode?)> DecideAsync(FakeHttpRequest request)
    {
        string path = request.RawPath;
        if (!path.StartsWith(Base, StringComparison.Ordinal)) return (404, JsonValue.Create("404: Not Found"));
        string[] parts = [.. path[Base.Length..].Split('/').Select(Uri.UnescapeDataString)];
        string shown = $"{request.Method} {string.Join('/', parts)}";
        lock (_requests) _requests.Add(shown);
        if (Interfere?.Invoke(shown) is var (status, text)) return (status, JsonValue.Create(text));

        if (shown == "POST auth/login") return LogIn(request.Body);
        if (shown == "GET features") return (200, new JsonObject { ["login"] = true });
        if (Refuse(request) is { } refusal) return refusal;
        try
        {
            return await RouteAsync(request.Method, parts, request.Body);
        }
        catch (JsonException)
        {
            return Error(400, "body_not_json", "Request body is not JSON");
        }
        catch (Exception e) when (e is not (IOException or ObjectDisposedException))
        {
            return Error(500, "internal_server_error", "Internal server error");
        }
    }

    private async Task<(int, JsonNode?)> RouteAsync(string method, string[] parts, byte[] body) => (method, parts) switch
    {
        ("GET", ["version"]) => (200, new JsonObject { ["version"] = "0.6.0" }),
        ("GET", ["plugins"]) => (200, _bots.DescribePlugins()),
        ("GET", ["clients"]) => (200, new JsonArray([.. _bots.Clients().Select(_bots.Describe)])),
        ("GET", ["instances"]) => (200, new JsonArray([.. _bots.Instances().Select(_bots.DescribeInstance)])),
        ("GET", ["client", var id]) => _bots.Client(id) is { } row ? (200, _bots.Describe(row)) : Error(404, "client_not_found", "Client not found"),
        ("GET", ["instance", var id]) => _bots.Instance(id.ToLowerInvariant()) is { } row ? (200, _bots.DescribeInstance(row)) : Error(404, "instance_not_found", "Plugin instance not found"),
        ("POST", ["plugins", "upload"]) => _bots.Upload(body),
        ("POST", ["client", "new"]) => await _bots.CreateClientAsync(null, Parse(body)),
        ("PUT", ["client", var id]) => _bots.Client(id) is null ? await _bots.CreateClientAsync(id, Parse(body)) : await _bots.UpdateClientAsync(id, Parse(body)),
        ("POST", ["client", var id, "clearcache"]) => _bots.ClearCache(id),
        ("PUT", ["instance", var id]) => _bots.PutInstance(id.ToLowerInvariant(), Parse(body)),
        _ => Error(404, "resource_not_found", "Resource not found"),
    };

    internal static (int, JsonNode?) Error(int status, string code, string text) => (status, new JsonObject { ["error"] = text, ["errcode"] = code });

    private static JsonObject Parse(byte[] body) => JsonNode.Parse(body) as JsonObject ?? throw new JsonException();

    private (int, JsonNode?) LogIn(byte[] body)
    {
        JsonObject data = Parse(body);
        string user = (string?)data["username"] ?? "", password = (string?)data["password"] ?? "";
        if (user == "root" || !_options.Admins.TryGetValue(user, out string? expected) || expected.Length == 0 || expected != password)
            return Error(401, "invalid_auth", "Invalid username or password");
        return (200, new JsonObject { ["token"] = Sign(JsonSerializer.SerializeToUtf8Bytes(new { user_id = user, created_at = 0 })) });
    }

    private (int, JsonNode?)? Refuse(FakeHttpRequest request)
    {
        string header = request.Header("Authorization") ?? "";
        string token = header.StartsWith("Bearer ", StringComparison.Ordinal) ? header["Bearer ".Length..] : request.Query("access_token") ?? "";
        if (token.Length == 0) return Error(401, "auth_token_missing", "Authorization token missing");
        return IsValid(token) ? null : Error(401, "auth_token_invalid", "Invalid authorization token");
    }

    /// <summary>mautrix.util.signed_token.verify_token.</summary>
    private bool IsValid(string token)
    {
        if (token.Split(':', 2) is not [_, var payload]) return false;
        payload = payload.PadRight((payload.Length + 3) / 4 * 4, '=');
        byte[] json;
        try
        {
            json = Convert.FromBase64String(payload.Replace('-', '+').Replace('_', '/'));
        }
        catch (FormatException)
        {
            return false;
        }
        string? user = (string?)JsonNode.Parse(json)?["user_id"];
        return Sign(json) == token && (user == "root" || (user is not null && _options.Admins.ContainsKey(user)));
    }

    private string Sign(byte[] json)
    {
        static string Encode(byte[] bytes) => Convert.ToBase64String(bytes).Replace('+', '-').Replace('/', '_');
        string payload = Encode(json);
        return $"{Encode(HMACSHA256.HashData(Encoding.UTF8.GetBytes(_options.UnsharedSecret), Encoding.ASCII.GetBytes(payload))).TrimEnd('=')}:{payload.TrimEnd('=')}";
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _server, null) is not { } server) return;
        await server.DisposeAsync();
        await _bots.DisposeAsync();
    }
}
