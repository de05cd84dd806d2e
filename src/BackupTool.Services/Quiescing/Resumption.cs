using System.Collections.Concurrent;
using BackupTool.Services.Health;
using BackupTool.Services.Systemd;

namespace BackupTool.Services.Quiescing;

/// <summary>
/// Brings back what the journal says is owed: thaws first, then starts each unit as soon as what it waits for is healthy, independent ones at once. Nothing that goes
/// wrong with one keeps another down. Used at the end of a window and by a recovery alike.
/// </summary>
internal sealed class Resumption(
    OwedRestarts owed, IServiceManager manager, Func<AwaitedService, IHealthCheck> checkOf, TimeProvider time, Action<string> tell, CancellationToken cancellationToken)
{
    private static readonly TimeSpan PatienceWithTheUnwell = TimeSpan.FromSeconds(5), PatienceWithTheRunning = TimeSpan.FromMinutes(2), LeastPatience = TimeSpan.FromSeconds(30), PatienceWithDependents = TimeSpan.FromSeconds(90),
        PatienceWithOtherJobs = TimeSpan.FromMinutes(10), LookAgain = TimeSpan.FromSeconds(10);
    private readonly RestartRecord _record = owed.Record;
    private readonly ConcurrentDictionary<string, Lazy<Task<UnitResult>>> _units = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Lazy<Task<HealthResult>>> _health = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Lazy<Task>> _secondStarts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _thawFailures = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TimeSpan> _late = new(StringComparer.Ordinal);   // units that were still starting after so long
    private readonly ConcurrentQueue<(string Unit, string Text)> _notes = new();
    private HashSet<string> _ours = [];
    private Resumption? _again;
    private Func<string, ValueTask>? _releasePins;

    /// <summary>What became of a unit's start.</summary>
    /// <param name="IsStarted">It runs, as far as its start can tell.</param>
    /// <param name="IsHeldBack">It was not tried, because of what it waits for.</param>
    /// <param name="IsOwed">It is to be tried again later.</param>
    /// <param name="Problem">Why it is not started.</param>
    internal sealed record UnitResult(bool IsStarted, bool IsHeldBack, bool IsOwed, string? Problem);

    /// <summary>What a service answered last.</summary>
    internal sealed record HealthResult(bool IsHealthy, string Reason, long At);

    private sealed record Gate(bool IsOpen, string Reason);

    /// <summary>Resumes the units named, if they are owed, and returns when all that can be back is. Where a start was refused, all that is still owed is tried once more: what it needs may have failed for that moment only.</summary>
    internal async Task<IReadOnlyList<UnitOutcome>> RunAsync(IReadOnlySet<string> units, Func<string, ValueTask>? releasePins)
    {
        IReadOnlyList<UnitOutcome> outcomes = await RunOnceAsync(units, releasePins);
        if (!outcomes.Any(WasRefused)) return outcomes;
        _again = new Resumption(owed, manager, checkOf, time, tell, cancellationToken);
        IReadOnlyList<UnitOutcome> again = await _again.RunOnceAsync(outcomes.Where(static outcome => outcome.IsOwed).Select(static outcome => outcome.Unit).ToHashSet(), releasePins);
        return [.. outcomes.Select(outcome => again.FirstOrDefault(second => second.Unit == outcome.Unit) is { } second ? second with { Notes = [.. outcome.Notes, .. second.Notes] } : outcome)];
    }

    private bool WasRefused(UnitOutcome outcome) => outcome.IsOwed && !_thawFailures.ContainsKey(outcome.Unit) && _units[outcome.Unit].Value.Result is { IsStarted: false, IsHeldBack: false };

    private async Task<IReadOnlyList<UnitOutcome>> RunOnceAsync(IReadOnlySet<string> units, Func<string, ValueTask>? releasePins)
    {
        _ours = [.. _record.Units.Where(unit => unit.IsOwed && units.Contains(unit.Unit)).Select(static unit => unit.Unit)];
        _releasePins = releasePins;
        OwedUnit[] mine = [.. _record.Units.Where(unit => _ours.Contains(unit.Unit))];
        foreach (OwedUnit unit in mine.Where(static unit => unit.Mode == QuiesceMode.Freeze)) await ThawAsync(unit);
        return await Task.WhenAll((await Task.WhenAll(mine.Select(SettleAsync))).Select(LookAgainAsync));
    }

    /// <summary>What was held back may have been started by somebody else meanwhile, a trigger for one.</summary>
    private async Task<UnitOutcome> LookAgainAsync(UnitOutcome outcome)
    {
        if (!outcome.IsOwed || _thawFailures.ContainsKey(outcome.Unit) || await StateOfAsync(outcome.Unit) is not { IsActive: true }) return outcome;
        owed.MarkPaid(outcome.Unit);
        return outcome with { IsBack = true, IsOwed = false, Notes = [.. outcome.Notes, "something else has started it"] };
    }

    /// <summary>What a service answered; null when it was not asked.</summary>
    internal HealthResult? AnswerOf(string service) => _again?.AnswerOf(service) ??
        (_health.TryGetValue(service, out Lazy<Task<HealthResult>>? asked) && asked.Value.IsCompletedSuccessfully ? asked.Value.Result : null);

    private async Task ThawAsync(OwedUnit unit)
    {
        FailPoint.Reach(FailPoint.BeforeThaw);
        if (await TryAsync(() => manager.ThawAsync(unit.Unit, cancellationToken)) is { } failure) _thawFailures[unit.Unit] = failure;
        FailPoint.Reach(FailPoint.AfterThaw);
    }

    private async Task<UnitOutcome> SettleAsync(OwedUnit unit)
    {
        UnitResult result = await UnitAsync(unit.Unit);
        AwaitedService[] services = [.. _record.Services.Where(service => service.LivesIn == unit.Unit)];
        string? problem = result.Problem;
        bool isBack = result.IsStarted;
        if (result.IsStarted)
        {
            HealthResult[] answers = await Task.WhenAll(services.Select(service => HealthAsync(service.Name)));
            if (answers.FirstOrDefault(static answer => !answer.IsHealthy) is { } unwell)
            {
                problem = $"it is not healthy: {unwell.Reason}";
                isBack = await StateOfAsync(unit.Unit) is { IsActive: true };
            }
        }
        IReadOnlyList<JournalLine> lines = problem is null || result.IsHeldBack ? [] : await ReadJournalAsync(unit.Unit);
        if (!result.IsOwed) owed.MarkPaid(unit.Unit);
        tell(problem is null ? $"{unit.Unit} is back" : $"{unit.Unit}: {problem}");
        return new UnitOutcome
        {
            Unit = unit.Unit,
            Services = [.. services.Select(static service => service.Name)],
            IsBack = isBack,
            IsOwed = result.IsOwed,
            Problem = problem,
            JournalLines = lines,
            Notes = [.. _notes.Where(note => note.Unit == unit.Unit).Select(static note => note.Text)],
        };
    }

    private Task<UnitResult> UnitAsync(string unit) =>
        _units.GetOrAdd(unit, name => new Lazy<Task<UnitResult>>(() => ResumeAsync(_record.Units.First(u => u.Unit == name)))).Value;

    private bool IsKnown(string unit) => _record.Units.Any(known => known.Unit == unit);

    private async Task<UnitResult> ResumeAsync(OwedUnit unit)
    {
        if (!_ours.Contains(unit.Unit)) return await LookAtAsync(unit.Unit);
        if (_thawFailures.TryGetValue(unit.Unit, out string? failure)) return new UnitResult(false, false, true, failure);
        // Thawed, it waits for nobody. One that died in the ice is started like any other.
        if (unit.Mode == QuiesceMode.Freeze && await StateOfAsync(unit.Unit) is { IsActive: true }) return new UnitResult(true, false, false, null);
        foreach (Task<Gate> waiting in unit.WaitsForServices.Select(GateAsync).ToArray())
            if (await waiting is { IsOpen: false } closed) return new UnitResult(false, true, true, closed.Reason);
        foreach (string required in unit.RequiresUnits.Where(IsKnown))
            if (await UnitAsync(required) is { IsStarted: false } down) return new UnitResult(false, true, true, $"{required} does not run: {down.Problem}");
        foreach (string before in unit.OrderedAfterUnits.Where(IsKnown)) await UnitAsync(before);
        return await StartAsync(unit);
    }

    // Not to be started by us, so not by way of one that requires it either: somebody may have stopped it on purpose.
    private async Task<UnitResult> LookAtAsync(string unit)
    {
        UnitState? state = await StateOfAsync(unit);
        return state is { IsActive: true } ? new UnitResult(true, false, false, null) : new UnitResult(false, false, false, $"it is {state?.ActiveState ?? "in an unknown state"}");
    }

    private async Task<UnitResult> StartAsync(OwedUnit unit)
    {
        UnitState? before = await StateOfAsync(unit.Unit);
        FailPoint.Reach(FailPoint.BeforeStart);
        if (before is { ActiveState: "failed" }) await ResetAsync(before);
        // One that runs is started, too: that takes back a stop which systemd still has before it.
        string? failure = await TryStartAsync(unit.Unit, before);
        if (failure is not null && await StopServiceOfAsync(unit.Unit)) failure = await TryStartAsync(unit.Unit, before);
        FailPoint.Reach(FailPoint.AfterStart);
        if (failure is not null && CanReleasePins(unit.Unit))
        {
            await StartWithoutPinsAsync(unit.Unit);
            if (await StateOfAsync(unit.Unit) is { IsActive: true }) failure = null;
        }
        bool isWatched = _record.Services.Any(service => service.LivesIn == unit.Unit);
        if (failure is null && isWatched) return new UnitResult(true, false, false, null);
        UnitState? after = await StateOfAsync(unit.Unit);
        if (failure is null && !isWatched && after is { ActiveState: "activating" } && _late.TryGetValue(unit.Unit, out TimeSpan waited)) return new UnitResult(false, false, false, $"it is still starting after {PlanSentences.Seconds(waited)}");
        if (after is { IsActive: true }) return new UnitResult(true, false, false, null);
        if (failure is null && after is not null) return new UnitResult(false, false, false, $"it was started and is {after.ActiveState} already");
        // Only what had its start (by us, or by a recovery that was killed) and failed by itself is settled: a start that was refused is still owed.
        bool hadItsStart = after is not null && after.InvocationId.Length > 0 && (after.InvocationId != before?.InvocationId || before.IsActive);
        return failure is null ? new UnitResult(true, false, false, null) : new UnitResult(false, false, !hadItsStart, failure);
    }

    // How often it failed before is not to keep it down: what it runs on may be another state by now. A failure that is taken back looks like a stop by somebody's hand, should
    // we be killed before the start: so it is written down first that it is none.
    private async Task ResetAsync(UnitState failed)
    {
        if (failed.InvocationId.Length > 0) owed.MarkDown(new Dictionary<string, string> { [failed.Name] = failed.InvocationId });
        if (await TryAsync(() => manager.ResetFailedAsync(failed.Name, cancellationToken)) is { } refusal) _notes.Enqueue((failed.Name, $"its failures could not be reset: {refusal}"));
    }

    // systemd refuses to start a socket while its service runs, which somebody may have started meanwhile, or which a run that was killed had not stopped yet. What it triggers
    // is not known to systemd once it is stopped; but its service is started after it in any case, and may so be stopped for it.
    private async Task<bool> StopServiceOfAsync(string unit)
    {
        if (!unit.EndsWith(".socket", StringComparison.Ordinal)) return false;
        var running = new List<string>();
        foreach (OwedUnit later in _record.Units.Where(later => _ours.Contains(later.Unit) && later.Mode == QuiesceMode.Stop && later.OrderedAfterUnits.Contains(unit)))
            if (later.Unit.EndsWith(".service", StringComparison.Ordinal) && await StateOfAsync(later.Unit) is { IsActive: true }) running.Add(later.Unit);
        return running.Count > 0 && await TryAsync(() => manager.StopAsync(running, PatienceWithTheRunning, cancellationToken)) is null;
    }

    private bool CanReleasePins(string unit) => _releasePins is not null && _record.Services.Any(service => service.LivesIn == unit);

    private Task StartWithoutPinsAsync(string unit) => _secondStarts.GetOrAdd(unit, name => new Lazy<Task>(async () =>
    {
        foreach (AwaitedService service in _record.Services.Where(service => service.LivesIn == name))
            if (await TryAsync(() => _releasePins!(service.Name).AsTask()) is { } problem) _notes.Enqueue((name, $"the pins of '{service.Name}' could not be released: {problem}"));
        string? failure = await TryStartAsync(name, await StateOfAsync(name));
        if (!_late.ContainsKey(name)) _notes.Enqueue((name, failure is null ? "it started only after the pins of its state had been released" : "it did not start with the pins of its state released either"));
    })).Value;

    private Task<HealthResult> HealthAsync(string service) =>
        _health.GetOrAdd(service, name => new Lazy<Task<HealthResult>>(() => AskAsync(_record.Services.First(s => s.Name == name)))).Value;

    private async Task<HealthResult> AskAsync(AwaitedService service)
    {
        FailPoint.Reach(FailPoint.BeforeHealth);
        HealthAnswer answer = await PollAsync(service);
        bool canBeThePins = !answer.IsHealthy && service.LivesIn is { } unit && _ours.Contains(unit) && CanReleasePins(unit) && !_secondStarts.ContainsKey(unit);
        if (canBeThePins && (answer.IsFinal || await StateOfAsync(service.LivesIn!) is not { ActiveState: "active" }))
        {
            await StartWithoutPinsAsync(service.LivesIn!);
            answer = await PollAsync(service);
        }
        FailPoint.Reach(FailPoint.AfterHealth);
        string before = answer.IsHealthy || service.WasHealthy ? "" : " (it was not healthy before either)";
        return new HealthResult(answer.IsHealthy, answer.Reason + before, time.GetTimestamp());
    }

    private async Task<HealthAnswer> PollAsync(AwaitedService service)
    {
        var timeout = TimeSpan.FromSeconds(service.HealthTimeoutSeconds);
        if (!service.WasHealthy && timeout > PatienceWithTheUnwell) timeout = PatienceWithTheUnwell;
        return (await HealthGate.WaitAsync(checkOf(service), timeout, time, cancellationToken)).Answer;
    }

    /// <summary>Whether those that need a service may start.</summary>
    private async Task<Gate> GateAsync(string name)
    {
        if (_record.Services.FirstOrDefault(known => known.Name == name) is not { } service) return new Gate(true, "");
        if (service.LivesIn is { } unit && IsKnown(unit))
        {
            UnitResult result = await UnitAsync(unit);
            if (result.IsHeldBack || (!result.IsStarted && service.WasHealthy)) return new Gate(false, $"'{name}' is not started: {result.Problem}");
        }
        else
        {
            foreach (Task<Gate> waiting in service.After.Where(after => after != name).Select(GateAsync).ToArray())
                if (await waiting is { IsOpen: false } closed) return closed;
        }
        if (!service.WasHealthy) return new Gate(true, "");
        HealthResult health = await HealthAsync(name);
        return new Gate(health.IsHealthy, $"'{name}' is not healthy: {health.Reason}");
    }

    /// <summary>Why it did not start; null when it has, or is on its way: one that takes for ever must not keep the others from being looked after. systemd goes on with what it was asked for.</summary>
    private async Task<string?> TryStartAsync(string unit, UnitState? state)
    {
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<string?> starting = TryAsync(async () =>
        {
            if (await IsToStartAloneAsync(unit, state)) await manager.StartAloneAsync(unit, giveUp.Token);
            else await manager.StartAsync(unit, giveUp.Token);
        });
        TimeSpan patience = PatienceWithStartOf(unit, state);
        if (!await IsUnderWayForeverAsync(unit, state, starting, patience)) return await starting;
        Cancel(giveUp);
        await starting;
        if (await StateOfAsync(unit) is not { IsActive: true }) return "its start has not begun yet: something else starts or stops first ('systemctl list-jobs')";
        if (_late.TryAdd(unit, patience)) _notes.Enqueue((unit, $"its start was not over after {PlanSentences.Seconds(patience)}, and was not waited for any longer"));
        return null;
    }

    // In this thread: who waits goes on before the clock does.
    private static void Cancel(CancellationTokenSource waiting) => waiting.Cancel();

    /// <summary>False when the start has ended. Its time begins with it: a stop that somebody has asked for before, of itself or of what it is ordered after, is waited for first.</summary>
    private async Task<bool> IsUnderWayForeverAsync(string unit, UnitState? before, Task starting, TimeSpan patience)
    {
        long asked = time.GetTimestamp();
        bool hasBegun = before is { ActiveState: "inactive" or "failed" };
        for (TimeSpan wait = patience; ;)
        {
            try
            {
                await starting.WaitAsync(wait, time, cancellationToken);
                return false;
            }
            catch (TimeoutException)
            {
                bool isStarting = await StateOfAsync(unit) is { ActiveState: "activating" };
                if (isStarting ? hasBegun : time.GetElapsedTime(asked) >= patience + PatienceWithOtherJobs) return true;
                (hasBegun, wait) = isStarting ? (true, patience) : (false, LookAgain);
            }
        }
    }

    // systemd itself ends a start that takes longer than its unit allows, and knows why; many units allow any time (TimeoutStartSec=infinity).
    private TimeSpan PatienceWithStartOf(string unit, UnitState? state)
    {
        AwaitedService[] services = [.. _record.Services.Where(service => service.LivesIn == unit)];
        TimeSpan patience = services.Length == 0 ? PatienceWithDependents : TimeSpan.FromSeconds(services.Max(static service => service.HealthTimeoutSeconds));
        TimeSpan own = (state?.StartTimeout ?? TimeSpan.Zero) + LeastPatience;
        return patience > own ? patience : own;
    }

    /// <summary>
    /// Whether systemd would start something along with a unit that is down by somebody's wish, or that is to wait for its own turn. After a reboot nobody has wished anything yet. To start a target
    /// is to start all that it wants.
    /// </summary>
    private async Task<bool> IsToStartAloneAsync(string unit, UnitState? state)
    {
        if (state is null || _record.BootId != HeldJournal.BootId) return false;
        if (unit.EndsWith(".target", StringComparison.Ordinal)) return true;
        var seen = new HashSet<string>([unit, state.Name], StringComparer.Ordinal);
        for (IEnumerable<UnitState> units = [state]; ;)
        {
            string[] pulledIn = [.. units.SelectMany(static each => each.PullsIn).Where(name => IsAService(name) && seen.Add(name))];
            if (pulledIn.Length == 0) return false;
            IReadOnlyList<UnitState> states = await manager.DescribeAsync(pulledIn, cancellationToken);
            if (states.Any(static each => each is { IsActive: false, IsPassing: false, LoadState: not "not-found" })) return true;
            units = states;
        }
    }

    private static bool IsAService(string unit) => unit.EndsWith(".service", StringComparison.Ordinal) || unit.EndsWith(".socket", StringComparison.Ordinal)
        || unit.EndsWith(".timer", StringComparison.Ordinal) || unit.EndsWith(".path", StringComparison.Ordinal);

    /// <summary>Why it failed; null when it did not. Whatever it is, the others come first: it is reported at the end.</summary>
    private async Task<string?> TryAsync(Func<Task> act)
    {
        try
        {
            await act();
            return null;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return e.Message;
        }
    }

    private async Task<UnitState?> StateOfAsync(string unit)
    {
        IReadOnlyList<UnitState>? states = null;
        string? failure = await TryAsync(async () => states = await manager.DescribeAsync([unit], cancellationToken));
        if (failure is not null) _notes.Enqueue((unit, $"its state could not be asked: {failure}"));
        return states?[0];
    }

    private async Task<IReadOnlyList<JournalLine>> ReadJournalAsync(string unit)
    {
        IReadOnlyList<JournalLine> lines = [];
        string? failure = await TryAsync(async () => lines = await manager.ReadJournalAsync(unit, new JournalQuery(20), cancellationToken));
        if (failure is not null) _notes.Enqueue((unit, $"its journal could not be read: {failure}"));
        return lines;
    }
}
