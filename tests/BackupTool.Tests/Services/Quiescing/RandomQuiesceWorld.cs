using BackupTool.Services.Quiescing;

namespace BackupTool.Tests.Services.Quiescing;

/// <summary>A machine made from a number: services, what systemd knows of them, and what will go wrong. Keeps watch over the order in which things stop and start.</summary>
internal sealed class RandomQuiesceWorld : IDisposable
{
    private readonly Random _random;
    private readonly Dictionary<string, bool> _wasActive;

    internal RandomQuiesceWorld(int seed)
    {
        _random = new Random(seed);
        for (int i = 0, services = 1 + _random.Next(5); i < services; i++) AddService(i);
        for (int i = 0, others = _random.Next(4); i < others; i++) AddOther(i);
        foreach (SimulatedUnit unit in World.Systemd.Units.Values.Where(unit => unit.Requires.Any(name => !World[name].IsActive))) unit.Active = "inactive";
        foreach (SimulatedUnit unit in World.Systemd.Units.Values.Where(unit => unit.Triggers.Concat(unit.Upholds).Any(name => !World[name].IsActive))) unit.Active = "inactive";
        foreach (QuiesceTarget target in World.Targets.ToArray())
            World.Change(target.Name, t => t with { WasHealthy = World[t.Unit!].IsActive && (!World[t.Unit!].NeverHealthy || Odds(2)), StartsInAnyCase = t.Mode == QuiesceMode.Stop && Odds(3) });
        _wasActive = World.Systemd.Units.Values.ToDictionary(unit => unit.Name, unit => unit.IsActive);
        foreach (SimulatedUnit unit in World.Systemd.Units.Values) (unit.IsAtStartLimit, unit.FailingStarts) = (unit.Active == "failed" && Odds(2), Odds(12) ? 1 + _random.Next(2) : 0);
        foreach (QuiesceTarget target in World.Targets.Where(static target => target.StartsInAnyCase)) Demand(target.Unit!);
    }

    private readonly HashSet<string> _demanded = [], _pulledUp = [];   // to be up in any case; what systemd starts with these

    private void Demand(string unit)
    {
        _demanded.Add(unit);
        var open = new Queue<string>(World[unit].Requires);
        while (open.TryDequeue(out string? required))
            if (_pulledUp.Add(required)) World[required].Requires.ForEach(open.Enqueue);
    }

    // A window that was not entered has changed nothing: what was down then stays so, or is started by the recovery from a kill.
    private bool MustBeUp(string unit) => _wasActive[unit] || (_demanded.Contains(unit) && IsEntered);

    internal bool IsEntered { get; set; }

    internal QuiesceWorld World { get; } = new();

    internal List<string> Violations { get; } = [];

    public void Dispose() => World.Dispose();

    internal bool Odds(int oneIn) => _random.Next(oneIn) == 0;

    internal int Next(int max) => _random.Next(max);

    private void AddService(int i)
    {
        string[] lower = [.. Enumerable.Range(0, i).Where(_ => Odds(2)).Select(static j => $"s{j}")];
        var unit = new SimulatedUnit($"u{i}.service")
        {
            Requires = [.. Enumerable.Range(0, i).Where(_ => Odds(5)).Select(static j => $"u{j}.service")],
            After = [.. Enumerable.Range(0, 6).Where(j => j != i && Odds(6)).Select(static j => $"u{j}.service")],
            StartTakes = TimeSpan.FromMilliseconds(Next(500)),
            StopTakes = TimeSpan.FromMilliseconds(Odds(10) ? 500_000 : Next(500)),
            HealthyAfter = TimeSpan.FromMilliseconds(Next(4000)),
            FreezeFails = Odds(25),
            NeverHealthy = Odds(12),
            Active = Odds(6) ? Odds(2) ? "inactive" : "failed" : "active",
        };
        QuiesceMode mode = Odds(4) ? QuiesceMode.Online : Odds(3) ? QuiesceMode.Freeze : QuiesceMode.Stop;
        World.Add($"s{i}", unit, mode, lower);
        if (Odds(8)) World.Add($"t{i}", unit, QuiesceMode.Online, lower);
    }

    private void AddOther(int i)
    {
        string unit = $"u{Next(World.Systemd.Units.Keys.Count(static name => name[0] == 'u'))}.service";
        SimulatedUnit other = Next(3) switch
        {
            0 => new SimulatedUnit($"trigger{i}.{(Odds(2) ? "socket" : "timer")}") { Triggers = [unit], IsPulled = Odds(2) },
            1 => new SimulatedUnit($"dependent{i}.service") { Requires = [unit], Active = Odds(4) ? "inactive" : "active" },
            _ => new SimulatedUnit($"guard{i}.service") { Upholds = [unit] },
        };
        World.Systemd.Add(other);
        if (other.Name[0] == 't' && Odds(3)) World[unit].Requires.Add(other.Name);
    }

    /// <summary>Must be looked at whenever something may have begun: who starts has everything that he needs.</summary>
    internal void Watch()
    {
        for (int i = _seen; i < World.Systemd.Log.Count; i++) Look(World.Systemd.Log[i]);
        _seen = World.Systemd.Log.Count;
    }

    private int _seen;
    private readonly HashSet<string> _healthy = [], _down = [];

    private void Look(string line)
    {
        string unit = line.Split(' ')[^1];
        if (line.StartsWith("stopped ", StringComparison.Ordinal))
        {
            _down.Add(unit);
            _healthy.Remove(unit);
        }
        else if (line.StartsWith("healthy ", StringComparison.Ordinal))
        {
            _healthy.Add(unit);
        }
        else if (line.StartsWith("stopping ", StringComparison.Ordinal))
        {
            foreach (QuiesceTarget dependent in Dependents(unit).Where(d => d.Mode == QuiesceMode.Stop && _wasActive[d.Unit!] && !_down.Contains(d.Unit!)))
                Violations.Add($"{unit} is stopped before {dependent.Unit}, which needs it");
        }
        else if (line.StartsWith("starting ", StringComparison.Ordinal) || line.Contains(" brings back "))
        {
            // What is pulled up with a service that was broken was down by somebody's will, and is in nobody's plan.
            if (!MustBeUp(unit)) return;
            foreach (QuiesceTarget needed in Needs(unit).Where(n => (n.WasHealthy || (n.StartsInAnyCase && IsEntered)) && (_down.Contains(n.Unit!) || !_wasActive[n.Unit!]) && !_healthy.Contains(n.Unit!)))
                Violations.Add($"{line}, though {needed.Unit} is not healthy");
        }
    }

    private IEnumerable<QuiesceTarget> Dependents(string unit) =>
        World.Targets.Where(target => target.Unit != unit && target.After.Any(name => World.Targets.Any(t => t.Name == name && t.Unit == unit)));

    private IEnumerable<QuiesceTarget> Needs(string unit) =>
        World.Targets.Where(target => target.Unit == unit).SelectMany(target => World.Targets.Where(t => target.After.Contains(t.Name) && t.Unit != unit));

    /// <summary>What was active is active, has failed by itself, or is owed for a reason; the rest is as it was, and nothing is frozen.</summary>
    internal void CheckTheEnd(bool isFirstStartEnough)
    {
        Watch();
        using var story = new FluentAssertions.Execution.AssertionScope(Story());
        Violations.Should().BeEmpty();
        string journal = World.Journal.IsOwed ? World.JournalText : "";
        RestartRecord? record = journal.Length == 0 ? null : RestartRecord.Parse(System.Text.Encoding.UTF8.GetBytes(journal), out _);
        foreach (SimulatedUnit unit in World.Systemd.Units.Values)
        {
            unit.IsFrozen.Should().BeFalse($"{unit.Name} was not frozen before");
            bool isOwed = record?.Units.Any(owed => owed.Unit == unit.Name && owed.IsOwed) ?? false;
            // Given up, or killed, before anything was written down.
            if (!_wasActive[unit.Name] && !isOwed && World.Systemd.Log.Count == 0) unit.IsActive.Should().BeFalse($"nothing has been done");
            else if (!MustBeUp(unit.Name) && (_pulledUp.Contains(unit.Name) || _demanded.Contains(unit.Name))) continue;
            else if (!MustBeUp(unit.Name)) unit.IsActive.Should().BeFalse($"{unit.Name} was not active before");
            else if (isOwed) HasReasonToWait(unit, []).Should().BeTrue($"{unit.Name} is owed, so something that it needs must be unwell");
            else if (!unit.IsActive) HasFailed(unit, isFirstStartEnough).Should().BeTrue($"{unit.Name} was active or must be, and is {unit.Active} though nothing is wrong with it");
        }
    }

    private string Story() => string.Join("\n",
    [
        .. World.Targets.Select(target => $"{target.Name}: {target.Unit}, {target.Mode}, after {string.Join(' ', target.After)}, {(target.WasHealthy ? "healthy" : "unwell")} before{(target.StartsInAnyCase ? ", starts in any case" : "")}"),
        .. World.Systemd.Units.Values.Select(unit => $"{unit.Name}: {(_wasActive[unit.Name] ? "active" : "down")} before, now {unit.Active}; requires {string.Join(' ', unit.Requires)}; " +
            $"triggers {string.Join(' ', unit.Triggers)}; upholds {string.Join(' ', unit.Upholds)}; after {string.Join(' ', unit.After)}; {unit.FailingStarts} failing starts left, never healthy: {unit.NeverHealthy}"),
        .. World.Systemd.Log, .. World.Told.Select(static line => $"told: {line}"),
    ]);

    private static bool HasFailed(SimulatedUnit unit, bool isFirstStartEnough) => unit.Active == "failed" && (unit.Result == "exit-code" || !isFirstStartEnough);

    // With two sockets, one of which clients never leave alone, a service runs again before the other can listen: systemd refuses that one for as long, and says so.
    private bool HasReasonToWait(SimulatedUnit unit, HashSet<string> seen)
    {
        if (!seen.Add(unit.Name)) return false;
        if (unit.IsActive && World.Systemd.Units.Values.Any(trigger => trigger.Triggers.Contains(unit.Name) && _wasActive[trigger.Name] && !trigger.IsActive)
            && World.Systemd.Units.Values.Any(trigger => trigger.Triggers.Contains(unit.Name) && trigger.IsPulled && trigger.IsActive)) return true;
        IEnumerable<SimulatedUnit> needs = Needs(unit.Name).Select(target => World[target.Unit!]).Concat(unit.Requires.Concat(unit.Triggers).Concat(unit.Upholds).Select(name => World[name]));
        return needs.Any(needed => !needed.IsActive || needed.NeverHealthy || HasReasonToWait(needed, seen));
    }
}
