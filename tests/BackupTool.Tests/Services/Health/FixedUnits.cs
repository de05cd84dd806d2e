using BackupTool.Services.Systemd;

namespace BackupTool.Tests.Services.Health;

/// <summary>A systemd of fixed states, for tests of what is made of them. It cannot act.</summary>
internal sealed class FixedUnits(params IReadOnlyList<UnitState> states) : IServiceManager
{
    /// <summary>When set, systemd cannot be asked.</summary>
    public ServiceManagerException? Failure { get; init; }

    /// <summary>When set, only the journal cannot be read.</summary>
    public ServiceManagerException? JournalFailure { get; init; }

    /// <summary>Per unit.</summary>
    public Dictionary<string, IReadOnlyList<JournalLine>> Journals { get; init; } = [];

    public List<JournalQuery> Queries { get; } = [];

    public static UnitState Unit(string name, string active = "active", string sub = "running") =>
        new() { Name = name, LoadState = "loaded", ActiveState = active, SubState = sub, Result = "success" };

    public Task<IReadOnlyList<UnitState>> DescribeAsync(IReadOnlyList<string> units, CancellationToken cancellationToken) => Failure is not null ? throw Failure
        : Task.FromResult<IReadOnlyList<UnitState>>([.. units.Select(unit => states.FirstOrDefault(state => state.Name == unit) ?? new UnitState { Name = unit, LoadState = "not-found", ActiveState = "inactive" })]);

    public Task<IReadOnlyList<JournalLine>> ReadJournalAsync(string unit, JournalQuery query, CancellationToken cancellationToken)
    {
        lock (Queries) Queries.Add(query);
        if ((Failure ?? JournalFailure) is { } failure) throw failure;
        return Task.FromResult(Journals.GetValueOrDefault(unit, []));
    }

    public Task StopAsync(IReadOnlyList<string> units, TimeSpan patience, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task StartAsync(string unit, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task StartAloneAsync(string unit, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task ResetFailedAsync(string unit, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>Per unit.</summary>
    public Dictionary<string, string> Programs { get; } = [];

    public Task<string?> FindProgramAsync(string unit, CancellationToken cancellationToken) => Failure is not null ? throw Failure : Task.FromResult(Programs.GetValueOrDefault(unit));

    public Task FreezeAsync(string unit, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task ThawAsync(string unit, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task SignalAsync(string unit, string signal, CancellationToken cancellationToken) => throw new NotSupportedException();
}
