using BackupTool.Posix;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>
/// One moment of a live database, held by an open read transaction: whatever the service writes later, <see cref="CopyTo"/> copies that moment.
/// Pinning takes milliseconds, so it fits into the stop window; copying does not need the window when <see cref="JournalMode"/> is WAL.
/// </summary>
/// <remarks>
/// The database's bytes, times and WAL stay as they are. Files beside it stay too, but for a <c>-shm</c> that SQLite has to make when there is a WAL without one. The one
/// exception is a crashed transaction's <c>-journal</c>, which is rolled back as whoever opens the database next would do.
/// While a pin is held, <b>nothing else in this process may open and close the database file or its <c>-shm</c></b>: that drops its locks.
/// A pinned reader keeps out a service that wants the database alone (<c>locking_mode=EXCLUSIVE</c>, some migrations).
/// Not for use by two threads at a time.
/// </remarks>
public sealed class PinnedDatabase : IDisposable
{
    private readonly OpenedDatabase _opened;
    private readonly SqliteOptions _options;
    private readonly TimeProvider _clock;

    private PinnedDatabase(OpenedDatabase opened, SqliteOptions options, TimeProvider clock)
    {
        _opened = opened;
        _options = options;
        _clock = clock;
        JournalMode = opened.ReadText("PRAGMA journal_mode") == "wal" ? JournalMode.Wal : JournalMode.Rollback;
        PageSize = (int)opened.ReadNumber("PRAGMA page_size");
        PageCount = opened.ReadNumber("PRAGMA page_count");
    }

    /// <summary>The database.</summary>
    public BytePath Path => _opened.Path;

    /// <summary>For asking the pinned moment itself; it can read only.</summary>
    internal SqliteConnectionHandle Connection => _opened.Connection;

    /// <summary>Whether writers go on while it is pinned.</summary>
    public JournalMode JournalMode { get; }

    /// <summary>Bytes per page.</summary>
    public int PageSize { get; }

    /// <summary>Pages of the pinned moment, those that are only in the WAL included.</summary>
    public long PageCount { get; }

    /// <summary>
    /// Pins the present moment, waiting for a writer at most <see cref="SqliteOptions.BusyTimeout"/>. Opens read-only, and for writing only where SQLite
    /// must: to roll a journal back, or to tidy up the WAL files that a reader makes for a database that had none.
    /// </summary>
    /// <exception cref="SourceException">It is missing, locked, encrypted, no database, or an empty file with a WAL beside it.</exception>
    /// <exception cref="DatabaseDamagedException">Its schema cannot be read.</exception>
    public static PinnedDatabase Pin(BytePath path, SqliteOptions options, TimeProvider clock, CancellationToken cancellationToken)
    {
        FileStatus status = RequireDatabaseFile(path);
        var opened = OpenedDatabase.Open(path, status, new LockPatience(path, options.BusyTimeout, clock, cancellationToken));
        try
        {
            return new PinnedDatabase(opened, options, clock);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Copies the pinned moment to a new file of mode 0600, as a rollback-journal database with nothing beside it, and runs <c>quick_check</c> on the copy.
    /// Never restarts, whatever writers do. On failure or cancellation, which is heard between steps, no copy is left.
    /// </summary>
    /// <param name="destination">Must not exist.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="cancellationToken">Heard between steps and during the check.</param>
    /// <exception cref="DatabaseDamagedException">The check found damage.</exception>
    /// <exception cref="SourceException">Reading or writing failed, or the disk is full.</exception>
    public CopyResult CopyTo(BytePath destination, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        long start = _clock.GetTimestamp();
        var copy = new DatabaseCopy(_opened, destination, _options, new LockPatience(Path, _options.BusyTimeout, _clock, cancellationToken));
        CheckResult check = copy.Make(PageSize, progress, cancellationToken);
        return new CopyResult(PageCount * PageSize, PageSize, PageCount, _clock.GetElapsedTime(start), check.UncheckedBecause, check.Damage?.Message);
    }

    /// <summary>
    /// Gives the main file itself, after a <c>quick_check</c>, when it is the pinned moment; null when a copy must be made. It is, in WAL mode with an empty log: a
    /// reader of such a database holds the lock without which no checkpoint writes to the main file (wal.c, WAL_READ_LOCK(0)), and the log cannot be
    /// restarted under any other reader. A database with a rollback journal is copied instead, because its writers wait for the reader.
    /// </summary>
    /// <exception cref="DatabaseDamagedException">The check found damage.</exception>
    public StillDatabase? TryReadInPlace(CancellationToken cancellationToken)
    {
        if (JournalMode != JournalMode.Wal || !_opened.HasEmptyWal) return null;
        long bytes = PosixFile.GetStatus(_opened.MainFile, Path).Size;
        if (bytes != PageCount * PageSize || !_opened.MainFileIsAtPath) return null;
        foreach (string setting in (string[])["PRAGMA trusted_schema=0", "PRAGMA cell_size_check=1"]) _opened.Connection.TryQuery(setting);
        CheckResult check = DatabaseCheck.Run(_opened.Connection, _options, Path, (result, message) => SqliteFailure.Explain(result, Path, message), cancellationToken);
        return new StillDatabase(_opened.MainFile, bytes, check.UncheckedBecause, check.Damage?.Message);
    }

    /// <summary>Runs <c>quick_check</c> on the pinned moment itself, without a copy.</summary>
    /// <returns>Null when it passed; otherwise why it could not run at all.</returns>
    /// <exception cref="DatabaseDamagedException">It found damage.</exception>
    /// <exception cref="SourceException">It cannot be read.</exception>
    public string? Check(CancellationToken cancellationToken)
    {
        foreach (string setting in (string[])["PRAGMA trusted_schema=0", "PRAGMA cell_size_check=1"]) _opened.Connection.TryQuery(setting);
        return DatabaseCheck.Run(_opened.Connection, _options with { KeepsDamagedCopy = false }, Path, (result, message) => SqliteFailure.Explain(result, Path, message), cancellationToken).UncheckedBecause;
    }

    /// <summary>Lets the moment go. Never checkpoints.</summary>
    public void Dispose() => _opened.Dispose();

    private static FileStatus RequireDatabaseFile(BytePath path)
    {
        if (!PosixDirectory.Current.TryGetStatus(path, out FileStatus status))
            throw new SourceException($"the database {path} does not exist", "Correct the path in the configuration.");
        if (status.Kind != FileKind.Regular)
            throw new SourceException($"the database {path} is a {status.Kind}, not a regular file", "Name the database file itself.");
        if (status.Size > 0) return status;
        // SQLite takes the log of an empty file for a leftover and deletes it at the first reading (measured with 3.53.4).
        throw SqliteHeader.HasWriteAheadLog(path)
            ? new SourceException($"the database {path} is empty, but its write-ahead log is not: whoever opens it with SQLite deletes that log",
                "Do not start the service. Copy both files away, then put the last good state back with 'backup restore'.")
            : new SourceException($"the database {path} is an empty file", "Start the service once, so that it makes its tables, or leave it out.");
    }
}
