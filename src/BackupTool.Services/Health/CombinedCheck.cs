namespace BackupTool.Services.Health;

/// <summary>Asks one after the other, and stops at the first that is not healthy: the unit first, then the probe.</summary>
public sealed class CombinedCheck(params IReadOnlyList<IHealthCheck> checks) : IHealthCheck
{
    /// <summary>The first answer that is not healthy, or all of them in one.</summary>
    public async Task<HealthAnswer> AskAsync(CancellationToken cancellationToken)
    {
        var reasons = new List<string>();
        foreach (IHealthCheck check in checks)
        {
            HealthAnswer answer = await check.AskAsync(cancellationToken);
            if (!answer.IsHealthy) return answer;
            reasons.Add(answer.Reason);
        }
        return new HealthAnswer(true, false, string.Join("; ", reasons));
    }
}
