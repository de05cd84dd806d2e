namespace BackupTool.Operations.Reseed.Maubot;

/// <summary>Looks again and again whether things have started, until all are settled or the time is over.</summary>
internal static class StartWatch
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100), LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>Reads at once, and then after pauses of 100 ms, doubling up to 1 s, as long as something is not settled. Gives what was read last.</summary>
    internal static async Task<T> WaitAsync<T>(Func<Task<T>> read, Func<T, bool> isSettled, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        for (TimeSpan pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            T seen = await read();
            if (isSettled(seen) || time.GetElapsedTime(started) >= timeout) return seen;
            await Task.Delay(pause, time, cancellationToken);
        }
    }
}
