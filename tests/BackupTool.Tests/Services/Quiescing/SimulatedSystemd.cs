using BackupTool.Services.Health;
using BackupTool.Services.Systemd;

namespace BackupTool.Tests.Services.Quiescing;

/// <summary>
/// systemd as far as stopping and starting goes: what requires a unit stops with it and is not started with it, triggers and upholders start theirs again, a stop job goes
/// on when the client is gone, and a start takes it back. What real systemd does is in the end-to-end tests; here time is virtual and the client can be killed at any call.
/// </summary>
internal sealed class SimulatedSystemd(VirtualTime time)
{
    private readonly HashSet<string> _pendingStops = [];

    internal Dictionary<string, SimulatedUnit> Units { get; } = [];
    internal List<string> Log { get; } = [];
    internal Func<string, bool> ArePinsHeld { get; set; } = static _ => false;

    internal SimulatedUnit this[string name] => Units[name];

    internal SimulatedUnit Add(SimulatedUnit unit) => Units[unit.Name] = unit;

    internal UnitState Describe(string name)
    {
        if (!Units.TryGetValue(name, out SimulatedUnit? unit)) return new UnitState { Name = name, LoadState = "not-found", ActiveState = "inactive" };
        return new UnitState
        {
            Name = name,
            LoadState = unit.LoadState,
            ActiveState = unit.Active,
            Result = unit.Result,
            InvocationId = unit.Invocation == 0 ? "" : $"{name}#{unit.Invocation}",
            FreezerState = unit.IsFrozen ? "frozen" : "running",
            CanFreeze = unit.CanFreeze,
            RefusesStart = unit.RefusesStart,
            RefusesStop = unit.RefusesStop,
            IsTransient = unit.IsTransient,
            TriggeredBy = Names(other => other.Triggers.Contains(name)),
            StopsWithIt = Names(other => other.Requires.Contains(name)),
            UpheldBy = Names(other => other.Upholds.Contains(name)),
            After = unit.After,
            PullsIn = [.. unit.Requires, .. unit.Wants],
        };
    }

    private string[] Names(Func<SimulatedUnit, bool> which) => [.. Units.Values.Where(which).Select(static unit => unit.Name)];

    /// <summary>One transaction: dependents stop along, and nothing in it is started again by what is in it, too.</summary>
    internal async Task StopAsync(IReadOnlyList<string> names, TimeSpan patience)
    {
        List<string> transaction = Closure(names);
        _pendingStops.UnionWith(transaction);
        foreach (string name in Waves(transaction)) Log.Add($"stopping {name}");
        await Task.WhenAll(transaction.Select(name => StopOneAsync(Units[name], patience)));
        Settle();
    }

    private IEnumerable<string> Waves(List<string> names) => names.OrderByDescending(name => Units[name].Requires.Count);

    private List<string> Closure(IEnumerable<string> names)
    {
        var all = new List<string>();
        var open = new Queue<string>(names);
        while (open.TryDequeue(out string? name))
        {
            if (all.Contains(name) || !Units[name].IsActive) continue;
            all.Add(name);
            foreach (string dependent in Names(other => other.Requires.Contains(name))) open.Enqueue(dependent);
        }
        return all;
    }

    private async Task StopOneAsync(SimulatedUnit unit, TimeSpan patience)
    {
        int invocation = unit.Invocation;
        await Task.Delay(unit.StopTakes < patience ? unit.StopTakes : patience, time);
        if (!_pendingStops.Remove(unit.Name) || unit.Invocation != invocation || !unit.IsActive) return;   // a start took it back
        (unit.Result, unit.Active) = unit.StopTakes > patience ? ("timeout", "failed") : (unit.ResultOfStop, unit.ResultOfStop == "success" ? "inactive" : "failed");
        unit.IsFrozen = false;
        Log.Add($"stopped {unit.Name}");
    }

    internal async Task StartAsync(string name, bool isAlone = false)
    {
        SimulatedUnit unit = Units[name];
        _pendingStops.Remove(name);
        bool isMerged = unit.Active == "activating";   // into the job that runs: both end alike
        while (unit.Active == "activating") await Task.Delay(TimeSpan.FromMilliseconds(5), time);
        if (isMerged && !unit.IsActive) throw new ServiceManagerException($"{name} failed", "");
        if (unit.IsActive) return;
        while (unit.Triggers.Any(_pendingStops.Contains)) await Task.Delay(TimeSpan.FromMilliseconds(5), time);   // systemd stops first what is to stop
        foreach (string wanted in isAlone ? [] : unit.Wants) await StartAsync(wanted);
        foreach (string required in isAlone ? [] : unit.Requires)
        {
            await StartAsync(required);
            if (!Units[required].IsActive) throw new ServiceManagerException($"dependency {required} of {name} failed", "");
        }
        if (unit.IsActive) return;   // pulled up by another meanwhile
        if (unit.Triggers.Any(triggered => Units[triggered].IsActive) && name.EndsWith(".socket", StringComparison.Ordinal))
            throw new ServiceManagerException($"{name}: socket service already active, refusing", "");
        if (unit.IsAtStartLimit) throw new ServiceManagerException($"{name}: start request repeated too quickly", "");
        Log.Add($"starting {name}");
        unit.Invocation++;
        int invocation = unit.Invocation;
        unit.Active = "activating";
        await Task.Delay(unit.StartTakes, time);
        if (unit.Invocation != invocation) return;
        if (unit.FailingStarts > 0 || (unit.WantsItsDatabaseAlone && ArePinsHeld(name)))
        {
            unit.FailingStarts--;
            (unit.Active, unit.Result) = ("failed", "exit-code");
            throw new ServiceManagerException($"{name} failed", "");
        }
        (unit.Active, unit.Result, unit.StartedAt) = unit.DiesAfterStart ? ("failed", "exit-code", time.Now) : ("active", "success", time.Now);
        Settle();
    }

    internal Task ResetFailed(string name)
    {
        SimulatedUnit unit = Units[name];
        unit.IsAtStartLimit = false;
        if (unit.Active == "failed") (unit.Active, unit.Result) = ("inactive", "success");
        return Task.CompletedTask;
    }

    /// <summary>What triggers and upholders do whenever something has changed.</summary>
    internal void Settle()
    {
        bool changed;
        do
        {
            changed = false;
            foreach (SimulatedUnit unit in Units.Values.Where(unit => unit.IsActive && !_pendingStops.Contains(unit.Name)).ToArray())
                foreach (string name in unit.IsPulled ? unit.Upholds.Concat(unit.Triggers) : unit.Upholds)
                    changed |= ComeBack(Units[name], unit.Name);
        }
        while (changed);
    }

    private bool ComeBack(SimulatedUnit unit, string because)
    {
        if (unit.Active is not "inactive" || _pendingStops.Contains(unit.Name)) return false;
        foreach (string required in unit.Requires) ComeBack(Units[required], unit.Name);
        Log.Add($"{because} brings back {unit.Name}");
        unit.Invocation++;
        (unit.Active, unit.StartedAt) = ("active", time.Now);
        return true;
    }

    internal HealthAnswer Ask(string name)
    {
        SimulatedUnit unit = Units[name];
        if (unit.Active == "failed") return new HealthAnswer(false, true, $"{name} has failed");
        if (!unit.IsActive) return new HealthAnswer(false, false, $"{name} is not active");
        if (unit.IsFrozen || unit.NeverHealthy) return new HealthAnswer(false, false, "no answer");
        bool isUp = unit.StartedAt == TimeSpan.MinValue || time.Now >= unit.StartedAt + unit.HealthyAfter;
        if (isUp && unit.StartedAt != TimeSpan.MinValue && Log.LastOrDefault(line => line.EndsWith($" {name}", StringComparison.Ordinal)) != $"healthy {name}") Log.Add($"healthy {name}");
        return new HealthAnswer(isUp, false, isUp ? "200" : "connection refused");
    }

    /// <summary>Everything ends and what was enabled comes up; invocations begin anew.</summary>
    internal void Reboot(Func<SimulatedUnit, bool> isEnabled)
    {
        _pendingStops.Clear();
        foreach (SimulatedUnit unit in Units.Values) (unit.Active, unit.IsFrozen, unit.Result) = (isEnabled(unit) ? "active" : "inactive", false, "success");
    }
}
