namespace BackupTool.Services.Health;

/// <summary>What waiting for a service came to.</summary>
/// <param name="Answer">The last answer: whether it is healthy, and why not.</param>
/// <param name="Attempts">How often it was asked.</param>
/// <param name="Elapsed">How long the waiting took.</param>
public sealed record HealthWait(HealthAnswer Answer, int Attempts, TimeSpan Elapsed);

/// <summary>Waits until a service is healthy.</summary>
public static class HealthGate
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50), LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Asks until the answer is healthy or final, or until the timeout: at once, then after pauses of 50 ms, doubling up to 1 s, and a last time when the timeout is over. An ask has
    /// at least a second, so that the whole may take that much longer than <paramref name="timeout"/>.
    /// </summary>
    /// <exception cref="OperationCanceledException">The caller gave up; a timeout is an answer.</exception>
    public static async Task<HealthWait> WaitAsync(IHealthCheck check, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(check);
        ArgumentNullException.ThrowIfNull(time);
        long started = time.GetTimestamp();
        HealthAnswer? last = null;
        TimeSpan pause = FirstPause;
        for (int attempts = 1; ; attempts++)
        {
            TimeSpan left = timeout - time.GetElapsedTime(started);
            last = await AskAsync(check, left > LongestPause ? left : LongestPause, time, cancellationToken) ?? last ?? new HealthAnswer(false, false, $"no answer within {timeout.TotalSeconds:0.###} s");
            TimeSpan elapsed = time.GetElapsedTime(started);
            if (last.IsHealthy || last.IsFinal || elapsed >= timeout) return new HealthWait(last, attempts, elapsed);
            TimeSpan rest = timeout - elapsed;
            await Task.Delay(pause < rest ? pause : rest, time, cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    /// <summary>One answer; null when it took longer than the limit.</summary>
    private static async Task<HealthAnswer?> AskAsync(IHealthCheck check, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        using var ending = new CancellationTokenSource(limit, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, ending.Token);
        try
        {
            return await check.AskAsync(linked.Token).WaitAsync(linked.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // A check that breaks its promise not to throw must not keep other services from being resumed.
            return new HealthAnswer(false, false, e.Message);
        }
    }
}
