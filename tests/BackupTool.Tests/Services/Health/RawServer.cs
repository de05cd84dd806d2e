using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BackupTool.Tests.Services.Health;

/// <summary>A TCP server that does to every connection what a test says; it goes away when disposed.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _serving;

    private RawServer(IPAddress address, Func<NetworkStream, CancellationToken, Task> serve)
    {
        _listener = new TcpListener(address, 0);
        _listener.Start();
        _serving = ServeAsync(serve);
    }

    /// <summary>Listens on a free port.</summary>
    internal static RawServer Start(Func<NetworkStream, CancellationToken, Task> serve, IPAddress? address = null) => new(address ?? IPAddress.Loopback, serve);

    /// <summary>Reads the head of a request, keeps it, and answers with these bytes.</summary>
    internal static RawServer Answering(string answer, IPAddress? address = null)
    {
        RawServer? server = null;
        server = Start(async (stream, ending) =>
        {
            string head = await ReadHeadAsync(stream, ending);
            server!.Requests.Add(head);
            await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), ending);
        }, address);
        return server;
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    internal int Connections { get; private set; }

    /// <summary>The heads of what <see cref="Answering"/> was asked.</summary>
    internal List<string> Requests { get; } = [];

    /// <summary>A port on which nothing listens.</summary>
    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    internal static async Task<string> ReadHeadAsync(NetworkStream stream, CancellationToken ending)
    {
        var head = new StringBuilder();
        var buffer = new byte[4096];
        while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            int read = await stream.ReadAsync(buffer, ending);
            if (read == 0) break;
            head.Append(Encoding.ASCII.GetString(buffer, 0, read));
        }
        return head.ToString();
    }

    private async Task ServeAsync(Func<NetworkStream, CancellationToken, Task> serve)
    {
        try
        {
            while (true)
            {
                using TcpClient client = await _listener.AcceptTcpClientAsync(_ending.Token);
                Connections++;
                try
                {
                    await serve(client.GetStream(), _ending.Token);
                }
                catch (IOException)
                {
                    // The client hung up, as some tests want it to.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _serving;
        _listener.Stop();
        _ending.Dispose();
    }
}
