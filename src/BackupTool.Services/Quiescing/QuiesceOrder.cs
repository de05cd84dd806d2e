using BackupTool.Services.Systemd;
using Touched = BackupTool.Services.Quiescing.QuiesceDecision.Touched;

namespace BackupTool.Services.Quiescing;

/// <summary>
/// In which order units stop and start. What the configuration says comes first, then what systemd requires, then what it merely orders; what would contradict
/// something weightier is left out, so nothing ever waits for itself.
/// </summary>
internal sealed class QuiesceOrder
{
    private readonly IReadOnlyList<QuiesceTarget> _targets;
    private readonly Dictionary<string, QuiesceTarget> _byName;
    private readonly IReadOnlyDictionary<string, Touched> _touched;
    private readonly IReadOnlyDictionary<string, UnitState> _states;
    private readonly Dictionary<string, string> _unitOf = new(StringComparer.Ordinal);   // of services whose unit is touched
    private readonly Dictionary<string, string> _tied = new(StringComparer.Ordinal);     // trigger → its service: they stop in one go
    private readonly UnitGraph _stops = new(), _starts = new();
    private readonly Dictionary<string, List<string>> _requires = new(StringComparer.Ordinal), _orderedAfter = new(StringComparer.Ordinal), _gates = new(StringComparer.Ordinal);

    internal QuiesceOrder(
        IReadOnlyList<QuiesceTarget> targets, IReadOnlyList<PlannedService> services, IReadOnlyDictionary<string, Touched> touched, IReadOnlyDictionary<string, UnitState> states)
    {
        (_targets, _touched, _states) = (targets, touched, states);
        _byName = targets.ToDictionary(static target => target.Name, StringComparer.Ordinal);
        foreach (PlannedService service in services)
            if (service.Unit is not null && touched.ContainsKey(service.Unit)) _unitOf[service.Target.Name] = service.Unit;
        foreach (Touched unit in touched.Values)
            (_requires[unit.Unit], _orderedAfter[unit.Unit], _gates[unit.Unit]) = ([], [], []);
    }

    /// <summary>The units in the order of starting.</summary>
    internal List<PlannedUnit> Arrange(List<QuiesceProblem> problems)
    {
        FindTied();
        foreach (Touched unit in _touched.Values)
        {
            _stops.Add(Stop(unit.Unit));
            _starts.Add(unit.Unit);
        }
        OrderAsConfigured(problems);
        OrderRequirements();
        OrderTriggers();
        OrderAsSystemd();
        StopTriggersFirst();
        Dictionary<string, int> levels = Levels();
        return [.. _starts.InOrder().Where(_touched.ContainsKey).Select(unit => Plan(_touched[unit], levels))];
    }

    // systemd refuses to start a socket while its service runs. Stopped before its service, it could not be had back if this were cancelled or killed in between; so
    // both stop in one go, in which systemd starts nothing for the socket any more. So do a trigger and the service that cannot be without it.
    private void FindTied()
    {
        foreach (Touched trigger in Stopped(UnitRole.Trigger))
        {
            if (Triggered(trigger).FirstOrDefault(unit => IsSocket(trigger) || IsIn(trigger.State.StopsWithIt, unit.Unit)) is { } service) _tied[trigger.Unit] = service.Unit;
        }
    }

    private void OrderAsConfigured(List<QuiesceProblem> problems)
    {
        foreach (QuiesceTarget target in _targets)
        {
            foreach (string name in target.After.Where(_byName.ContainsKey))
            {
                string unit = Node(target.Name), needed = Node(name);
                if (unit == needed && name != target.Name) continue;   // two services in one unit
                bool isPossible = _stops.TryOrder(Stop(unit), Stop(needed)) & _starts.TryOrder(needed, unit);
                if (_gates.TryGetValue(unit, out List<string>? gates)) gates.Add(name);
                if (!isPossible) problems.Add(new QuiesceProblem(target.Name, $"'{target.Name}' is to come after '{name}', which comes after '{target.Name}'.", "Correct 'after' of one of them."));
            }
        }
    }

    private void OrderRequirements()
    {
        foreach (Touched unit in Stopped())
        {
            foreach (Touched dependent in Dependents(unit.State)) Require(dependent.Unit, unit.Unit);
            foreach (string name in unit.State.UpheldBy)
                if (Find(name) is { } upholder) Require(upholder.Unit, unit.Unit);
        }
    }

    /// <summary>Who requires a unit, by way of units that are not ours too: to start it is to start all that it requires.</summary>
    private List<Touched> Dependents(UnitState unit)
    {
        var dependents = new List<Touched>();
        var seen = new HashSet<string>([unit.Name], StringComparer.Ordinal);
        var open = new Queue<string>(unit.StopsWithIt);
        while (open.TryDequeue(out string? name))
        {
            if (!seen.Add(name)) continue;
            if (Find(name) is { } touched) dependents.Add(touched);
            else if (_states.TryGetValue(name, out UnitState? between))
                foreach (string next in between.StopsWithIt) open.Enqueue(next);
        }
        return dependents;
    }

    private void Require(string dependent, string unit)
    {
        _stops.TryOrder(Stop(dependent), Stop(unit));
        if (_starts.TryOrder(unit, dependent)) _requires[dependent].Add(unit);
    }

    private void OrderTriggers()
    {
        foreach (Touched trigger in Stopped(UnitRole.Trigger))
        {
            foreach (string service in GatesOf(trigger))
                if (_starts.TryOrder(Node(service), trigger.Unit)) _gates[trigger.Unit].Add(service);
            foreach (Touched unit in Triggered(trigger))
            {
                _stops.TryOrder(Stop(trigger.Unit), Stop(unit.Unit));
                // Its triggers wait for the same, and sockets of one service must be started together: the first that is asked starts it.
                foreach (string required in _requires[unit.Unit].Where(required => !IsIn(unit.State.TriggeredBy, required)).ToArray()) Require(trigger.Unit, required);
                OrderStart(trigger.Unit, unit.Unit);
                // A timer or path may start the service at once, and beside that no socket of it could be started.
                if (IsSocket(trigger)) continue;
                foreach (Touched socket in Stopped(UnitRole.Trigger).Where(other => IsSocket(other) && IsIn(unit.State.TriggeredBy, other.Unit))) OrderStart(socket.Unit, trigger.Unit);
            }
        }
    }

    private void OrderStart(string first, string second)
    {
        if (_starts.TryOrder(first, second)) _orderedAfter[second].Add(first);
    }

    private void OrderAsSystemd()
    {
        foreach (Touched unit in _touched.Values)
        {
            foreach (string name in unit.State.After)
            {
                if (Find(name) is not { } before) continue;
                _stops.TryOrder(Stop(unit.Unit), Stop(before.Unit));
                OrderStart(before.Unit, unit.Unit);
            }
        }
    }

    private void StopTriggersFirst()
    {
        foreach (Touched trigger in Stopped(UnitRole.Trigger).Where(trigger => !_tied.ContainsKey(trigger.Unit)))
            foreach (Touched unit in _touched.Values)
                if (unit.Role != UnitRole.Trigger) _stops.TryOrder(Stop(trigger.Unit), Stop(unit.Unit));
    }

    /// <summary>As late as possible: what nothing waits for has no reason to be down early.</summary>
    private Dictionary<string, int> Levels()
    {
        Dictionary<string, int> stepsToEnd = _stops.StepsToEnd();
        int[] used = [.. Stopped().Select(unit => stepsToEnd[Stop(unit.Unit)]).Distinct().OrderDescending()];
        return Stopped().ToDictionary(static unit => unit.Unit, unit => Array.IndexOf(used, stepsToEnd[Stop(unit.Unit)]), StringComparer.Ordinal);
    }

    private PlannedUnit Plan(Touched unit, Dictionary<string, int> levels)
    {
        string[] services = [.. _unitOf.Where(pair => pair.Value == unit.Unit).Select(static pair => pair.Key)];
        IEnumerable<string> patient = services.Length > 0 ? services : [unit.Service];
        return new PlannedUnit
        {
            Unit = unit.Unit,
            Role = services.Length > 0 ? UnitRole.Service : unit.Role,
            Mode = unit.Mode,
            Services = services,
            StopLevel = levels.GetValueOrDefault(unit.Unit),
            StopPatience = patient.Max(name => _byName[name].StopPatience),
            WaitsForServices = [.. _gates[unit.Unit].Distinct()],
            RequiresUnits = [.. _requires[unit.Unit].Distinct()],
            OrderedAfterUnits = [.. _orderedAfter[unit.Unit].Distinct()],
            Reason = unit.Reason,
        };
    }

    /// <summary>What the services that a trigger would start wait for. A socket that is asked starts its service at once.</summary>
    private IEnumerable<string> GatesOf(Touched trigger) =>
        _targets.Where(target => target.Unit is not null && IsIn(_states[target.Unit].TriggeredBy, trigger.Unit)).SelectMany(static target => target.After)
            .Distinct().Where(name => _byName.ContainsKey(name) && !IsTriggered(trigger, name));

    private bool IsTriggered(Touched trigger, string service) =>
        Node(service) == trigger.Unit || (_byName[service].Unit is { } unit && IsIn(_states[unit].TriggeredBy, trigger.Unit));

    private IEnumerable<Touched> Triggered(Touched trigger) => Stopped().Where(unit => IsIn(unit.State.TriggeredBy, trigger.Unit));

    private IEnumerable<Touched> Stopped(UnitRole? role = null) => _touched.Values.Where(unit => unit.Mode == QuiesceMode.Stop && (role is null || unit.Role == role));

    private static bool IsSocket(Touched unit) => unit.Unit.EndsWith(".socket", StringComparison.Ordinal);

    private Touched? Find(string name) => _states.TryGetValue(name, out UnitState? state) ? _touched.GetValueOrDefault(state.Name) : _touched.GetValueOrDefault(name);

    private bool IsIn(IReadOnlyList<string> names, string unit) => names.Any(name => (_states.TryGetValue(name, out UnitState? state) ? state.Name : name) == unit);

    // A slash is in no unit's name.
    private string Node(string service) => _unitOf.TryGetValue(service, out string? unit) ? unit : $"service/{service}";

    private string Stop(string node) => _tied.GetValueOrDefault(node, node);
}
