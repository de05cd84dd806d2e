using BackupTool.Services.Health;
using BackupTool.Services.Systemd;

namespace BackupTool.Tests.Services.Quiescing;

/// <summary>A process's way to <see cref="SimulatedSystemd"/>. It can be killed: then no call of it ever returns, while what systemd has been asked for goes on.</summary>
internal sealed class SimulatedClient(SimulatedSystemd systemd, VirtualTime time) : IServiceManager
{
    private int _calls;

    /// <summary>Killed before the call of this number takes effect; negative: after the effect of its absolute value. 0 for never.</summary>
    internal int KilledAt { get; init; }

    internal bool IsKilled { get; private set; }

    internal int Calls => _calls;

    /// <summary>Runs before each call that changes something.</summary>
    internal Action<string>? OnCall { get; set; }

    /// <summary>Runs after each call.</summary>
    internal Action? OnDone { get; set; }

    public Task<IReadOnlyList<UnitState>> DescribeAsync(IReadOnlyList<string> units, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<UnitState>>("describe", () => Task.FromResult<IReadOnlyList<UnitState>>([.. units.Select(systemd.Describe)]), cancellationToken);

    public Task StopAsync(IReadOnlyList<string> units, TimeSpan patience, CancellationToken cancellationToken) =>
        CallAsync($"stop {string.Join(' ', units)}", () => systemd.StopAsync(units, patience), cancellationToken);

    public Task StartAsync(string unit, CancellationToken cancellationToken) => CallAsync($"start {unit}", () => systemd.StartAsync(unit), cancellationToken);

    public Task StartAloneAsync(string unit, CancellationToken cancellationToken) => CallAsync($"start {unit}", () => systemd.StartAsync(unit, isAlone: true), cancellationToken);

    public Task ResetFailedAsync(string unit, CancellationToken cancellationToken) => CallAsync($"reset {unit}", () => systemd.ResetFailed(unit), cancellationToken);

    public Task<string?> FindProgramAsync(string unit, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task FreezeAsync(string unit, CancellationToken cancellationToken) => CallAsync($"freeze {unit}", () => Freeze(systemd[unit]), cancellationToken);

    private Task Freeze(SimulatedUnit unit)
    {
        if (!unit.IsActive || unit.FreezeFails) throw new ServiceManagerException($"{unit.Name} cannot be frozen", "");
        unit.IsFrozen = true;
        systemd.Log.Add($"frozen {unit.Name}");
        return Task.CompletedTask;
    }

    public Task ThawAsync(string unit, CancellationToken cancellationToken) => CallAsync($"thaw {unit}", () =>
    {
        if (systemd[unit].IsFrozen) systemd.Log.Add($"thawed {unit}");
        systemd[unit].IsFrozen = false;
        return Task.CompletedTask;
    }, cancellationToken);

    public Task SignalAsync(string unit, string signal, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyList<JournalLine>> ReadJournalAsync(string unit, JournalQuery query, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<JournalLine>>([new JournalLine(time.GetUtcNow(), 3, $"{unit} says why")]);

    internal IHealthCheck CheckOf(string? unit) => new Check(this, systemd, unit);

    private Task<bool> CallAsync(string name, Func<Task> act, CancellationToken cancellationToken) => CallAsync(name, async () => { await act(); return true; }, cancellationToken);

    private async Task<T> CallAsync<T>(string name, Func<Task<T>> act, CancellationToken cancellationToken)
    {
        int number = ++_calls;
        if (IsKilled || number == KilledAt) return await NeverAsync<T>();
        OnCall?.Invoke(name);
        cancellationToken.ThrowIfCancellationRequested();
        T result = await act().WaitAsync(cancellationToken);
        OnDone?.Invoke();
        return IsKilled || -number == KilledAt ? await NeverAsync<T>() : result;
    }

    private Task<T> NeverAsync<T>()
    {
        IsKilled = true;
        return new TaskCompletionSource<T>().Task;
    }

    private sealed class Check(SimulatedClient client, SimulatedSystemd systemd, string? unit) : IHealthCheck
    {
        public Task<HealthAnswer> AskAsync(CancellationToken cancellationToken) =>
            client.IsKilled ? client.NeverAsync<HealthAnswer>() : Task.FromResult(unit is null ? new HealthAnswer(true, false, "") : systemd.Ask(unit));
    }
}
