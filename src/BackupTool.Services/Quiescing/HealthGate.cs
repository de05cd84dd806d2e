using BackupTool.Services.Health;

namespace BackupTool.Services.Quiescing;

/// <summary>Asks a service until it is healthy, has failed for good, or has had its time.</summary>
internal static class HealthGate
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50), LongestPause = TimeSpan.FromSeconds(1), LongestAnswer = TimeSpan.FromSeconds(10);

    /// <summary>The last answer.</summary>
    internal static async Task<HealthAnswer> WaitAsync(IHealthCheck check, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        TimeSpan pause = FirstPause;
        while (true)
        {
            HealthAnswer answer = await AskAsync(check, time, cancellationToken);
            TimeSpan left = timeout - time.GetElapsedTime(started);
            if (answer.IsHealthy || answer.IsFinal || left <= TimeSpan.Zero) return answer;
            await Task.Delay(pause < left ? pause : left, time, cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private static async Task<HealthAnswer> AskAsync(IHealthCheck check, TimeProvider time, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(LongestAnswer, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            return await check.AskAsync(either.Token).WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new HealthAnswer(false, false, $"no answer within {PlanSentences.Seconds(LongestAnswer)}");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // A check that breaks its promise not to throw must not keep the other services from being resumed.
            return new HealthAnswer(false, false, e.Message);
        }
    }
}
