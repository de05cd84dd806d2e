using BackupTool.Services.Systemd;

namespace BackupTool.Services.Quiescing;

/// <summary>Finds what must be touched, and why it may not be. <see cref="QuiesceOrder"/> finds the order.</summary>
internal sealed class QuiesceDecision(IReadOnlyList<QuiesceTarget> targets, IReadOnlyDictionary<string, UnitState> states, IReadOnlySet<string> ownUnits)
{
    private static readonly TimeSpan ShortestWatchdog = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, Touched> _touched = new(StringComparer.Ordinal);
    private readonly List<QuiesceProblem> _problems = [];
    private readonly Queue<string> _stopped = new();

    /// <summary>A unit that is stopped or frozen.</summary>
    internal sealed record Touched(UnitState State, UnitRole Role, QuiesceMode Mode, string Service, string Reason)
    {
        internal string Unit => State.Name;
    }

    internal QuiescePlan Decide()
    {
        foreach (QuiesceTarget target in targets) Consider(target);
        while (_stopped.TryDequeue(out string? unit)) FollowStop(_touched[unit]);
        foreach (Touched unit in _touched.Values) CheckTouched(unit);
        PlannedService[] services = [.. targets.Select(Plan)];
        var order = new QuiesceOrder(targets, services, _touched, states);
        return new QuiescePlan(targets, services, order.Arrange(_problems), _problems);
    }

    private UnitState? StateOf(QuiesceTarget target) => target.Unit is null ? null : states[target.Unit];

    private void Consider(QuiesceTarget target)
    {
        if (target.Mode == QuiesceMode.Online) return;
        if (StateOf(target) is not { } state)
        {
            Refuse(target.Name, $"'{target.Name}' is to be {Participle(target.Mode)}, but it has no unit.", "Give it 'unit', or 'quiesce = \"online\"'.");
        }
        else if (!state.IsLoaded)
        {
            Refuse(target.Name, $"{target.Unit} of '{target.Name}' is {state.LoadState} to systemd.",
                state.LoadState == "masked" ? $"Unmask it ('systemctl unmask {target.Unit}'){OrElse(target.Name, "set 'quiesce = \"online\"'")}." : "Correct 'unit'; 'systemctl list-units --all' shows all.");
        }
        else if (!state.IsActive)
        {
            if (target.Mode != QuiesceMode.Stop) return;
            if (target.StartsInAnyCase) Touch(new Touched(state, UnitRole.Service, QuiesceMode.Stop, target.Name, $"it is {state.ActiveState}, and is to run afterwards in any case"));
            else KeepDown(target.Name, state);
        }
        else if (state.FreezerState is "frozen" or "freezing")
        {
            if (target.Mode == QuiesceMode.Stop) Refuse(target.Name, $"{state.Name} of '{target.Name}' is frozen, and cannot be stopped.", $"Thaw it ('systemctl thaw {state.Name}').");
        }
        else if (target.Mode == QuiesceMode.Freeze && !state.CanFreeze)
        {
            Refuse(target.Name, $"{state.Name} of '{target.Name}' cannot be frozen.", "Set 'quiesce = \"stop\"'; freezing needs a service and cgroup v2.");
        }
        else if (target.Mode == QuiesceMode.Freeze && state.Watchdog is { } watchdog && watchdog < ShortestWatchdog)
        {
            // systemd's watchdog goes on while the unit is frozen, and would kill it in the window.
            Refuse(target.Name, $"{state.Name} of '{target.Name}' has WatchdogSec={PlanSentences.Seconds(watchdog)}: it could be killed while it is frozen.", "Set 'quiesce = \"stop\"', or a longer WatchdogSec=.");
        }
        else
        {
            Touch(new Touched(state, UnitRole.Service, target.Mode, target.Name, $"quiesce = {target.Mode.ToString().ToLowerInvariant()}"));
        }
    }

    // A stop takes precedence: what is stopped for one reason cannot be frozen for another.
    private void Touch(Touched unit)
    {
        if (_touched.TryGetValue(unit.Unit, out Touched? known) && known.Mode <= unit.Mode) return;
        _touched[unit.Unit] = known is null ? unit : unit with { Role = known.Role, Service = known.Service };
        if (unit.Mode == QuiesceMode.Stop) _stopped.Enqueue(unit.Unit);
    }

    private void FollowStop(Touched stopped)
    {
        foreach (string name in stopped.State.StopsWithIt)
            if (Active(name) is { } dependent)
                Touch(new Touched(dependent, UnitRole.Dependent, QuiesceMode.Stop, stopped.Service, $"it stops with {stopped.Unit}, and systemd would not start it again"));
        KeepDown(stopped.Service, stopped.State);
    }

    /// <summary>Stops what would start a unit again.</summary>
    private void KeepDown(string service, UnitState state)
    {
        foreach (string name in state.TriggeredBy)
            if (Active(name) is { } trigger) Touch(new Touched(trigger, UnitRole.Trigger, QuiesceMode.Stop, service, $"it would start {state.Name} again"));
        foreach (string name in state.UpheldBy)
        {
            if (Active(name) is not { } upholder) continue;
            if (upholder.Name.EndsWith(".service", StringComparison.Ordinal))
            {
                Touch(new Touched(upholder, UnitRole.Upholder, QuiesceMode.Stop, service, $"it upholds {state.Name}: systemd would start that again at once"));
                continue;
            }
            // To start a target again is to start everything that it wants, what the operator has stopped included.
            Refuse(service, $"{upholder.Name} upholds {state.Name} of '{service}': systemd would start that again in the window.",
                $"Set 'quiesce = \"freeze\"' for '{service}', or take 'Upholds={state.Name}' out of {upholder.Name}.");
        }
    }

    private UnitState? Active(string unit) => states.TryGetValue(unit, out UnitState? state) && state.IsActive ? state : null;

    private void CheckTouched(Touched unit)
    {
        string of = unit.Role == UnitRole.Service ? $"{unit.Unit} of '{unit.Service}'" : $"{unit.Unit}, which must be stopped with '{unit.Service}',";
        if (ownUnits.Contains(unit.Unit))
        {
            Refuse(unit.Service, $"{of} is what this program runs in itself.", $"Run it in another unit{OrElse(unit.Service, $"set 'quiesce = \"online\"' for '{unit.Service}'")}.");
        }
        else if (unit.Mode == QuiesceMode.Stop && ReasonAgainstStop(unit.State) is { } reason)
        {
            Refuse(unit.Service, $"{of} {reason}.", $"Correct that{OrElse(unit.Service, $"set 'quiesce = \"freeze\"' or '\"online\"' for '{unit.Service}'")}.");
        }
    }

    private static string? ReasonAgainstStop(UnitState state) => state switch
    {
        { IsLoaded: false } => $"could not be started again: it is {state.LoadState} to systemd",
        _ when state.Name.EndsWith(".scope", StringComparison.Ordinal) => "could not be started again: it is a scope",
        { IsTransient: true } => "could not be started again: it is transient (systemd-run), and gone when it has stopped",
        { RefusesStart: true } => "could not be started again by hand (RefuseManualStart=)",
        { RefusesStop: true, IsActive: true } => "cannot be stopped by hand (RefuseManualStop=)",
        _ => null,
    };

    /// <summary>A way out for who backs up: what replaces a service's state has to stop it, however it is quiesced.</summary>
    private string OrElse(string service, string wayOut) => targets.Any(target => target.Name == service && target.StartsInAnyCase) ? "" : $", or {wayOut}";

    private PlannedService Plan(QuiesceTarget target)
    {
        UnitState? state = StateOf(target);
        Touched? touched = state is null ? null : _touched.GetValueOrDefault(state.Name);
        var notes = new List<string>();
        if (touched is not null && touched.Mode != target.Mode)
            notes.Add($"{touched.Unit} is {Participle(touched.Mode)} though '{target.Name}' asks for {target.Mode.ToString().ToLowerInvariant()}: {touched.Reason}");
        if (touched is not null) return new PlannedService(target, touched.Unit, touched.Mode, !touched.State.IsActive ? CopyKind.Inactive : touched.Mode == QuiesceMode.Stop ? CopyKind.Clean : CopyKind.Frozen, notes);
        bool isFrozen = state is { IsActive: true, FreezerState: "frozen" };
        if (isFrozen) notes.Add($"{state!.Name} is frozen already, and stays so");
        bool isDown = state is { IsActive: false };
        if (state is { ActiveState: "failed" }) notes.Add($"{state.Name} has failed before ({state.Result}): it is cut as it is, and not started");
        else if (state is { ActiveState: "deactivating" }) notes.Add($"{state.Name} is being stopped by somebody just now");
        return new PlannedService(target, state?.Name, QuiesceMode.Online, isDown ? CopyKind.Inactive : isFrozen ? CopyKind.Frozen : CopyKind.Online, notes);
    }

    private void Refuse(string service, string message, string hint) => _problems.Add(new QuiesceProblem(service, message, hint));

    private static string Participle(QuiesceMode mode) => mode == QuiesceMode.Stop ? "stopped" : "frozen";
}
