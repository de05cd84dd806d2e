using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace BackupTool.Tests.TestSupport;

/// <summary>
/// A real HTTP server on 127.0.0.1, every request of which is answered by <c>answer</c>; requests run side by side. (HttpListener dies when somebody already knocks while it starts, as a health
/// gate does.)
/// </summary>
public sealed class FakeHttpServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    private FakeHttpServer(WebApplication application, int port) => (_application, Port) = (application, port);

    public int Port { get; }

    public string Url => $"http://127.0.0.1:{Port}";

    /// <param name="answer">Answers one request: its method, its path as it was sent (without the query), what the headers say, its body.</param>
    /// <param name="port">0: one that is free.</param>
    public static FakeHttpServer Start(Func<FakeHttpRequest, Task<FakeHttpAnswer>> answer, int port = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        WebApplication application = builder.Build();
        application.Run(async context =>
        {
            using var body = new MemoryStream();
            try
            {
                await context.Request.Body.CopyToAsync(body);
                FakeHttpAnswer answered = await answer(new FakeHttpRequest(context, body.ToArray()));
                context.Response.StatusCode = answered.Status;
                foreach ((string name, string value) in answered.Headers) context.Response.Headers[name] = value;
                if (answered.Body.Length > 0) await context.Response.Body.WriteAsync(answered.Body);
            }
            catch (Exception e) when (e is IOException or ConnectionResetException or BadHttpRequestException or OperationCanceledException)
            {
                // The one who asked has gone, or we have.
            }
        });
        application.StartAsync().GetAwaiter().GetResult();   // a port, and nothing else to wait for
        return new FakeHttpServer(application, new Uri(application.Urls.Single()).Port);
    }

    internal static int FindFreePort()
    {
        using var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        try
        {
            await _application.StopAsync(atOnce.Token);
        }
        catch (OperationCanceledException)
        {
            // Somebody kept a connection open: it is cut.
        }
        await _application.DisposeAsync();
    }
}

public sealed class FakeHttpRequest(HttpContext context, byte[] body)
{
    // Copied, so that they can be asked for when the answer is long sent.
    private readonly Dictionary<string, string> _headers = context.Request.Headers.ToDictionary(static header => header.Key, static header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _query = context.Request.Query.ToDictionary(static part => part.Key, static part => part.Value.ToString(), StringComparer.OrdinalIgnoreCase);

    public string Method { get; } = context.Request.Method;

    /// <summary>As it was sent, escapes and all, without the query.</summary>
    public string RawPath { get; } = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget.Split('?')[0];

    public byte[] Body => body;

    public string Text => System.Text.Encoding.UTF8.GetString(body);

    /// <summary>A header's value; null when it was not sent.</summary>
    public string? Header(string name) => _headers.GetValueOrDefault(name);

    public string? Query(string name) => _query.GetValueOrDefault(name);

    /// <summary>Breaks the connection off without an answer.</summary>
    public void Abort() => context.Abort();
}

public sealed record FakeHttpAnswer(int Status, byte[] Body, params (string Name, string Value)[] Headers)
{
    public static FakeHttpAnswer Json(int status, string json) => new(status, System.Text.Encoding.UTF8.GetBytes(json), ("Content-Type", "application/json; charset=utf-8"));
}
