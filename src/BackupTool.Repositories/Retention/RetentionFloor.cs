using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Retention;

/// <summary>What is never removed of one service of one host, whatever the policies say.</summary>
public sealed record RetentionFloor
{
    /// <summary>The machine.</summary>
    public required string Host { get; init; }

    /// <summary>The service.</summary>
    public required string Service { get; init; }

    /// <summary>The newest snapshot that holds it.</summary>
    public required RetentionSnapshot Newest { get; init; }

    /// <summary>The newest of them that was verified, and in which the service is not suspicious where there is such a one; null when none ever was.</summary>
    public RetentionSnapshot? NewestVerified { get; init; }

    /// <summary>The floors of all services of all hosts. Snapshots from after <paramref name="now"/> are no service's newest where there is another: a clock was wrong.</summary>
    public static IReadOnlyList<RetentionFloor> Of(IEnumerable<RetentionSnapshot> snapshots, DateTimeOffset now)
    {
        var series = snapshots.SelectMany(static snapshot => snapshot.Services.Distinct(), static (snapshot, service) => (Snapshot: snapshot, Service: service))
            .GroupBy(static held => (held.Snapshot.Host, held.Service), static held => held.Snapshot);
        return [.. series.Select(held => Of(held.Key.Host, held.Key.Service, [.. held], now)).OrderBy(static floor => floor.Host, StringComparer.Ordinal).ThenBy(static floor => floor.Service, StringComparer.Ordinal)];
    }

    private static RetentionFloor Of(string host, string service, List<RetentionSnapshot> snapshots, DateTimeOffset now)
    {
        List<RetentionSnapshot> past = snapshots.FindAll(snapshot => snapshot.Time <= now && !snapshot.IsSetAside);
        return new RetentionFloor
        {
            Host = host,
            Service = service,
            Newest = (LatestOf(past) ?? LatestOf(snapshots))!,
            // That an empty directory was stored faultlessly is no reason to let go of what was in it.
            NewestVerified = LatestOf(past.Where(snapshot => snapshot.IsVerified && !snapshot.IsSuspicious(service)))
                ?? LatestOf(past.Where(static snapshot => snapshot.IsVerified)) ?? LatestOf(snapshots.Where(static snapshot => snapshot.IsVerified)),
        };
    }

    private static RetentionSnapshot? LatestOf(IEnumerable<RetentionSnapshot> snapshots) => snapshots.MaxBy(static snapshot => snapshot, Comparer<RetentionSnapshot>.Create(RetentionSnapshot.CompareAge));

    /// <summary>Why this snapshot, which holds the service, must stay; null when it need not.</summary>
    internal string? WhyKept(RetentionSnapshot snapshot)
    {
        if (snapshot.Id == NewestVerified?.Id) return "newest verified";
        if (NewestVerified is not null && RetentionSnapshot.CompareAge(snapshot, NewestVerified) > 0) return $"newer than the newest verified ({NewestVerified.Id.Prefix})";
        return snapshot.Id == Newest.Id ? "newest" : null;
    }

    /// <summary>Why only force forgets this snapshot when a person asks; null when nothing speaks against it.</summary>
    /// <param name="id">The snapshot.</param>
    public string? WhyPrecious(SnapshotId id) =>
        id == NewestVerified?.Id ? $"it is the newest verified snapshot of {Service}" : id == Newest.Id ? $"it is the newest snapshot of {Service}" : null;
}
