using BackupTool.Operations.Replacing.Planning;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// Looks, before anything is stopped, whether the state that a rollback leads to is still there, and whether anything keeps it from changing places: it has lain about since, and people make room. Reads only.
/// </summary>
internal sealed class RollbackPreflight(LiveObstacles obstacles, LiveDatabases databases)
{
    private const string Change = "Change that (unmount it, 'chattr -i', mount it writable), then roll back again.";

    private readonly List<RestoreProblem> _problems = [];

    /// <summary>What is in the way; empty when nothing is.</summary>
    /// <param name="record">With the side that is meant to live.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<IReadOnlyList<RestoreProblem>> FindProblemsAsync(ReplacementRecord record, CancellationToken cancellationToken)
    {
        string services = string.Join(", ", record.ReplacedServices);
        foreach (ReplacedPath path in record.Paths)
        {
            if (PathExchange.FindMissing(path, record.Goal) is { } missing) _problems.Add(new RestoreProblem(services, $"{missing} is not there any more: what was kept of {PathText.Read(path.Live)} is gone, or not whole.", WayRound(record)));
            else FindObstacle(path, services);
        }
        foreach (ReplacedDatabase database in record.Databases) await CheckAsync(record, database, cancellationToken);
        return _problems;
    }

    private void FindObstacle(ReplacedPath path, string services)
    {
        try
        {
            LivePlace place = LivePlace.Find(PathText.Read(path.Live), followLast: false);
            if (obstacles.Find(place, place.Status?.Kind ?? FileKind.Regular) is { } problem) _problems.Add(new RestoreProblem(services, problem.Message, Change));
        }
        catch (NoPlaceException e)
        {
            _problems.Add(new RestoreProblem(services, e.Message, e.Hint!));
        }
    }

    private async Task CheckAsync(ReplacementRecord record, ReplacedDatabase database, CancellationToken cancellationToken)
    {
        try
        {
            foreach (RestoreObstacle obstacle in await databases.CheckMoveAsync(record, database, record.Goal, cancellationToken))
                _problems.Add(new RestoreProblem(database.Service, obstacle.What, obstacle.WayOut.Length > 0 ? obstacle.WayOut : WayRound(record)));
        }
        catch (SourceException e)
        {
            _problems.Add(new RestoreProblem(database.Service, $"The database {database.Database} cannot be exchanged: {e.Message}.", e.Hint ?? "See that the PostgreSQL server runs."));
        }
    }

    private static string WayRound(ReplacementRecord record) => (record.Goal == Side.Old ? record.SafetySnapshot : record.Snapshot) is { } snapshot
        ? $"Snapshot {snapshot[..8]} has that state: 'backup restore {snapshot[..8]} --in-place'. 'backup restore --forget-previous' takes this one off the list."
        : "Restore a snapshot instead ('backup list'). 'backup restore --forget-previous' takes this one off the list.";
}
