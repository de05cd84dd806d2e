using System.Globalization;
using System.Net.Sockets;

namespace BackupTool.Services.Health;

/// <summary>Connects, and hangs up: that something listens is all it proves.</summary>
/// <param name="probe">Where.</param>
/// <param name="patience">How long one ask may take; null for 5 seconds.</param>
public sealed class TcpCheck(TcpProbe probe, TimeSpan? patience = null) : IHealthCheck
{
    private readonly TimeSpan _patience = patience ?? TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public async Task<HealthAnswer> AskAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_patience);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(probe.Host, probe.Port, limit.Token);
            return new HealthAnswer(true, false, $"connected to {probe.Shown}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new HealthAnswer(false, false, string.Create(CultureInfo.InvariantCulture, $"no connection to {probe.Shown} within {_patience.TotalSeconds:0.###} s"));
        }
        catch (SocketException e)
        {
            return new HealthAnswer(false, false, ConnectionFailure.Explain(e, probe.Shown));
        }
    }
}
