using System.Globalization;
using BackupTool.Services.Systemd;

namespace BackupTool.Services.Health;

/// <summary>Asks systemd for a unit's state: the least that health takes.</summary>
public sealed class UnitCheck(string unit, IServiceManager manager) : IHealthCheck
{
    /// <inheritdoc/>
    public async Task<HealthAnswer> AskAsync(CancellationToken cancellationToken)
    {
        try
        {
            IReadOnlyList<UnitState> states = await manager.DescribeAsync([unit], cancellationToken);
            return Judge(states[0]);
        }
        catch (ServiceManagerException e)
        {
            return new HealthAnswer(false, false, $"the state of {unit} is not known: {e.Message}");
        }
    }

    /// <summary>What a state says of the health of what runs in it. Pure.</summary>
    public static HealthAnswer Judge(UnitState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.LoadState == "not-found") return Unwell($"{state.Name} does not exist", isFinal: true);
        if (!state.IsLoaded) return Unwell($"{state.Name} cannot be run: systemd says {state.LoadState}", isFinal: true);
        // Between a crash and the next start, whatever the active state: such a service runs now and again, and is not well.
        if (state.SubState.Contains("auto-restart", StringComparison.Ordinal))
            return Unwell(string.Create(CultureInfo.InvariantCulture, $"{state.Name} keeps ending ({state.Result}), and systemd restarts it: {state.Restarts} times so far"));
        if (state.FreezerState is "frozen" or "freezing") return Unwell($"{state.Name} is {state.FreezerState}");
        return state.ActiveState switch
        {
            "active" or "reloading" or "refreshing" => new HealthAnswer(true, false, $"{state.Name} is {state.ActiveState}"),
            "failed" => Unwell($"{state.Name} has failed ({state.Result})", isFinal: true),
            _ => Unwell($"{state.Name} is {state.ActiveState} ({state.SubState})"),
        };
    }

    private static HealthAnswer Unwell(string reason, bool isFinal = false) => new(false, isFinal, reason);
}
