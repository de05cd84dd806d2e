using BackupTool.Operations.Status;

namespace BackupTool.Cli.Agent;

/// <summary>
/// How the backups are, for those who ask the agent. Reading the repository takes its time, so one reading serves all who ask within a while; who asks waits for the first one, but not for ever: a repository that does not
/// answer must not silence the agent. Thread-safe.
/// </summary>
/// <param name="read">Looks.</param>
/// <param name="time">The clock.</param>
internal sealed class BackupStatus(Func<CancellationToken, Task<StatusReport>> read, TimeProvider time)
{
    internal static readonly TimeSpan Freshness = TimeSpan.FromSeconds(15), Patience = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private Task<StatusReport>? _reading;
    private StatusReport? _latest;
    private long _readAt;

    /// <summary>The latest; null when it does not come in time and there is no earlier one.</summary>
    internal async Task<StatusReport?> AskAsync(CancellationToken cancellationToken)
    {
        Task<StatusReport> reading;
        lock (_lock)
        {
            if (_latest is not null && time.GetElapsedTime(_readAt) < Freshness) return _latest;
            reading = _reading ??= Task.Run(ReadAsync, CancellationToken.None);
        }
        try
        {
            return await reading.WaitAsync(Patience, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    /// <summary>What was read is no longer so: the next who asks has it read again.</summary>
    internal void Forget()
    {
        lock (_lock) _latest = null;
    }

    /// <summary>What is not well with the backups; empty when all is.</summary>
    internal static IEnumerable<string> ProblemsOf(StatusReport? status)
    {
        if (status is null)
        {
            yield return $"the repository does not answer within {Patience.TotalSeconds:0} s: how the backups are is not known";
            yield break;
        }
        if (status.Failure is { } failure) yield return $"the repository cannot be read: {failure.Message}";
        foreach (BackupTool.Repositories.RepositoryDamagedException damage in status.Damaged) yield return damage.Message;
        foreach (ServiceStatus service in status.Services)
        {
            if (service.State == BackupState.Stale) yield return $"{service.Name} is stale: its last good snapshot is of {DueRuns.Shown(service.LastGood!.Time)}";
            if (service.State == BackupState.Never) yield return $"{service.Name} has no good snapshot";
        }
    }

    private async Task<StatusReport> ReadAsync()
    {
        try
        {
            StatusReport status = await read(CancellationToken.None);
            lock (_lock) (_latest, _readAt) = (status, time.GetTimestamp());
            return status;
        }
        finally
        {
            lock (_lock) _reading = null;
        }
    }
}
