using BackupTool.Posix;
using Microsoft.Data.Sqlite;

namespace BackupTool.Operations.History;

/// <summary>What was read of the history.</summary>
/// <param name="Runs">The newest first.</param>
/// <param name="Problem">Why it is not all there is, one line; null when it is.</param>
public sealed record HistoryReading(IReadOnlyList<RunRecord> Runs, string? Problem)
{
    /// <summary>The newest; null when there is none.</summary>
    public RunRecord? Newest => Runs.Count > 0 ? Runs[0] : null;
}

/// <summary>
/// What ran on this machine, in <c>history.db</c> of the tool's state directory. It can be deleted at any time; no run fails for its sake: what is wrong with it comes back as a line to warn
/// of. One that is damaged, or of a newer version, is moved aside by the next run that is recorded, and begun anew. For several processes at once.
/// </summary>
public sealed class RunHistory(BytePath stateDirectory, TimeProvider time)
{
    /// <summary>How long a run is remembered: a year, and a month to compare with.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromDays(400);

    private static readonly BytePath Name = BytePath.From("history.db");
    private const string AsidePrefix = "history.db.damaged-";

    /// <summary>The file.</summary>
    public BytePath File { get; } = stateDirectory.Combine(Name);

    /// <summary>Adds a run, and forgets those that are too old. It is on the disk when this returns null.</summary>
    /// <returns>What is wrong, to be told as a warning; null when nothing is.</returns>
    public string? Record(RunRecord run)
    {
        ArgumentNullException.ThrowIfNull(run);
        try
        {
            StateDirectory.Make(stateDirectory);
            PosixFile.TryGetStatusFollowing(File, out FileStatus before);
            try
            {
                Add(run);
                return null;
            }
            catch (HistoryUnusableException e)
            {
                string moved = MoveAside(before);
                Add(run);
                return $"the history of runs could not be used ({e.Message}): {moved}a new one is begun";
            }
        }
        catch (Exception e) when (e is SqliteException or ExplainedException or PosixException or IOException)
        {
            return $"this run could not be written into the history {File}: {e.Message}";
        }
    }

    private void Add(RunRecord run)
    {
        using HistoryDatabase database = HistoryDatabase.OpenToWrite(File);
        database.Add(run, time.GetUtcNow() - KeptFor);
    }

    /// <summary>The newest runs, of all schedules and people, or of one schedule.</summary>
    /// <param name="count">How many at most.</param>
    /// <param name="schedule">Its name; null for all.</param>
    public HistoryReading Recent(int count, string? schedule = null) =>
        schedule is null ? Read("", count) : Read("schedule = $schedule", count, ("$schedule", schedule));

    /// <summary>The newest whole run of a schedule; none when it has not run, or that is forgotten.</summary>
    public HistoryReading LastOf(string schedule) => Read("action = 'run' AND schedule = $schedule", 1, ("$schedule", schedule));

    private HistoryReading Read(string condition, int count, params (string Name, object? Value)[] values)
    {
        try
        {
            if (!PosixFile.TryGetStatusFollowing(File, out _)) return new HistoryReading([], null);
            using HistoryDatabase database = HistoryDatabase.OpenToRead(File);
            return new HistoryReading(database.Read(condition, count, values), null);
        }
        catch (Exception e) when (e is SqliteException or ExplainedException or PosixException or IOException)
        {
            return new HistoryReading([], $"the history of runs {File} cannot be read: {e.Message}");
        }
    }

    /// <summary>Moves the file away, unless another run has done so meanwhile. At most one is kept so, the newest.</summary>
    private string MoveAside(FileStatus unusable)
    {
        using PosixDirectory folder = PosixDirectory.Open(stateDirectory);
        bool isStillThere = folder.TryGetStatus(Name, out FileStatus now) && now.IsSameFileAs(unusable);
        if (!isStillThere) return "";
        foreach (BytePath name in folder.ReadNames())
            if (name.ToString().StartsWith(AsidePrefix, StringComparison.Ordinal)) folder.RemoveTree(name);
        var aside = BytePath.From($"{AsidePrefix}{time.GetUtcNow().UtcDateTime:yyyyMMdd'T'HHmmss'Z'}");
        folder.Rename(Name, folder, aside);
        // A journal of the old file would be rolled back into the new one.
        foreach (string suffix in (string[])["-journal", "-wal", "-shm"]) folder.RemoveTree(BytePath.From($"{Name}{suffix}"));
        folder.Flush();
        return $"it is kept as {stateDirectory.Combine(aside)}, and ";
    }
}
