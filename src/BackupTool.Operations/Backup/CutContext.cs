using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Backup;

/// <summary>What every cut of a run needs.</summary>
/// <param name="Opened">The repository.</param>
/// <param name="Index">Its chunks.</param>
/// <param name="Repository">Its directory: never part of a backup.</param>
/// <param name="StagingDirectory">This run's own directory for copies.</param>
/// <param name="Manager">systemd.</param>
/// <param name="Journal">Where owed restarts are kept.</param>
/// <param name="Progress">Who is told.</param>
/// <param name="Time">The clock.</param>
/// <param name="AcceptsDamage">As <see cref="BackupRequest.AcceptsDamage"/>.</param>
internal sealed record CutContext(
    Repository Opened, ChunkIndex Index, BytePath Repository, BytePath StagingDirectory, IServiceManager Manager, RestartJournal Journal,
    IProgressObserver Progress, TimeProvider Time, bool AcceptsDamage = false)
{
    internal ParentArchive OpenParent(Archive archive, CancellationToken cancellationToken) => new(Opened, Index, archive, cancellationToken);
}
