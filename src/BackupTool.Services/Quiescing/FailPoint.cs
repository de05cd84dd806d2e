using System.Globalization;
using BackupTool.Posix;

namespace BackupTool.Services.Quiescing;

/// <summary>
/// Places at which a test may have this process killed: <c>BACKUP_FAIL_POINT=after-stop</c> for the first time it is reached, <c>after-stop@2</c> for the second. A hook
/// for tests that does nothing else; unset, it costs a comparison with null.
/// </summary>
public static class FailPoint
{
    private static readonly string? Wanted = Environment.GetEnvironmentVariable("BACKUP_FAIL_POINT");
    private static readonly string? Name = Wanted?.Split('@')[0];
    private static int s_left = int.TryParse(Wanted?.Split('@')[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 1;

    /// <summary>Every name, in the order in which a run reaches them first.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        BeforeJournal, JournalUnflushed, AfterJournal, BeforeStop, AfterStop, BeforeFreeze, AfterFreeze, Window, BeforeEvidence, AfterEvidence, BeforeResume,
        BeforeThaw, AfterThaw, BeforeStart, AfterStart, BeforeHealth, AfterHealth, BeforePaid, AfterPaid, BeforeRemoval, AfterRemoval,
    ];

    /// <summary>Those of a replacement of state besides: a restore in place, a rollback, a wipe, and the recovery from one.</summary>
    public static IReadOnlyList<string> OfReplacements { get; } =
    [
        Prepared, AsideMade, Extracted, NewStateMade, AtRest, Exchanging, BetweenExchanges, Exchanged, HalfExchanged, DatabasesExchanged, Trying, Tried, Reseeding, RowsCopied, Returning, Settled, Archived,
    ];

    /// <summary>Names of <see cref="OfReplacements"/>, in the order in which one reaches them.</summary>
    public const string Prepared = "replacement-prepared", AsideMade = "replacement-aside-made", Extracted = "replacement-extracted", NewStateMade = "replacement-new-state-made",
        AtRest = "replacement-at-rest", Exchanging = "replacement-exchanging", BetweenExchanges = "replacement-between-exchanges", Exchanged = "replacement-exchanged",
        HalfExchanged = "replacement-half-exchanged", DatabasesExchanged = "replacement-databases-exchanged", Trying = "replacement-trying", Tried = "replacement-tried",
        Reseeding = "replacement-reseeding", RowsCopied = "replacement-rows-copied", Returning = "replacement-returning", Settled = "replacement-settled", Archived = "replacement-archived";

    internal const string BeforeJournal = "before-journal", JournalUnflushed = "journal-before-rename", AfterJournal = "after-journal",
        BeforeStop = "before-stop", AfterStop = "after-stop", BeforeFreeze = "before-freeze", AfterFreeze = "after-freeze",
        Window = "window", BeforeEvidence = "before-evidence", AfterEvidence = "after-evidence", BeforeResume = "before-resume",
        BeforeThaw = "before-thaw", AfterThaw = "after-thaw", BeforeStart = "before-start", AfterStart = "after-start",
        BeforeHealth = "before-health", AfterHealth = "after-health", BeforePaid = "before-paid", AfterPaid = "after-paid",
        BeforeRemoval = "before-journal-removal", AfterRemoval = "after-journal-removal";

    /// <summary>Kills this process when this is the place that the environment names.</summary>
    public static void Reach(string name)
    {
        if (Name is not null && Name == name && Interlocked.Decrement(ref s_left) == 0) PosixProcess.KillSelf();
    }
}
