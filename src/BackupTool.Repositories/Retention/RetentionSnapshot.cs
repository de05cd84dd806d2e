using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Retention;

/// <summary>What retention must know of a snapshot.</summary>
public sealed record RetentionSnapshot
{
    /// <summary>Its name.</summary>
    public required SnapshotId Id { get; init; }

    /// <summary>When it was cut.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>The machine that made it.</summary>
    public required string Host { get; init; }

    /// <summary>The schedule that asked for it; null when a person did.</summary>
    public string? Schedule { get; init; }

    /// <summary>Its labels.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Whether it is pinned now, whatever its own file says.</summary>
    public bool IsPinned { get; init; }

    /// <summary>Whether a verification read it and found nothing.</summary>
    public bool IsVerified { get; init; }

    /// <summary>Whether it holds a state that a restore or wipe was about to replace: it takes no place from others, and is no service's newest where there is another.</summary>
    public bool IsSetAside { get; init; }

    /// <summary>The services that are in it; not those that failed.</summary>
    public required IReadOnlyList<string> Services { get; init; }

    /// <summary>Those of <see cref="Services"/> of which suspiciously little was stored: there it takes no place from others, and is no proof.</summary>
    public IReadOnlyList<string> Suspicious { get; init; } = [];

    internal bool IsSuspicious(string service) => Suspicious.Contains(service);

    /// <summary>As its file says it.</summary>
    /// <param name="stored">The snapshot.</param>
    /// <param name="suspicious">The services of which suspiciously little was stored.</param>
    /// <param name="isPinned">Whether it is pinned now.</param>
    /// <param name="isVerified">Whether a verification read it and found nothing.</param>
    /// <param name="isSetAside">Whether it holds a state that was about to be replaced.</param>
    public static RetentionSnapshot From(StoredSnapshot stored, IReadOnlyList<string> suspicious, bool isPinned, bool isVerified, bool isSetAside)
    {
        ArgumentNullException.ThrowIfNull(stored);
        return new RetentionSnapshot
        {
            Id = stored.Id,
            Time = stored.Snapshot.Time,
            Host = stored.Snapshot.Host,
            Schedule = stored.Snapshot.Schedule,
            Labels = stored.Snapshot.Labels,
            IsPinned = isPinned,
            IsVerified = isVerified,
            IsSetAside = isSetAside,
            Services = [.. stored.Snapshot.Services.Select(static service => service.Name)],
            Suspicious = suspicious,
        };
    }

    /// <summary>Oldest first. Of the same instant the one with the smaller id: no order of input matters.</summary>
    internal static int CompareAge(RetentionSnapshot a, RetentionSnapshot b)
    {
        int byTime = a.Time.CompareTo(b.Time);
        return byTime != 0 ? byTime : string.CompareOrdinal(a.Id.Hex, b.Id.Hex);
    }
}
