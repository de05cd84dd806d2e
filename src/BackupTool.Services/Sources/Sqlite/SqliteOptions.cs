namespace BackupTool.Services.Sources.Sqlite;

/// <summary>How a live database is taken.</summary>
public sealed record SqliteOptions
{
    /// <summary>How long to wait for a lock that another process holds. Default 30 s.</summary>
    public TimeSpan BusyTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Pages per step of the copy: between steps progress is told and cancellation is heard. Default 1,000.</summary>
    public int PagesPerStep { get; init; } = 1000;

    /// <summary>Whether a copy in which <c>quick_check</c> finds damage is kept, and the damage reported, rather than thrown. Default no.</summary>
    public bool KeepsDamagedCopy { get; init; }

    /// <summary>Whether to fsync the copy. Default no: it is a temporary file that is read back at once.</summary>
    public bool FlushesCopy { get; init; }
}

/// <summary>How a database keeps its transactions, and so who waits for whom.</summary>
public enum JournalMode
{
    /// <summary>Write-ahead log: a pinned reader and the writers never wait for each other.</summary>
    Wal,
    /// <summary>Rollback journal: while it is pinned <b>nobody can write</b>, so copy it inside the window.</summary>
    Rollback,
}

/// <summary>How far a copy is.</summary>
/// <param name="CopiedPages">Pages copied.</param>
/// <param name="TotalPages">Pages in all.</param>
/// <param name="PageSize">Bytes per page.</param>
public readonly record struct CopyProgress(long CopiedPages, long TotalPages, int PageSize);

/// <summary>A finished copy.</summary>
/// <param name="Bytes">Size of the copy.</param>
/// <param name="PageSize">Bytes per page.</param>
/// <param name="PageCount">Pages.</param>
/// <param name="Elapsed">Copying and checking.</param>
/// <param name="UncheckedBecause">
/// Null when <c>quick_check</c> could run. Otherwise why not: the schema needs a collation, function or module that only the
/// service has. Tell the operator: such a copy is complete but unproven.
/// </param>
/// <param name="Damage">With <see cref="SqliteOptions.KeepsDamagedCopy"/>, what <c>quick_check</c> found, as a sentence; null when it found nothing.</param>
public sealed record CopyResult(long Bytes, int PageSize, long PageCount, TimeSpan Elapsed, string? UncheckedBecause, string? Damage);
