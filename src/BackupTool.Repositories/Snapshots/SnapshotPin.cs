namespace BackupTool.Repositories.Snapshots;

/// <summary>The newest word on whether a snapshot is pinned, kept as <c>pins/&lt;snapshot id&gt;.json</c>: a snapshot's own file never changes.</summary>
public sealed record SnapshotPin
{
    /// <summary>1.</summary>
    public required int FormatVersion { get; init; }

    /// <summary>The snapshot's id.</summary>
    public required string Snapshot { get; init; }

    /// <summary>Whether it is pinned.</summary>
    public required bool Pinned { get; init; }

    /// <summary>When this was said.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>On which machine.</summary>
    public required string Host { get; init; }
}
