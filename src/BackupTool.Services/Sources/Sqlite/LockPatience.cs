using BackupTool.Posix;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>Waits in small steps for a lock that another process holds, until a deadline.</summary>
internal sealed class LockPatience(BytePath path, TimeSpan timeout, TimeProvider clock, CancellationToken cancellationToken)
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);
    private readonly long _start = clock.GetTimestamp();

    /// <summary>Waits a moment; throws the explained error once the deadline has passed.</summary>
    internal void Wait()
    {
        if (clock.GetElapsedTime(_start) >= timeout) throw SqliteFailure.ExplainLocked(path, timeout);
        Task.Delay(Step, clock, cancellationToken).GetAwaiter().GetResult();
    }
}
