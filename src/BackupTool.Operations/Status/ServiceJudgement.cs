using BackupTool.Operations.Restore.InPlace;
using BackupTool.Operations.Sanity;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Verification;

namespace BackupTool.Operations.Status;

/// <summary>What the repository tells of a service. Pure.</summary>
/// <param name="snapshots">Those that count, the oldest first.</param>
/// <param name="evidence">The reports of verifications.</param>
/// <param name="now">The time.</param>
internal sealed class ServiceJudgement(IReadOnlyList<StoredSnapshot> snapshots, IReadOnlyList<Evidence> evidence, DateTimeOffset now)
{
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);

    /// <summary>How a service is.</summary>
    /// <param name="name">Which.</param>
    /// <param name="expectedAge">How old its last good snapshot may be; null when that is not known.</param>
    /// <param name="nextRun">When it is backed up next.</param>
    internal ServiceStatus Judge(string name, TimeSpan? expectedAge, DateTimeOffset? nextRun)
    {
        (StoredSnapshot Stored, ServiceSnapshot Service)[] holding =
            [.. snapshots.SelectMany(stored => stored.Snapshot.Services.Where(service => service.Name == name).Select(service => (stored, service)))];
        (StoredSnapshot Stored, ServiceSnapshot Service)[] goods = [.. holding.Where(static held => SanityFacts.IsGood(held.Stored.Snapshot, held.Service))];
        // One that a wrong clock dated years ahead would be young for years.
        (StoredSnapshot Stored, ServiceSnapshot Service) good = goods.LastOrDefault(held => !IsAhead(held.Stored), goods.LastOrDefault());
        GoodSnapshot? last = good.Stored is null ? null : new GoodSnapshot(good.Stored.Id.Hex, good.Stored.Snapshot.Time, good.Service.Archive.ContentBytes, good.Service.Archive.Files,
            good.Service.DowntimeSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null, good.Service.CrashReason is not null);
        TimeSpan? age = last is null ? null : now - last.Time;
        return new ServiceStatus
        {
            Name = name,
            State = last is null ? BackupState.Never : age > expectedAge ? BackupState.Stale : BackupState.Good,
            LastGood = last,
            Age = age,
            ExpectedAge = expectedAge,
            Trouble = last is not null && IsAhead(good.Stored!) ? $"has no good snapshot but {good.Stored!.Id.Prefix}, which is dated in the future ({last.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}): the clock was wrong then, or is now" : FindTrouble(name, last),
            LastVerify = FindVerification(holding.ToDictionary(static held => held.Stored.Id.Hex, static held => held.Stored.Snapshot.Time)),
            NextRun = nextRun,
        };
    }

    private bool IsAhead(StoredSnapshot stored) => stored.Snapshot.Time > now + ClockTolerance;

    /// <summary>What became of it in the newest snapshot since the last good one that says anything of it.</summary>
    private string? FindTrouble(string name, GoodSnapshot? last)
    {
        foreach (StoredSnapshot stored in snapshots.Reverse().TakeWhile(stored => last is null || stored.Id.Hex != last.Id).Where(static stored => !SafetySnapshot.Is(stored.Snapshot)))
        {
            string when = $"{stored.Id.Prefix} of {stored.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}";
            if (stored.Snapshot.Failures.FirstOrDefault(failure => failure.Name == name) is { } failure) return $"is not in {when}: {failure.Reason.TrimEnd('.')}";
            if (stored.Snapshot.Services.FirstOrDefault(service => service.Name == name) is { } held && SanityFacts.SuspicionOf(held) is { } reason) return $"is suspicious in {when}: it {reason}";
        }
        return null;
    }

    private ServiceVerification? FindVerification(Dictionary<string, DateTimeOffset> holding)
    {
        Evidence? newest = evidence.Where(report => report.Action == "verify" && report.Problems.Length == 0 && report.Snapshots.Any(holding.ContainsKey)).MaxBy(static report => report.Time);
        if (newest is null) return null;
        return new ServiceVerification(newest.Time, newest.Subset is null ? newest.Level : $"{newest.Level} {newest.Subset}", newest.Snapshots.Where(holding.ContainsKey).MaxBy(id => holding[id])!);
    }
}
