using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;

namespace BackupTool.Operations.Notifications.Channels;

/// <summary>An answer, of which at most 64 KiB of the body are read.</summary>
internal sealed record WireAnswer(int Status, byte[] Body, TimeSpan? Pause);

/// <summary>
/// Requests to one address. The system's proxy is asked as its variables say, but never for this machine; no cookies; no redirect is followed, so that nothing secret goes where nobody sent
/// it. Nothing of what is sent or of the address beyond host and port is in what it says.
/// </summary>
internal sealed class NotifyWire(Uri url, TimeProvider time) : IDisposable
{
    private const int MaxBodyBytes = 64 << 10;

    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler
    {
        UseProxy = !url.IsLoopback,
        UseCookies = false,
        AllowAutoRedirect = false,
        MaxResponseHeadersLength = 32, // KiB
        MaxResponseDrainSize = 0,
    });

    private string Where => $"{url.Host}:{url.Port.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Sends a request, and judges the status; <paramref name="judge"/> may know better of an answer.</summary>
    internal async Task<Attempt> SendAsync(Func<HttpRequestMessage> make, Func<WireAnswer, Attempt?> judge, CancellationToken cancellationToken)
    {
        try
        {
            WireAnswer answer = await AskAsync(make, cancellationToken);
            return judge(answer) ?? Judge(answer);
        }
        catch (HttpRequestException e)
        {
            return Failed(e);
        }
        catch (IOException e)
        {
            return new Attempt(false, $"{Where} broke off its answer{(e.InnerException is SocketException socket ? $": {socket.Message}" : "")}", MayPass: true);
        }
    }

    /// <summary>Sends a request and reads the answer.</summary>
    internal async Task<WireAnswer> AskAsync(Func<HttpRequestMessage> make, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = make();
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("backup", null));
        if (url.UserInfo.Length > 0 && request.Headers.Authorization is null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(url.UserInfo))));
        using HttpResponseMessage response = await _client.SendAsync(request, cancellationToken);
        var body = new byte[MaxBodyBytes];
        await using Stream content = await response.Content.ReadAsStreamAsync(cancellationToken);
        int length = await content.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken);
        return new WireAnswer((int)response.StatusCode, body[..length], PauseOf(response));
    }

    private TimeSpan? PauseOf(HttpResponseMessage response)
    {
        TimeSpan? pause = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - time.GetUtcNow(),
            _ => null,
        };
        return pause < TimeSpan.Zero ? TimeSpan.Zero : pause;
    }

    /// <summary>What a status says, where nothing more is known.</summary>
    internal Attempt Judge(WireAnswer answer) => answer.Status switch
    {
        >= 200 and < 300 => new Attempt(true, Text(answer, "")),
        >= 300 and < 400 => new Attempt(false, Text(answer, "it sends on to another address, which is not followed: name the last one")),
        401 => new Attempt(false, Text(answer, "it does not know the token or password, or wants one")),
        403 => new Attempt(false, Text(answer, "the token may not do that")),
        404 or 410 => new Attempt(false, Text(answer, "there is no such address")),
        407 => new Attempt(false, Text(answer, "the proxy wants a password")),
        408 or 425 => new Attempt(false, Text(answer, ""), MayPass: true, answer.Pause),
        413 => new Attempt(false, Text(answer, "the message is too long for it")),
        429 => new Attempt(false, Text(answer, "too many requests"), MayPass: true, answer.Pause),
        >= 500 => new Attempt(false, Text(answer, "it has failed itself"), MayPass: true, answer.Pause),
        _ => new Attempt(false, Text(answer, "")),
    };

    /// <summary>Status, host and an explanation.</summary>
    internal string Text(WireAnswer answer, string explanation) =>
        string.Create(CultureInfo.InvariantCulture, $"HTTP {answer.Status} from {Where}{(explanation.Length > 0 ? $": {explanation}" : "")}");

    // The messages of the base library may quote the address or what the server sent: only those of the system and of TLS are shown.
    private Attempt Failed(HttpRequestException e)
    {
        SocketException? socket = e.InnerException as SocketException ?? e.InnerException?.InnerException as SocketException;
        string why = e.HttpRequestError switch
        {
            HttpRequestError.NameResolutionError => $"the name {url.Host} is not known",
            HttpRequestError.SecureConnectionError => $"no secure connection to {Where}: {(e.InnerException as AuthenticationException)?.Message ?? "it does not speak TLS"}",
            HttpRequestError.InvalidResponse => $"{Where} answered with something that is not HTTP",
            HttpRequestError.ConfigurationLimitExceeded => $"{Where} answered with more headers than anybody sends",
            HttpRequestError.ProxyTunnelError => $"the proxy does not let through to {Where}",
            _ when socket is { SocketErrorCode: SocketError.ConnectionRefused } => $"connection refused at {Where}",
            _ when socket is { SocketErrorCode: SocketError.ConnectionReset or SocketError.Shutdown } || e.HttpRequestError == HttpRequestError.ResponseEnded => $"{Where} broke off the connection",
            _ when socket is not null => $"no connection to {Where}: {socket.Message}",
            _ => $"no answer from {Where}: {e.HttpRequestError}",
        };
        return new Attempt(false, why, MayPass: true);
    }

    public void Dispose() => _client.Dispose();
}
