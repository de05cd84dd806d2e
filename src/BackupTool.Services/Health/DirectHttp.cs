using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;

namespace BackupTool.Services.Health;

/// <summary>GET requests straight to a service on this machine: each a connection of its own; no proxy, no cookies, no redirect followed.</summary>
internal static class DirectHttp
{
    private const int MaxBodyBytes = 64 << 10;

    private static readonly HttpMessageInvoker Client = new(new SocketsHttpHandler
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        MaxResponseHeadersLength = 32, // KiB
        MaxResponseDrainSize = 0,
        PooledConnectionLifetime = TimeSpan.Zero, // `Connection: close` alone leaves it to the server
    });

    /// <summary>The code; nothing of the answer is read but its head.</summary>
    internal static async Task<int> AskAsync(Uri url, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = MakeRequest(url);
        using HttpResponseMessage response = await Client.SendAsync(request, cancellationToken);
        return (int)response.StatusCode;
    }

    /// <summary>The code and the body, of which at most 64 KiB are read.</summary>
    internal static async Task<(int Code, byte[] Body)> GetAsync(Uri url, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = MakeRequest(url);
        using HttpResponseMessage response = await Client.SendAsync(request, cancellationToken);
        await using Stream content = await response.Content.ReadAsStreamAsync(cancellationToken);
        var body = new byte[MaxBodyBytes];
        int length = await content.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken);
        return ((int)response.StatusCode, body[..length]);
    }

    private static HttpRequestMessage MakeRequest(Uri url)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.ConnectionClose = true;
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("backup", null));
        if (url.UserInfo.Length > 0) request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(url.UserInfo))));
        return request;
    }

    // The messages of the base library may quote the URL or what the server sent: only those of the system and of TLS are shown.
    internal static string Explain(HttpRequestException e, HttpProbe probe)
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
}
