using BackupTool.Posix;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Operations.Backup;

/// <summary>A run's own directory for copies, inside the configured one.</summary>
internal static class RunStaging
{
    /// <summary>Makes it, and removes those of runs that were killed. The caller removes it with everything in it.</summary>
    internal static BytePath Create(BytePath parent, IProgressObserver progress)
    {
        Directory.CreateDirectory(parent.ToString(), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (BytePath stale in StaleStaging.Remove(parent)) progress.Message($"removed {stale}, which an interrupted run had left");
        return StagingDirectory.CreateIn(parent);
    }
}
