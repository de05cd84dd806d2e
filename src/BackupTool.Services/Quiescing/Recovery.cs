using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Systemd;

namespace BackupTool.Services.Quiescing;

/// <summary>What a recovery came to.</summary>
public enum RecoveryStatus
{
    /// <summary>No restart was owed.</summary>
    NothingOwed,
    /// <summary>The run that owes them lives, and will pay.</summary>
    HeldByLivingRun,
    /// <summary>Everything that was owed is back and healthy, or had been taken care of by somebody else.</summary>
    Paid,
    /// <summary>Something is not; the units say what and why.</summary>
    NotAllPaid,
}

/// <summary>What a recovery came to.</summary>
/// <param name="Status">In a word.</param>
/// <param name="Units">The units that were owed, in the order of starting.</param>
/// <param name="LeftAlone">Sentences on units that were owed and were not touched, because somebody has decided otherwise since.</param>
/// <param name="Notes">What else should be known.</param>
/// <param name="KeptAside">Journals that could not be read, this one's or earlier ones': to look at, and to remove by hand.</param>
public sealed record RecoveryReport(
    RecoveryStatus Status, IReadOnlyList<UnitOutcome> Units, IReadOnlyList<string> LeftAlone, IReadOnlyList<string> Notes, IReadOnlyList<BytePath> KeptAside);

/// <summary>
/// Pays what a run that was killed owes: thaws what it froze, starts what it stopped, in order and with health gates, from the journal alone. May be killed and run
/// again at any time: a debt is crossed out after it is paid.
/// </summary>
public static class Recovery
{
    /// <summary>Recovers. A unit that somebody has started and stopped again since is left as it is.</summary>
    /// <param name="journal">Where the debt is.</param>
    /// <param name="manager">systemd.</param>
    /// <param name="makeCheck">Makes the check of a service from its probe and its unit (null for one without a unit).</param>
    /// <param name="time">The clock.</param>
    /// <param name="tell">Takes sentences about what is being done; called from several threads.</param>
    /// <param name="cancellationToken">Stops waiting; what is not paid by then stays owed.</param>
    /// <exception cref="ServiceManagerException">systemd cannot be asked; everything stays owed.</exception>
    /// <exception cref="PosixException">The journal cannot be reached.</exception>
    public static async Task<RecoveryReport> RunAsync(
        RestartJournal journal, IServiceManager manager, Func<HealthProbe?, string?, IHealthCheck> makeCheck, TimeProvider time, Action<string> tell, CancellationToken cancellationToken)
    {
        if (!journal.IsOwed) return Nothing(journal, RecoveryStatus.NothingOwed);
        using HeldJournal? held = journal.TryHold();
        if (held is null) return Nothing(journal, RecoveryStatus.HeldByLivingRun);
        if (held.Read() is not { } content) return Nothing(journal, RecoveryStatus.NothingOwed);
        var notes = new List<string>();
        RestartRecord record = RestartRecord.Parse(content, out string damage) ?? Salvage(held, content, damage, time, notes);
        tell($"restarts are owed: {string.Join(", ", record.Units.Where(static unit => unit.IsOwed).Select(static unit => unit.Unit))}");
        var owed = new OwedRestarts(held, record);
        List<string> leftAlone = await DropWhatOthersDecidedAsync(owed, manager, cancellationToken);
        foreach (string sentence in leftAlone) tell(sentence);
        // After a reboot nothing is frozen: what was is either up, or to be started.
        if (record.BootId != HeldJournal.BootId) notes.Add("the machine has been started again since");
        var resumption = new Resumption(owed, manager, service => makeCheck(service.Probe?.ToProbe(), service.LivesIn), time, tell, cancellationToken);
        IReadOnlyList<UnitOutcome> units = await resumption.RunAsync(record.Units.Select(static unit => unit.Unit).ToHashSet(), null);
        bool isPaid = damage.Length == 0 && units.All(static unit => unit.IsBack && unit.Problem is null);
        return new RecoveryReport(isPaid ? RecoveryStatus.Paid : RecoveryStatus.NotAllPaid, units, leftAlone, [.. notes, .. owed.Notes], journal.KeptAside());
    }

    /// <summary>Crosses debts out without paying them: somebody has decided that these units stay as they are.</summary>
    /// <param name="journal">Where the debt is.</param>
    /// <param name="units">Primary names.</param>
    /// <returns>Those that were owed.</returns>
    /// <exception cref="QuiesceException">A living run holds the journal, or it cannot be read.</exception>
    public static IReadOnlyList<string> Forgive(RestartJournal journal, IReadOnlySet<string> units)
    {
        ArgumentNullException.ThrowIfNull(journal);
        ArgumentNullException.ThrowIfNull(units);
        if (!journal.IsOwed) return [];
        using HeldJournal held = journal.TryHold() ?? throw new QuiesceException($"Another run has services at rest, or is bringing them back (it holds {journal.Directory}).", "Wait for it to finish.");
        if (held.Read() is not { } content) return [];
        RestartRecord record = RestartRecord.Parse(content, out string damage)
            ?? throw new QuiesceException($"{journal.File} cannot be read: {damage}.", "Run 'backup recover': it does what can be done, and keeps the file.");
        string[] forgiven = [.. record.Units.Where(unit => unit.IsOwed && units.Contains(unit.Unit)).Select(static unit => unit.Unit)];
        if (forgiven.Length > 0) held.Write(record.Without(forgiven.ToHashSet(StringComparer.Ordinal)));
        return forgiven;
    }

    /// <summary>Makes a journal legible that is torn or of another version: what can be made out in it stays owed, and the file is kept. Does nothing to a good one.</summary>
    /// <param name="journal">Where the debt is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="tell">Told what could not be read.</param>
    /// <exception cref="PosixException">The journal cannot be reached.</exception>
    public static void MakeLegible(RestartJournal journal, TimeProvider time, Action<string> tell)
    {
        ArgumentNullException.ThrowIfNull(journal);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(tell);
        if (!journal.IsOwed) return;
        using HeldJournal? held = journal.TryHold();
        if (held?.Read() is not { } content || RestartRecord.Parse(content, out string damage) is not null) return;
        var notes = new List<string>();
        Salvage(held, content, damage, time, notes);
        foreach (string note in notes) tell(note);
    }

    private static RecoveryReport Nothing(RestartJournal journal, RecoveryStatus status) => new(status, [], [], [], journal.KeptAside());

    private static RestartRecord Salvage(HeldJournal held, byte[] content, string damage, TimeProvider time, List<string> notes)
    {
        BytePath aside = held.KeepAside(time.GetUtcNow());
        RestartRecord salvaged = SalvagedRestarts.Read(content, time.GetUtcNow());
        notes.Add($"{held.Journal.File} could not be read ({damage}); it is kept as {aside}. " + (salvaged.Units.Length == 0
            ? "No unit can be made out in it: see by hand whether all services run."
            : $"What can be made out in it: {string.Join(", ", salvaged.Units.Select(static unit => unit.Unit))}. See by hand whether all other services run."));
        held.Write(salvaged);
        return salvaged;
    }

    private static async Task<List<string>> DropWhatOthersDecidedAsync(OwedRestarts owed, IServiceManager manager, CancellationToken cancellationToken)
    {
        OwedUnit[] units = [.. owed.Record.Units.Where(static unit => unit.IsOwed)];
        var dropped = new List<string>();
        if (units.Length == 0) return dropped;
        IReadOnlyList<UnitState> states = await manager.DescribeAsync([.. units.Select(static unit => unit.Unit)], cancellationToken);
        foreach ((OwedUnit unit, UnitState state) in units.Zip(states))
        {
            if (WhyNotOurs(unit, state, owed.Record.BootId == HeldJournal.BootId) is not { } reason) continue;
            dropped.Add($"{unit.Unit} is left as it is: {reason}");
            owed.MarkPaid(unit.Unit);
        }
        return dropped;
    }

    /// <summary>A later decision of somebody else beats the debt; a failure is nobody's decision.</summary>
    private static string? WhyNotOurs(OwedUnit unit, UnitState state, bool isSameBoot)
    {
        if (state.LoadState == "masked") return "it has been masked since";
        if (state.IsActive || state.ActiveState == "failed" || state.InvocationId.Length == 0 || state.InvocationId == unit.StoppedInvocation) return null;
        if (!isSameBoot) return "it came up after the machine was started again, and has been stopped since";
        return unit.StoppedInvocation is not null ? "somebody has started it since, and stopped it again" : null;
    }
}
