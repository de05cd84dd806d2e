using BackupTool.Posix;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>Cleans up after runs that were killed while they staged.</summary>
public static class StaleStaging
{
    /// <summary>
    /// Removes the staging directories in <paramref name="parentDirectory"/> whose process is gone, and returns them. Those of living processes stay. Processes
    /// are told by this host's /proc: do not share the directory with another host or PID namespace.
    /// </summary>
    /// <exception cref="PosixException">One of them cannot be removed.</exception>
    public static IReadOnlyList<BytePath> Remove(BytePath parentDirectory)
    {
        var removed = new List<BytePath>();
        if (!PosixFile.TryGetStatusFollowing(parentDirectory, out _)) return removed;
        using PosixDirectory parent = PosixDirectory.Open(parentDirectory);
        foreach (BytePath name in parent.ReadNames())
        {
            if (!StagingDirectory.TryParse(name, out int processId, out ulong startTime) || StagingDirectory.StartTimeOf(processId) == startTime) continue;
            parent.RemoveTree(name);
            removed.Add(parent.Full(name));
        }
        return removed;
    }
}
