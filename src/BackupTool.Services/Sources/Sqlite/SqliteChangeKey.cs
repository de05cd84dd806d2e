using System.Globalization;
using BackupTool.Posix;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>
/// What a database's main file does not show: in WAL mode the main file can stand still for hours while everything goes to <c>-wal</c>. A database
/// is unchanged since a backup when the main file's status and this text are. Statuses only; nothing is opened.
/// </summary>
public static class SqliteChangeKey
{
    /// <summary>What a file system takes: there is no file of a longer name, and asking for it is an error.</summary>
    private const int LongestName = 255;

    /// <summary>
    /// Describes the <c>-wal</c> and <c>-journal</c> beside <paramref name="name"/>. Take it <b>before</b> pinning, so that a later change
    /// is never covered. A sibling changed within the current tick of the file clock could change again without a trace, so it is described
    /// with that tick, as "fresh": such a text never equals a later one. Without ctime, because SQLite run by root moves that of the log whenever
    /// it opens one (it sets the owner again).
    /// </summary>
    public static string Describe(PosixDirectory directory, BytePath name)
    {
        UnixTime now = PosixIdentity.FileClock();
        return $"wal {Describe(directory, name, "-wal"u8, now)}; journal {Describe(directory, name, "-journal"u8, now)}";
    }

    private static string Describe(PosixDirectory directory, BytePath name, ReadOnlySpan<byte> suffix, UnixTime now)
    {
        if (name.Name.Length + suffix.Length > LongestName || !directory.TryGetStatus(new BytePath([.. name.Bytes, .. suffix]), out FileStatus status)) return "none";
        string text = $"{status.Inode},{status.Size},{Text(status.ModifiedAt)}";
        return FileTick.CanHideALaterWrite(status.ModifiedAt, now) ? $"{text},fresh {Text(now)}" : text;
    }

    private static string Text(UnixTime time) => string.Create(CultureInfo.InvariantCulture, $"{time.Seconds}.{time.Nanoseconds:000000000}");
}
