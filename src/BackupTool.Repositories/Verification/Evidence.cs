namespace BackupTool.Repositories.Verification;

/// <summary>The report of a verification, kept as <c>evidence/&lt;sha256&gt;.json</c>.</summary>
public sealed record Evidence
{
    /// <summary>1.</summary>
    public required int FormatVersion { get; init; }

    /// <summary>What was done: <c>verify</c>.</summary>
    public required string Action { get; init; }

    /// <summary>When it was done.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>On which machine.</summary>
    public required string Host { get; init; }

    /// <summary>structure, data or content.</summary>
    public required string Level { get; init; }

    /// <summary>The part that was read, <c>n/t</c>; null for all.</summary>
    public string? Subset { get; init; }

    /// <summary>The snapshots that were looked at.</summary>
    public required string[] Snapshots { get; init; }

    /// <summary>What was found; empty when all is well.</summary>
    public required string[] Problems { get; init; }

    /// <summary>Bytes of the repository that were read.</summary>
    public required long ReadBytes { get; init; }
}
