using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;

namespace BackupTool.Services.Health;

/// <summary>
/// Asks over HTTP. Every ask is a connection of its own, straight to the service: no proxy, no cookies, no redirect followed, and nothing of the answer is read but its head.
/// </summary>
/// <param name="probe">What to ask, and which codes are healthy.</param>
/// <param name="patience">How long one ask may take; null for 5 seconds.</param>
public sealed class HttpCheck(HttpProbe probe, TimeSpan? patience = null) : IHealthCheck
{
    private static readonly HttpMessageInvoker Client = new(new SocketsHttpHandler
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        MaxResponseHeadersLength = 32, // KiB
        MaxResponseDrainSize = 0,
        PooledConnectionLifetime = TimeSpan.Zero, // `Connection: close` alone leaves it to the server
    });

    private readonly TimeSpan _patience = patience ?? TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public async Task<HealthAnswer> AskAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_patience);
        try
        {
            using HttpRequestMessage request = MakeRequest();
            using HttpResponseMessage response = await Client.SendAsync(request, limit.Token);
            return Judge((int)response.StatusCode);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Unwell(string.Create(CultureInfo.InvariantCulture, $"no answer from {probe.Shown} within {_patience.TotalSeconds:0.###} s"));
        }
        catch (HttpRequestException e)
        {
            return Unwell(Explain(e));
        }
    }

    private HealthAnswer Judge(int code)
    {
        string answer = string.Create(CultureInfo.InvariantCulture, $"HTTP {code} from {probe.Shown}");
        return probe.ExpectedCodes.Contains(code) ? new HealthAnswer(true, false, answer) : Unwell($"{answer}, where {string.Join(" or ", probe.ExpectedCodes)} is healthy");
    }

    private HttpRequestMessage MakeRequest()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, probe.Url);
        request.Headers.ConnectionClose = true;
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("backup", null));
        if (probe.Url.UserInfo.Length > 0)
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(probe.Url.UserInfo))));
        return request;
    }

    // The messages of the base library may quote the URL or what the server sent: only those of the system and of TLS are shown.
    private string Explain(HttpRequestException e)
    {
        if (e.InnerException is SocketException socket) return ConnectionFailure.Explain(socket, probe.Url.Authority);
        return e.HttpRequestError switch
        {
            HttpRequestError.SecureConnectionError => $"no secure connection to {probe.Url.Authority}: {(e.InnerException as AuthenticationException ?? e.InnerException ?? e).Message}",
            HttpRequestError.ResponseEnded => $"{probe.Url.Authority} closed the connection without a whole HTTP answer",
            HttpRequestError.InvalidResponse => $"{probe.Url.Authority} answered with something that is not HTTP",
            HttpRequestError.ConfigurationLimitExceeded => $"{probe.Url.Authority} answered with more headers than anybody sends",
            HttpRequestError.NameResolutionError => $"the name {probe.Url.Host} is not known",
            _ when e.InnerException is IOException { InnerException: SocketException reset } => ConnectionFailure.Explain(reset, probe.Url.Authority),
            _ => $"no answer from {probe.Shown}: {e.HttpRequestError}",
        };
    }

    private static HealthAnswer Unwell(string reason) => new(false, false, reason);
}
