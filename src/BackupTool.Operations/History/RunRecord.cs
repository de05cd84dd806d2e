namespace BackupTool.Operations.History;

/// <summary>One run of a command that matters later, as the local history keeps it. The history may be deleted at any time: it is no truth, the repository is.</summary>
public sealed record RunRecord
{
    /// <summary>What ran: <c>now</c>, <c>verify</c>, <c>rotate</c>, <c>prune</c>, <c>restore</c> (in place), <c>rollback</c>, <c>wipe</c>, <c>run</c> (a schedule's whole run).</summary>
    public required string Action { get; init; }

    /// <summary>The schedule on whose behalf; null when a person asked.</summary>
    public string? Schedule { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>When it ended.</summary>
    public required DateTimeOffset Finished { get; init; }

    /// <summary>The exit code, as the process would give it.</summary>
    public required int ExitCode { get; init; }

    /// <summary>The snapshot that was stored, whole id; null when none was.</summary>
    public string? Snapshot { get; init; }

    /// <summary>Bytes read of the services or of the repository; null when it is not known.</summary>
    public long? ReadBytes { get; init; }

    /// <summary>Bytes added to the repository (negative: freed); null when it is not known.</summary>
    public long? StoredBytes { get; init; }

    /// <summary>What went wrong, one line; null when nothing did.</summary>
    public string? Problem { get; init; }
}
