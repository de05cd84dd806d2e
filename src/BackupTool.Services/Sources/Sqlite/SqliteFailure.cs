using BackupTool.Posix;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>Turns SQLite's result codes into what an operator can act on.</summary>
internal static class SqliteFailure
{
    /// <summary>Of the unix VFS: SQLITE_MAX_PATHNAME, 512, less the terminating zero (os_unix.c).</summary>
    private const int LongestPath = 511;

    internal static int Primary(int result) => result & 0xff;

    internal static bool IsBusy(int result) => Primary(result) is raw.SQLITE_BUSY or raw.SQLITE_LOCKED;

    /// <summary>Whether a read-only connection failed where one that may write could succeed: a journal to roll back, a WAL index to make.</summary>
    internal static bool NeedsWriting(int result) => Primary(result) is raw.SQLITE_READONLY or raw.SQLITE_CANTOPEN;

    internal static ExplainedException Explain(int result, BytePath path, string message) => Primary(result) switch
    {
        raw.SQLITE_NOTADB => new NotADatabaseException(path, "it begins as a SQLite database does, but it is none, or it is encrypted"),
        raw.SQLITE_CORRUPT => new DatabaseDamagedException(path, [message]),
        raw.SQLITE_READONLY => new SourceException($"{path} has an unfinished transaction that has to be rolled back first, and may not be written: {message}",
            "Run as root or as the service's user, or start and stop the service once, so that it recovers its database."),
        raw.SQLITE_CANTOPEN when path.Length > LongestPath => new NotADatabaseException(path, $"SQLite takes no path of more than {LongestPath} bytes"),
        raw.SQLITE_CANTOPEN => new SourceException($"{path} cannot be opened: {message}",
            "SQLite has to make its -shm file beside the database: run as root or as the service's user, on a file system that can be written."),
        _ => new SourceException($"{path} cannot be read: {message}", "See the system's journal for disk errors, then try again."),
    };

    internal static ExplainedException ExplainLocked(BytePath path, TimeSpan waited) =>
        new DatabaseLockedException($"{path} is locked exclusively by another process (waited {waited.TotalSeconds:0.#} s)",
            "Stop the service for the copy (quiesce = \"stop\"), or wait for the end of its long transaction.");

    internal static ExplainedException ExplainCopy(int result, BytePath source, BytePath copy, string message) => Primary(result) switch
    {
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => Explain(result, source, message),
        raw.SQLITE_FULL => new SourceException($"{source} cannot be copied to {copy}: {message}", "Free space there: the copy needs as much as the database."),
        _ => new SourceException($"{source} cannot be copied to {copy}: {message}", "See the system's journal for disk errors, then try again."),
    };
}
