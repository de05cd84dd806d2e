using BackupTool.Operations.Configuration;
using BackupTool.Operations.History;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Schedules;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Storage;
using BackupTool.Repositories.Verification;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Status;

/// <summary>Looks how the backups are. Changes nothing, takes no lock, and stops at nothing: what cannot be read is named in the report.</summary>
/// <param name="configuration">What is to be backed up. Without services, everything that the repository holds is told, of all hosts.</param>
/// <param name="time">The clock.</param>
public sealed class StatusRun(BackupConfiguration configuration, TimeProvider time)
{
    private const int MostRuns = 10, Attempts = 3;
    private static readonly string[] Folders = ["packs/", "index/", "snapshots/", "evidence/", "pins/", "pruning/"];

    private readonly List<StatusNotice> _notices = [];

    /// <summary>Looks.</summary>
    public async Task<StatusReport> RunAsync(CancellationToken cancellationToken)
    {
        _notices.Clear();
        DateTimeOffset now = time.GetUtcNow();
        (RepositoryLook? look, Exception? failure) = await TryLookAsync(cancellationToken);
        string hostId = HostId.Read();
        var history = new RunHistory(configuration.State.Path, time);
        HistoryReading runs = history.Recent(MostRuns);
        if (runs.Problem is { } problem) _notices.Add(new StatusNotice(problem, IsTrouble: false));
        AddVerifications(look);
        AddUnfinished();
        AddPrevious();
        var schedules = new List<ScheduleStatus>();
        foreach (ScheduleSettings schedule in configuration.Schedules)
        {
            var times = new ScheduleTimes(schedule, hostId);
            RunRecord? last = history.LastOf(schedule.Name).Newest;
            schedules.Add(new ScheduleStatus(schedule.Name, times.Next(now), last));
            _notices.AddRange(ScheduleNotices.Of(schedule, times, last, now));
        }
        return new StatusReport
        {
            Time = now,
            Host = Environment.MachineName,
            Repository = configuration.Repository.Path.ToString(),
            Contents = look is null ? null : new RepositoryContents(look.Bytes, look.Snapshots.Count),
            Failure = failure,
            Damaged = look?.Damaged ?? [],
            Services = Judge(look, new ExpectedAges(configuration.Schedules, hostId), now),
            Schedules = schedules,
            Runs = runs.Runs,
            Notices = [.. _notices],
        };
    }

    private IReadOnlyList<ServiceStatus> Judge(RepositoryLook? look, ExpectedAges ages, DateTimeOffset now)
    {
        if (look is null)
            return [.. configuration.Services.Select(service => new ServiceStatus { Name = service.Name, State = BackupState.Unknown, ExpectedAge = ages.Of(service, now), NextRun = ages.NextOf(service.Name, now) })];
        if (configuration.Services.Count == 0)
        {
            var everything = new ServiceJudgement(look.Snapshots, look.Evidence, now);
            return [.. look.Snapshots.SelectMany(static stored => stored.Snapshot.Services).Select(static service => service.Name).Distinct().Order(StringComparer.Ordinal).Select(name => everything.Judge(name, null, null))];
        }
        // Another host's service of the same name is another service.
        var judgement = new ServiceJudgement([.. look.Snapshots.Where(static stored => stored.Snapshot.Host == Environment.MachineName)], look.Evidence, now);
        return [.. configuration.Services.Select(service => judgement.Judge(service.Name, ages.Of(service, now), ages.NextOf(service.Name, now)))];
    }

    private sealed record RepositoryLook(IReadOnlyList<StoredSnapshot> Snapshots, IReadOnlyList<RepositoryDamagedException> Damaged, IReadOnlyList<Evidence> Evidence, long Bytes);

    private async Task<(RepositoryLook? Look, Exception? Failure)> TryLookAsync(CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return (await LookAsync(cancellationToken), null);
            }
            catch (FileNotFoundException) when (attempt < Attempts)
            {
                // A rotation has removed what was just listed.
            }
            catch (Exception e) when (e is ExplainedException or PosixException or IOException or UnauthorizedAccessException)
            {
                return (null, e);
            }
        }
    }

    private async Task<RepositoryLook> LookAsync(CancellationToken cancellationToken)
    {
        Repository repository = await Repository.OpenAsync(new LocalStorage(configuration.Repository.Path), cancellationToken);
        (IReadOnlyList<StoredSnapshot> snapshots, IReadOnlyList<RepositoryDamagedException> damaged) = await repository.ListReadableSnapshotsAsync(cancellationToken);
        EvidenceList evidence = await EvidenceReader.ReadAsync(repository.Storage, cancellationToken);
        foreach (VerificationProblem unreadable in evidence.Unreadable) _notices.Add(new StatusNotice($"a verification's report cannot be read, and does not count: {unreadable}", IsTrouble: false));
        long bytes = 0;
        foreach (string folder in Folders) bytes += (await repository.Storage.ListAsync(folder, cancellationToken)).Sum(static file => file.Bytes);
        return new RepositoryLook(snapshots, damaged, evidence.Reports, bytes);
    }

    private void AddVerifications(RepositoryLook? look)
    {
        if (look?.Evidence.MaxBy(static report => report.Time) is { Problems: [var first, ..] } newest)
            _notices.Add(new StatusNotice($"the verification ({newest.Level}) of {newest.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss} found {newest.Problems.Length:N0} problem{(newest.Problems.Length == 1 ? "" : "s")}, the first: {first}", IsTrouble: true));
    }

    private void AddUnfinished()
    {
        try
        {
            if (new RestartJournal(configuration.State.Path).IsOwed)
                _notices.Add(new StatusNotice("services are stopped for a backup or a restore that is under way, or was killed: when none runs, 'backup recover' starts them", IsTrouble: true));
            if (new ReplacementJournal(configuration.State.Path).IsUnderWay)
                _notices.Add(new StatusNotice("a restore in place, a rollback or a wipe is under way, or was killed: when none runs, 'backup recover' brings it to an end", IsTrouble: true));
        }
        catch (PosixException e)
        {
            _notices.Add(new StatusNotice($"whether services are stopped by a run that was killed cannot be seen: {e.Message}", IsTrouble: false));
        }
    }

    private void AddPrevious()
    {
        try
        {
            foreach (ReplacementRecord record in new ReplacementJournal(configuration.State.Path).ReadPrevious())
            {
                string kept = record.Live == Side.New ? "the state before" : "the state of";
                _notices.Add(new StatusNotice($"{kept} the {record.Action} of {string.Join(", ", record.ReplacedServices)} at {record.Began.LocalDateTime:yyyy-MM-dd HH:mm:ss} is kept: 'backup rollback {record.Id}' returns to it", IsTrouble: false));
            }
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            _notices.Add(new StatusNotice($"what earlier restores have replaced cannot be seen: {e.Message}", IsTrouble: false));
        }
    }
}
