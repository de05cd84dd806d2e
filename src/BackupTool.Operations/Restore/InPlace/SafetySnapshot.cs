using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>A snapshot of the state that is about to be replaced, damaged as it may be.</summary>
internal sealed class SafetySnapshot(BackupConfiguration configuration, IServiceManager manager, IProgressObserver progress, TimeProvider time)
{
    /// <summary>The label of one that a restore makes.</summary>
    internal const string RestoreLabel = "pre-restore";

    /// <summary>The label of one that a wipe makes.</summary>
    internal const string WipeLabel = "pre-wipe";

    /// <summary>Whether a snapshot is one of these: nobody means it by <c>latest</c>.</summary>
    internal static bool Is(Snapshot snapshot) => snapshot.Labels.Contains(RestoreLabel) || snapshot.Labels.Contains(WipeLabel);

    /// <summary>Makes one, pinned.</summary>
    /// <exception cref="OperationException">It could not be made whole; nothing is replaced.</exception>
    internal async Task<BackupReport> MakeAsync(IReadOnlyList<string> services, string label, CancellationToken cancellationToken)
    {
        BackupReport report;
        try
        {
            report = await new BackupRun(configuration, manager, progress, time).RunAsync(
                new BackupRequest { Services = services, Labels = [label], Pinned = true, AcceptsDamage = true, LockWait = configuration.Repository.LockWait }, cancellationToken);
        }
        catch (Exception e) when (e is ExplainedException or PosixException && e is not RepositoryLockedException)
        {
            throw Refused(e.Message, e);
        }
        if (report.Failures.Count > 0) throw Refused(string.Join("; ", report.Failures.Select(static failure => $"{failure.Name}: {failure.Reason}")), null);
        // Told here: whoever goes back to it later must know what it lacks.
        foreach (ServiceReport service in report.Services)
            foreach (LeftOut warning in service.Warnings) progress.Warn($"in the snapshot of the present state, {service.Name}: {warning.Path}: {warning.Reason}");
        progress.Message($"the present state is snapshot {report.Snapshot!.Id.Prefix} (label {label}, pinned)");
        return report;
    }

    private static OperationException Refused(string reason, Exception? cause) => new($"No snapshot of the present state could be made, so nothing was replaced: {reason}",
        "Correct that, or go on without one (--no-safety): then only the replaced files and databases themselves are kept, until 'backup restore --forget-previous'.", cause);
}
