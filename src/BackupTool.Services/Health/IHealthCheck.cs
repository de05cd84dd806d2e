namespace BackupTool.Services.Health;

/// <summary>Asks a service once.</summary>
public interface IHealthCheck
{
    /// <summary>Asks, and takes a few seconds at most. Whatever the answer, it does not throw for it.</summary>
    Task<HealthAnswer> AskAsync(CancellationToken cancellationToken);
}

/// <summary>What a service answered.</summary>
/// <param name="IsHealthy">Whether it is well.</param>
/// <param name="IsFinal">It is not, and waiting will not help: its unit has failed. False when it is healthy.</param>
/// <param name="Reason">For people, without secrets: <c>HTTP 401 from http://127.0.0.1:29316/…</c>, <c>connection refused at 127.0.0.1:8008</c>.</param>
public sealed record HealthAnswer(bool IsHealthy, bool IsFinal, string Reason);
