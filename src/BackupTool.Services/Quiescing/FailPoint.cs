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
