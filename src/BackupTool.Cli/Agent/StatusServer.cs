using BackupTool.Operations;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace BackupTool.Cli.Agent;

/// <summary>Answers on the unix socket and, if that is asked for, on an address. Disposing removes the socket.</summary>
internal sealed class StatusServer : IAsyncDisposable
{
    private const int MostConnections = 64;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private readonly WebApplication _application;
    private readonly StatusSocket _socket;
    private bool _isDisposed;

    private StatusServer(WebApplication application, StatusSocket socket) => (_application, _socket) = (application, socket);

    /// <summary>Listens.</summary>
    /// <exception cref="OperationException">It cannot: somebody else does, or it is not allowed.</exception>
    internal static async Task<StatusServer> StartAsync(AgentSettings settings, string? runtimeDirectory, StatusPages pages)
    {
        StatusSocket socket = StatusSocket.For(settings, runtimeDirectory);
        WebApplication? application = null;
        try
        {
            socket.Prepare();
            application = Build(settings, socket, pages);
            await application.StartAsync();
            socket.Publish();
            return new StatusServer(application, socket);
        }
        catch (Exception e) when (e is IOException or PosixException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
        {
            if (application is not null) await application.DisposeAsync();
            string places = settings.Listen is { } listen ? $"{socket.Path} and {listen}" : $"{socket.Path}";
            throw new OperationException($"The agent cannot listen on {places}: {e.Message.TrimEnd('.')}.", "Set another `socket` or `listen` in [agent], or end who has it.", e);
        }
    }

    private static WebApplication Build(AgentSettings settings, StatusSocket socket, StatusPages pages)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<IHostLifetime, OthersLifetime>();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = MostConnections;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.ListenUnixSocket(socket.Unfinished.ToString());
            if (settings.Listen is { } listen) kestrel.Listen(listen);
        });
        WebApplication application = builder.Build();
        application.Run(context => AnswerAsync(context, pages));
        return application;
    }

    private static async Task AnswerAsync(HttpContext context, StatusPages pages)
    {
        StatusPage page = await pages.AnswerAsync(context.Request.Method, context.Request.Path.Value ?? "", context.RequestAborted);
        context.Response.StatusCode = page.Code;
        context.Response.ContentType = page.ContentType;
        context.Response.ContentLength = page.Body.Length;
        context.Response.Headers.CacheControl = "no-store";
        if (page.Code == 405) context.Response.Headers.Allow = "GET";
        if (context.Request.Method != "HEAD") await context.Response.Body.WriteAsync(page.Body, context.RequestAborted);
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        using (var atOnce = new CancellationTokenSource(Patience)) await _application.StopAsync(atOnce.Token);
        await _application.DisposeAsync();
        _socket.Remove();
    }

    /// <summary>Signals are the agent's, not the web server's.</summary>
    private sealed class OthersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
