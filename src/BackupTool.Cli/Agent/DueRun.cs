namespace BackupTool.Cli.Agent;

/// <summary>A run that is to be started.</summary>
/// <param name="Schedule">Whose.</param>
/// <param name="Slot">The time for which: the first one, when others have come while it waited.</param>
internal sealed record DueRun(string Schedule, DateTimeOffset Slot);

/// <summary>What was decided about a time of a schedule.</summary>
internal enum DueVerdict
{
    /// <summary>It has come, and is in the queue.</summary>
    Due,
    /// <summary>It was missed and is caught up: it is in the queue.</summary>
    CatchUp,
    /// <summary>It was missed, and the schedule says that this does not matter.</summary>
    PassedOver,
    /// <summary>It has come while an earlier one was still waiting, and one run does for both.</summary>
    Absorbed,
    /// <summary>The clock has gone back so far that what it said before was wrong: the schedule begins anew.</summary>
    BegunAnew,
}

/// <summary>A decision, and the sentence that says why.</summary>
internal sealed record DueDecision(string Schedule, DateTimeOffset Slot, DueVerdict Verdict, string Sentence);
