using System.Collections.Concurrent;
using BackupTool.Services.Health;
using BackupTool.Services.Systemd;

namespace BackupTool.Services.Quiescing;

/// <summary>
/// Services at rest. Disposing resumes them. What is owed is in the <see cref="RestartJournal"/> from before the first stop, so that <see cref="Recovery"/> brings them
/// back when this process is killed, at whatever instant.
/// </summary>
public sealed class QuiescedServices : IAsyncDisposable
{
    private readonly IServiceManager _manager;
    private readonly HeldJournal? _held;
    private readonly OwedRestarts? _owed;
    private readonly TimeProvider _time;
    private readonly Action<string> _tell;
    private readonly Lock _resuming = new();
    private bool _isReturn;
    private readonly ConcurrentDictionary<string, long> _stopBegan = new(StringComparer.Ordinal);   // by unit
    private readonly ConcurrentDictionary<string, bool> _overdue = new(StringComparer.Ordinal);   // units whose stop took longer than it may
    private readonly Dictionary<string, (CopyKind Kind, string? Reason)> _copies = new(StringComparer.Ordinal);   // by service
    private Dictionary<string, UnitState> _atRest = new(StringComparer.Ordinal);
    private Task _evidence = Task.CompletedTask;
    private Task<QuiesceOutcome>? _outcome;
    private long? _restBegan;

    private QuiescedServices(QuiescePlan plan, IServiceManager manager, HeldJournal? held, OwedRestarts? owed, TimeProvider time, Action<string> tell)
    {
        (Plan, _manager, _held, _owed, _time, _tell) = (plan, manager, held, owed, time, tell);
        foreach (PlannedService service in plan.Services) _copies[service.Target.Name] = (service.Expected, null);
    }

    /// <summary>What was carried out: made anew from the states at the time of entering.</summary>
    public QuiescePlan Plan { get; }

    /// <summary>Writes the restart journal, stops, freezes, and returns when all is at rest.</summary>
    /// <param name="plan">What to do. It is decided again from the states of now, so that what somebody has stopped since is not started afterwards.</param>
    /// <param name="manager">systemd.</param>
    /// <param name="journal">Where the debt is kept.</param>
    /// <param name="time">The clock.</param>
    /// <param name="tell">Takes sentences about what is being done; called from several threads.</param>
    /// <param name="cancellationToken">Cancels, and resumes first.</param>
    /// <exception cref="QuiesceException">It is not possible; everything is as before, or as its outcome says.</exception>
    /// <exception cref="QuiesceCancelledException">Cancelled after something was stopped; it is resumed.</exception>
    /// <exception cref="ServiceManagerException">systemd cannot be asked; nothing was touched.</exception>
    public static Task<QuiescedServices> EnterAsync(
        QuiescePlan plan, IServiceManager manager, RestartJournal journal, TimeProvider time, Action<string> tell, CancellationToken cancellationToken) =>
        EnterAsync(plan, manager, journal, time, tell, isReturn: false, cancellationToken);

    /// <summary>
    /// Enters again, to put right what an earlier window has left, of this process or of one that was killed. The resume pays what that still owes, too: what hangs on the services comes back with
    /// them. When all cannot be brought to rest nothing is started, and all stays owed: what the services would run on may be a mixture of two states.
    /// </summary>
    /// <inheritdoc cref="EnterAsync(QuiescePlan, IServiceManager, RestartJournal, TimeProvider, Action{string}, CancellationToken)"/>
    public static Task<QuiescedServices> EnterAgainAsync(QuiescePlan plan, IServiceManager manager, RestartJournal journal, TimeProvider time, Action<string> tell) =>
        EnterAsync(plan, manager, journal, time, tell, isReturn: true, CancellationToken.None);

    private static async Task<QuiescedServices> EnterAsync(
        QuiescePlan plan, IServiceManager manager, RestartJournal journal, TimeProvider time, Action<string> tell, bool isReturn, CancellationToken cancellationToken)
    {
        if (plan.Targets.All(static target => target.Mode == QuiesceMode.Online)) return new QuiescedServices(plan, manager, null, null, time, tell) { _restBegan = time.GetTimestamp() };
        HeldJournal held = TakeJournal(journal);
        QuiescedServices entered;
        try
        {
            QuiescePlan now = await QuiescePlan.MakeAsync(plan.Targets, manager, cancellationToken);
            if (now.Problems is [var problem, ..]) throw new QuiesceException(problem.Message, problem.Hint);
            cancellationToken.ThrowIfCancellationRequested();
            entered = new QuiescedServices(now, manager, held, now.Units.Count == 0 && !isReturn ? null : WriteJournal(held, now, time), time, tell) { _isReturn = isReturn };
        }
        catch
        {
            held.Dispose();
            throw;
        }
        await entered.EnterAsync(cancellationToken);
        return entered;
    }

    private static HeldJournal TakeJournal(RestartJournal journal)
    {
        try
        {
            return journal.TryHold() ?? throw new QuiesceException($"Another run has services at rest, or is bringing them back (it holds {journal.Directory}).", "Wait for it to finish.");
        }
        catch (IOException e)
        {
            throw Unwritable(journal, e);
        }
    }

    private static OwedRestarts WriteJournal(HeldJournal held, QuiescePlan plan, TimeProvider time)
    {
        try
        {
            RestartRecord? earlier = null;
            if (held.Read() is { } content && (earlier = RestartRecord.Parse(content, out string damage)) is null)
                throw new QuiesceException($"An earlier run owes restarts, and its journal {held.Journal.File} cannot be read: {damage}.", "Run 'backup recover': it does what can be done, and keeps the file.");
            RestartRecord record = RestartRecords.Make(plan, earlier, time.GetUtcNow());
            FailPoint.Reach(FailPoint.BeforeJournal);
            held.Write(record);
            FailPoint.Reach(FailPoint.AfterJournal);
            return new OwedRestarts(held, record);
        }
        catch (IOException e)
        {
            throw Unwritable(held.Journal, e);
        }
    }

    private static QuiesceException Unwritable(RestartJournal journal, IOException e) =>
        new($"The restart journal {journal.File} cannot be written: {e.Message}. Nothing was stopped.", "Make room there, or correct its permissions: without it nobody would start the services again if this were killed.", e);

    private async Task EnterAsync(CancellationToken cancellationToken)
    {
        try
        {
            await BringToRestAsync(cancellationToken);
            FailPoint.Reach(FailPoint.Window);
        }
        catch (Exception e)
        {
            if (_isReturn) LeaveAtRest();
            else LeaveDownWhatWasDown();
            QuiesceOutcome outcome = await ResumeAsync();
            if (e is OperationCanceledException && cancellationToken.IsCancellationRequested) throw new QuiesceCancelledException(outcome, cancellationToken);
            throw new QuiesceException($"The services could not be brought to rest: {e.Message}", (e as ExplainedException)?.Hint, e) { Outcome = outcome };
        }
    }

    /// <summary>
    /// Takes back what <see cref="QuiesceTarget.StartsInAnyCase"/> asks for: what was down when the window was entered stays so. For a window that has changed nothing; before the resume.
    /// </summary>
    public void LeaveDownWhatWasDown() => _owed?.Forgive(
        Plan.Services.Where(static service => service is { Expected: CopyKind.Inactive, Mode: QuiesceMode.Stop, Unit: not null }).Select(static service => service.Unit!).ToHashSet(StringComparer.Ordinal));

    private async Task BringToRestAsync(CancellationToken cancellationToken)
    {
        foreach (IGrouping<int, PlannedUnit> level in Plan.Units.Where(static unit => unit.Mode == QuiesceMode.Stop).GroupBy(static unit => unit.StopLevel).OrderBy(static level => level.Key))
        {
            cancellationToken.ThrowIfCancellationRequested();
            // A socket before its service: systemd takes the jobs one by one, and a client would wake the service between the two.
            await Task.WhenAll(level.OrderByDescending(static unit => unit.Role == UnitRole.Trigger).GroupBy(static unit => unit.StopPatience).Select(group => StopAsync([.. group.Select(static unit => unit.Unit)], group.Key, cancellationToken)));
        }
        foreach (PlannedUnit unit in Plan.Units.Reverse().Where(static unit => unit.Mode == QuiesceMode.Freeze))
        {
            cancellationToken.ThrowIfCancellationRequested();
            await FreezeAsync(unit.Unit, cancellationToken);
        }
        _restBegan = _time.GetTimestamp();
        _atRest = await DescribeAsync(cancellationToken);
        foreach (PlannedService service in Plan.Services)
            if (service.Unit is { } unit) _copies[service.Target.Name] = StoppedStates.Judge(service, _atRest[unit], PatienceWith(unit), _overdue.ContainsKey(unit));
        if (_owed is not null) _evidence = WriteEvidenceAsync(_owed);
    }

    // Written while the snapshots are being pinned: nothing waits for it, and a recovery can do without.
    private async Task WriteEvidenceAsync(OwedRestarts owed)
    {
        Dictionary<string, string> invocations = Invocations();
        await Task.Yield();
        owed.MarkDown(invocations);
    }

    private async Task StopAsync(string[] units, TimeSpan patience, CancellationToken cancellationToken)
    {
        _tell($"stopping {string.Join(", ", units)}");
        FailPoint.Reach(FailPoint.BeforeStop);
        long began = _time.GetTimestamp();
        foreach (string unit in units) _stopBegan[unit] = began;
        await _manager.StopAsync(units, patience, cancellationToken);
        if (_time.GetElapsedTime(began) >= patience)
            foreach (string unit in units) _overdue[unit] = true;
        FailPoint.Reach(FailPoint.AfterStop);
    }

    private async Task FreezeAsync(string unit, CancellationToken cancellationToken)
    {
        _tell($"freezing {unit}");
        FailPoint.Reach(FailPoint.BeforeFreeze);
        _stopBegan[unit] = _time.GetTimestamp();
        await _manager.FreezeAsync(unit, cancellationToken);
        FailPoint.Reach(FailPoint.AfterFreeze);
    }

    private async Task<Dictionary<string, UnitState>> DescribeAsync(CancellationToken cancellationToken)
    {
        string[] units = [.. Plan.Services.Select(static service => service.Unit).OfType<string>().Concat(Plan.Units.Select(static unit => unit.Unit)).Distinct()];
        if (units.Length == 0) return [];
        IReadOnlyList<UnitState> states = await _manager.DescribeAsync(units, cancellationToken);
        return units.Zip(states).ToDictionary(static pair => pair.First, static pair => pair.Second, StringComparer.Ordinal);
    }

    private Dictionary<string, string> Invocations() => _atRest
        .Where(state => Plan.Units.Any(unit => unit.Unit == state.Key && (unit.Mode == QuiesceMode.Freeze || !state.Value.IsActive)) && state.Value.InvocationId.Length > 0)
        .ToDictionary(static state => state.Key, static state => state.Value.InvocationId, StringComparer.Ordinal);

    private TimeSpan PatienceWith(string unit) => Plan.Units.FirstOrDefault(planned => planned.Unit == unit)?.StopPatience ?? default;

    /// <summary>
    /// Asks, at the end of the window, whether everything has stayed at rest. A service that has not gets <see cref="CopyKind.Crash"/> in the outcome, with the reason;
    /// so does every one of which that cannot be said.
    /// </summary>
    /// <returns>One sentence for each that has not.</returns>
    public async Task<IReadOnlyList<string>> RecheckAsync(CancellationToken cancellationToken)
    {
        if (_atRest.Count == 0) return [];
        Dictionary<string, UnitState>? now = null;
        string unknown = "";
        try
        {
            now = await DescribeAsync(cancellationToken);
        }
        catch (ServiceManagerException e)
        {
            unknown = e.Message;
        }
        var moved = new List<string>();
        foreach (PlannedService service in Plan.Services.Where(service => service.Unit is not null && service.Expected != CopyKind.Online))
        {
            string? movement = now is null ? $"whether {service.Unit} stayed at rest cannot be said: {unknown}" : StoppedStates.FindMovement(service, _atRest[service.Unit!], now[service.Unit!]);
            if (movement is null) continue;
            moved.Add(movement);
            if (_copies[service.Target.Name].Kind != CopyKind.Crash) _copies[service.Target.Name] = (CopyKind.Crash, movement);
        }
        return moved;
    }

    /// <summary>
    /// Brings back everything: thaws first, then starts in order, each as soon as what it needs is healthy. Takes no cancellation; does it once, whoever asks, and gives the
    /// same outcome to all. What must wait longer stays owed in the journal, for <see cref="Recovery"/>.
    /// </summary>
    /// <param name="releasePins">
    /// Lets go of what is held open of a service's state, given its name: called when the service does not start, which is then tried once more. Of the first caller only;
    /// may be called for several services at once.
    /// </param>
    public Task<QuiesceOutcome> ResumeAsync(Func<string, ValueTask>? releasePins = null)
    {
        lock (_resuming) return _outcome ??= ResumeOnceAsync(releasePins);
    }

    /// <summary>
    /// Leaves everything as it is, where a start would do more harm than being down. All of it stays owed, for a <see cref="Recovery"/> once the reason is gone. Does nothing after a resume.
    /// </summary>
    public void LeaveAtRest()
    {
        lock (_resuming)
        {
            if (_outcome is not null) return;
            _outcome = Task.FromResult(OutcomeOf(null, null, []));
            _held?.Dispose();
        }
    }

    private async Task<QuiesceOutcome> ResumeOnceAsync(Func<string, ValueTask>? releasePins)
    {
        TimeSpan? window = _restBegan is { } began ? _time.GetElapsedTime(began) : null;
        FailPoint.Reach(FailPoint.BeforeResume);
        try
        {
            if (_owed is null) return OutcomeOf(window, null, []);
            var resumption = new Resumption(_owed, _manager, CheckOf, _time, _tell, CancellationToken.None);
            IReadOnlyList<UnitOutcome> units = await resumption.RunAsync((_isReturn ? _owed.Record.Units.Select(static unit => unit.Unit) : Plan.Units.Select(static unit => unit.Unit)).ToHashSet(), releasePins);
            await _evidence;
            return OutcomeOf(window, resumption, units);
        }
        finally
        {
            _held?.Dispose();
        }
    }

    private IHealthCheck CheckOf(AwaitedService service) => Plan.Targets.FirstOrDefault(target => target.Name == service.Name)?.Health
        ?? (_isReturn ? HealthChecks.For(service.Probe?.ToProbe(), service.LivesIn, _manager) : null) ?? new UnknownService(service.Name);

    private QuiesceOutcome OutcomeOf(TimeSpan? window, Resumption? resumption, IReadOnlyList<UnitOutcome> units) => new()
    {
        Window = window,
        Services = [.. Plan.Services.Select(service => OutcomeOf(service, resumption?.AnswerOf(service.Target.Name), units.FirstOrDefault(unit => unit.Unit == service.Unit)))],
        Units = units,
        Notes = _owed?.Notes ?? [],
    };

    private ServiceOutcome OutcomeOf(PlannedService service, Resumption.HealthResult? health, UnitOutcome? unit) => new()
    {
        Name = service.Target.Name,
        Unit = service.Unit,
        Mode = service.Mode,
        CopyKind = _copies[service.Target.Name].Kind,
        CopyReason = _copies[service.Target.Name].Reason,
        Downtime = service.Unit is not null && health is not null && _stopBegan.TryGetValue(service.Unit, out long began) ? _time.GetElapsedTime(began, health.At) : null,
        WasHealthy = service.Target.WasHealthy,
        MustBeHealthy = service.Target.MustBeHealthy,
        IsHealthy = unit is null ? health?.IsHealthy : health?.IsHealthy ?? false,
        HealthReason = health?.Reason ?? unit?.Problem,
        IsOwed = unit?.IsOwed ?? false,
        JournalLines = unit?.JournalLines ?? [],
        Notes = [.. service.Notes, .. unit?.Notes ?? []],
    };

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await ResumeAsync();

    // Of a debt that was carried over from an earlier run: nothing of this one waits for it.
    private sealed class UnknownService(string name) : IHealthCheck
    {
        public Task<HealthAnswer> AskAsync(CancellationToken cancellationToken) => Task.FromResult(new HealthAnswer(false, true, $"'{name}' is not in this run"));
    }
}
