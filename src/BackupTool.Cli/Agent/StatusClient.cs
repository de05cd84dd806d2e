using System.Net.Sockets;
using System.Text.Json;
using BackupTool.Operations;

namespace BackupTool.Cli.Agent;

/// <summary>Asks a living agent over its socket.</summary>
internal static class StatusClient
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>What it says of itself.</summary>
    /// <exception cref="OperationException">There is none, it may not be asked, or it does not answer.</exception>
    internal static async Task<AgentStatusDocument> AskAsync(StatusSocket place, CancellationToken cancellationToken)
    {
        using var client = new HttpClient(new SocketsHttpHandler { ConnectCallback = (_, cancellation) => ConnectAsync(place, cancellation) }) { Timeout = Patience };
        try
        {
            using HttpResponseMessage answer = await client.GetAsync(new Uri($"http://agent{StatusPages.StatusPath}"), cancellationToken);
            string text = await answer.Content.ReadAsStringAsync(cancellationToken);
            return (answer.IsSuccessStatusCode ? JsonSerializer.Deserialize(text, AgentJson.Default.AgentStatusDocument) : null)
                ?? throw new OperationException($"The agent at {place.Path} answers with {(int)answer.StatusCode}.", "Is it only beginning? Ask again.");
        }
        catch (HttpRequestException e)
        {
            bool isDenied = e.InnerException is SocketException { SocketErrorCode: SocketError.AccessDenied };
            throw new OperationException($"No agent answers at {place.Path}: {(e.InnerException ?? e).Message.TrimEnd('.')}.", isDenied ? "Ask as root, or as a member of the socket's group." : "'systemctl status backup-agent' says whether one runs; 'systemctl start backup-agent' starts it.", e);
        }
        catch (JsonException e)
        {
            throw new OperationException($"What listens at {place.Path} is no agent of this version: {e.Message.TrimEnd('.')}.", "After an upgrade the agent must be restarted: 'systemctl restart backup-agent'.", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new OperationException($"The agent at {place.Path} does not answer.", "'journalctl -u backup-agent' may say why; its watchdog restarts it.", e);
        }
    }

    private static async ValueTask<Stream> ConnectAsync(StatusSocket place, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(place.Path.ToString()), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
