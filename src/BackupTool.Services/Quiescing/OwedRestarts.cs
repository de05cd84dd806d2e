namespace BackupTool.Services.Quiescing;

/// <summary>The record in the journal as it changes; every change is on the disk when the call returns. For several tasks at once.</summary>
internal sealed class OwedRestarts(HeldJournal held, RestartRecord record)
{
    private readonly Lock _writing = new();
    private readonly List<string> _notes = [];
    private RestartRecord _record = record;

    internal RestartRecord Record
    {
        get { lock (_writing) return _record; }
    }

    /// <summary>What could not be written down.</summary>
    internal IReadOnlyList<string> Notes
    {
        get { lock (_writing) return [.. _notes]; }
    }

    /// <summary>
    /// Notes how units ended, so that a recovery can tell them from such as somebody has started and stopped since. Without it a recovery starts them in any case.
    /// </summary>
    internal void MarkDown(IReadOnlyDictionary<string, string> invocations)
    {
        FailPoint.Reach(FailPoint.BeforeEvidence);
        Change(unit => unit.IsOwed && invocations.TryGetValue(unit.Unit, out string? id) ? unit with { StoppedInvocation = id } : unit);
        FailPoint.Reach(FailPoint.AfterEvidence);
    }

    /// <summary>Notes that a unit is owed no more.</summary>
    internal void MarkPaid(string paid)
    {
        FailPoint.Reach(FailPoint.BeforePaid);
        Change(unit => unit.Unit == paid ? unit with { IsOwed = false } : unit);
        FailPoint.Reach(FailPoint.AfterPaid);
    }

    /// <summary>Notes that units are to stay down, and that nobody waits for them.</summary>
    internal void Forgive(IReadOnlySet<string> units) => Change(record => record.Without(units));

    private void Change(Func<OwedUnit, OwedUnit> change) => Change(record => record with { Units = [.. record.Units.Select(change)] });

    // A debt that cannot be crossed out is paid twice at worst: a unit that runs is started once more, which does nothing.
    private void Change(Func<RestartRecord, RestartRecord> change)
    {
        lock (_writing)
        {
            RestartRecord changed = change(_record);
            if (changed.Units.SequenceEqual(_record.Units)) return;
            _record = changed;
            try
            {
                held.Write(_record);
            }
            catch (IOException e)
            {
                _notes.Add($"{held.Journal.File} could not be brought up to date: {e.Message}. 'backup recover' puts it right.");
            }
        }
    }
}
