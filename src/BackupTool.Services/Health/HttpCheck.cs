using System.Globalization;

namespace BackupTool.Services.Health;

/// <summary>
/// Asks over HTTP. Every ask is a connection of its own, straight to the service: no proxy, no cookies, no redirect followed, and nothing of the answer is read but its head.
/// </summary>
/// <param name="probe">What to ask, and which codes are healthy.</param>
/// <param name="patience">How long one ask may take; null for 5 seconds.</param>
public sealed class HttpCheck(HttpProbe probe, TimeSpan? patience = null) : IHealthCheck
{
    private readonly TimeSpan _patience = patience ?? TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public async Task<HealthAnswer> AskAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_patience);
        try
        {
            return Judge(await DirectHttp.AskAsync(probe.Url, limit.Token));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Unwell(string.Create(CultureInfo.InvariantCulture, $"no answer from {probe.Shown} within {_patience.TotalSeconds:0.###} s"));
        }
        catch (HttpRequestException e)
        {
            return Unwell(DirectHttp.Explain(e, probe));
        }
    }

    private HealthAnswer Judge(int code)
    {
        string answer = string.Create(CultureInfo.InvariantCulture, $"HTTP {code} from {probe.Shown}");
        return probe.ExpectedCodes.Contains(code) ? new HealthAnswer(true, false, answer) : Unwell($"{answer}, where {string.Join(" or ", probe.ExpectedCodes)} is healthy");
    }

    private static HealthAnswer Unwell(string reason) => new(false, false, reason);
}
