using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Storage;

namespace BackupTool.Cli.Agent;

/// <summary>When schedules last ran, as the repository knows it: for an agent that remembers nothing of them.</summary>
internal static class RepositoryBaseline
{
    /// <summary>The time of the newest snapshot of each schedule. Empty when the repository cannot be read; then <paramref name="tell"/> is told why.</summary>
    internal static async Task<IReadOnlyDictionary<string, DateTimeOffset>> ReadAsync(BackupConfiguration configuration, Action<string> tell, CancellationToken cancellationToken)
    {
        var newest = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        try
        {
            Repository repository = await Repository.OpenAsync(new LocalStorage(configuration.Repository.Path), cancellationToken);
            foreach (StoredSnapshot stored in await repository.ListSnapshotsAsync(cancellationToken))
                if (stored.Snapshot is { Schedule: { } schedule, Time: var time } && (!newest.TryGetValue(schedule, out DateTimeOffset known) || time > known)) newest[schedule] = time;
        }
        catch (Exception e) when (e is ExplainedException or PosixException or IOException)
        {
            newest.Clear();
            tell($"when the schedules last ran cannot be read from the repository, so they begin now: {e.Message}");
        }
        return newest;
    }
}
