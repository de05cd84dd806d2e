using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BackupTool.Services.Health;

namespace BackupTool.Services.Maubot;

/// <summary>How patient a client of an interface is.</summary>
public sealed record MaubotPatience
{
    /// <summary>How long one request may take. Setting up a client or an instance takes as long as its homeserver and its plugin take. Default 60 s.</summary>
    public TimeSpan Request { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long an upload may take. Default 5 minutes.</summary>
    public TimeSpan Upload { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The pauses before a request is repeated that found nobody listening, or that the server failed at (HTTP 500, 502, 503, 504).</summary>
    public IReadOnlyList<TimeSpan> Pauses { get; init; } = [TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)];
}

/// <summary>
/// Sends requests and explains what goes wrong with them: no proxy, no cookies, no redirect followed; every secret that was sent is cut out of what the server says back.
/// </summary>
internal sealed class JsonWire(string who, Uri baseAddress, MaubotPatience patience, TimeProvider time) : IDisposable
{
    private const int MaxSaid = 300;
    private static readonly HttpStatusCode[] Passing =
        [HttpStatusCode.InternalServerError, HttpStatusCode.BadGateway, HttpStatusCode.ServiceUnavailable, HttpStatusCode.GatewayTimeout, HttpStatusCode.TooManyRequests];

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false })
    {
        BaseAddress = baseAddress,
        Timeout = Timeout.InfiniteTimeSpan,
        MaxResponseContentBufferSize = 64 << 20,
    };

    private readonly HashSet<string> _secrets = new(StringComparer.Ordinal);

    /// <summary>Sent with every request as its bearer token; null to send none.</summary>
    internal SecretText? Token { get; set; }

    /// <summary>From now on this is cut out of whatever is shown.</summary>
    internal void Hide(SecretText secret)
    {
        if (secret.Reveal().Trim() is { Length: > 3 } text) _secrets.Add(text);
    }

    internal static Func<HttpContent> Json<T>(T body, JsonTypeInfo<T> type) => () =>
        new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, type)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };

    /// <summary>Sends a request, again after a pause where that may help, and gives the status and the body of a 2xx answer.</summary>
    /// <param name="doing">What is asked for, to follow "could not": "create the client @a:b".</param>
    /// <param name="method">The method.</param>
    /// <param name="path">Below the base address; escaped where it needs to be.</param>
    /// <param name="content">Makes the body anew for every attempt; null for none.</param>
    /// <param name="limit">How long an attempt may take; null for the usual.</param>
    /// <param name="cancellationToken">Heard all the time.</param>
    /// <exception cref="MaubotApiException">No 2xx answer.</exception>
    internal async Task<(HttpStatusCode Status, byte[] Body)> SendAsync(
        string doing, HttpMethod method, string path, Func<HttpContent>? content, CancellationToken cancellationToken, TimeSpan? limit = null)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return await TryAsync(doing, method, path, content, limit ?? patience.Request, cancellationToken);
            }
            catch (MaubotApiException e) when (attempt < patience.Pauses.Count && (IsRefusal(e) || Passing.Contains((HttpStatusCode)e.StatusCode)))
            {
                await Task.Delay(patience.Pauses[attempt], time, cancellationToken);
            }
        }
    }

    /// <summary>Reads an answer that must be JSON.</summary>
    internal T Parse<T>(string doing, byte[] body, JsonTypeInfo<T> type) where T : class
    {
        try
        {
            if (JsonSerializer.Deserialize(body, type) is { } value) return value;
        }
        catch (JsonException e)
        {
            // The exception's message may quote the answer, which may hold tokens.
            throw NotUnderstood(doing, string.Create(CultureInfo.InvariantCulture, $" (line {e.LineNumber + 1}, byte {e.BytePositionInLine})"));
        }
        throw NotUnderstood(doing, "");
    }

    private MaubotApiException NotUnderstood(string doing, string where) => new(MaubotFailure.Unreachable,
        $"Could not {doing}: {Shown} answered with something else than it was asked for{where}.", $"See what listens at {Shown}: it may be another program, or a version that this tool does not know.");

    private async Task<(HttpStatusCode, byte[])> TryAsync(string doing, HttpMethod method, string path, Func<HttpContent>? content, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var ending = new CancellationTokenSource(limit, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, ending.Token);
        try
        {
            using var request = new HttpRequestMessage(method, path) { Content = content?.Invoke() };
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue("backup", null));
            if (Token is { } token) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Reveal());
            using HttpResponseMessage response = await _client.SendAsync(request, linked.Token);
            byte[] body = await response.Content.ReadAsByteArrayAsync(linked.Token);
            return response.IsSuccessStatusCode ? (response.StatusCode, body) : throw Explain(doing, response.StatusCode, body);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new MaubotApiException(MaubotFailure.Failed, string.Create(CultureInfo.InvariantCulture, $"Could not {doing}: no answer from {Shown} within {limit.TotalSeconds:0.###} s."),
                $"See {who}'s log; it may wait for somebody else.");
        }
        catch (HttpRequestException e)
        {
            string why = e.InnerException is SocketException socket ? ConnectionFailure.Explain(socket, baseAddress.Authority)
                : e.InnerException is IOException { InnerException: SocketException reset } ? ConnectionFailure.Explain(reset, baseAddress.Authority)
                : $"{Shown}: {e.HttpRequestError}";
            throw new MaubotApiException(MaubotFailure.Unreachable, $"Could not {doing}: {why}.", $"See that {who} runs and listens at {baseAddress.Authority}.", e);
        }
    }

    private MaubotApiException Explain(string doing, HttpStatusCode status, byte[] body)
    {
        ErrorAnswer? answer = null;
        try
        {
            answer = JsonSerializer.Deserialize(body, MaubotJson.Default.ErrorAnswer);
        }
        catch (JsonException)
        {
            // A page of a reverse proxy or of another program: the status says what there is to say.
        }
        string code = Clean(answer?.Errcode ?? ""), said = Clean(answer?.Error ?? "");
        int number = (int)status;
        string why = said.Length > 0 ? string.Create(CultureInfo.InvariantCulture, $"{who} says: {said.TrimEnd('.')} (HTTP {number}{(code.Length > 0 ? $", {code}" : "")})")
            : string.Create(CultureInfo.InvariantCulture, $"HTTP {number} from {Shown}, without a reason that could be read");
        (MaubotFailure failure, string? hint) = number switch
        {
            401 when code.StartsWith("auth_token", StringComparison.Ordinal) => (MaubotFailure.Unauthorized,
                "The running maubot signs with another secret than `server.unshared_secret` in this config.yaml, or does not know the administrator: restart maubot, or log in with a password."),
            401 => (MaubotFailure.Unauthorized, null),
            404 when code == "resource_not_found" => (MaubotFailure.Refused, "That part of the interface is switched off: see `api_features` in maubot's config.yaml, and restart maubot."),
            404 when code.Length == 0 => (MaubotFailure.Unreachable, $"See what listens at {Shown}: it does not seem to be {who}."),
            >= 500 => (MaubotFailure.Failed, $"{who}'s log says why."),
            >= 400 => (MaubotFailure.Refused, (string?)null),
            _ => (MaubotFailure.Unreachable, $"See what listens at {Shown}: it does not seem to be {who}."),
        };
        return new MaubotApiException(failure, $"Could not {doing}: {why}.", hint) { StatusCode = number, ErrorCode = code, Said = said.Length > 0 ? said : $"HTTP {number}" };
    }

    /// <summary>One line of bounded length, without control characters and without what is secret.</summary>
    private string Clean(string text)
    {
        foreach (string secret in _secrets.OrderByDescending(static secret => secret.Length)) text = text.Replace(secret, "***", StringComparison.Ordinal);
        var line = new StringBuilder();
        foreach (char c in text) line.Append(char.IsControl(c) ? ' ' : c);
        return line.Length <= MaxSaid ? line.ToString().Trim() : string.Concat(line.ToString().AsSpan(0, MaxSaid), "…");
    }

    private static bool IsRefusal(MaubotApiException e) => e.InnerException is HttpRequestException { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.ConnectionReset } or IOException };

    private string Shown => baseAddress.GetLeftPart(UriPartial.Path);

    public void Dispose() => _client.Dispose();
}
