using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>
/// Tells databases by what is in them, whatever they are called. Reads the file itself, so it keeps away from every database that
/// this process has pinned, and from <c>-shm</c> files: closing <b>any</b> descriptor of a file drops the process's POSIX locks on it.
/// </summary>
public static class SqliteHeader
{
    /// <summary>One page of the smallest size that there is (fileformat2, 1.3.2).</summary>
    private const int SmallestDatabase = 512;

    private static ReadOnlySpan<byte> Magic => "SQLite format 3\0"u8;

    /// <summary>
    /// Whether <paramref name="path"/> is a SQLite database: a regular file (a link is not followed) that begins with SQLite's header, or an
    /// empty one that has a write-ahead log beside it. An empty file alone is none, though SQLite would take it for one.
    /// </summary>
    /// <exception cref="PosixException">It exists and cannot be read.</exception>
    public static bool IsDatabase(BytePath path)
    {
        if (!PosixDirectory.Current.TryGetStatus(path, out FileStatus status) || status.Kind != FileKind.Regular || IsWalIndex(path)) return false;
        if (status.Size < SmallestDatabase) return status.Size == 0 && HasWriteAheadLog(path);
        return PinnedFiles.IfNotPinned(status, () => Read(path), whenPinned: Content.RollbackDatabase) != Content.Other;
    }

    /// <summary>Whether the header says WAL; false too when this process has pinned the file, and so must not read it.</summary>
    internal static bool SaysWal(BytePath path, FileStatus status) =>
        PinnedFiles.IfNotPinned(status, () => Read(path), whenPinned: Content.Other) == Content.WalDatabase;

    /// <summary>Whether <c>-wal</c> beside the file begins as a write-ahead log does (fileformat2, 4.1: 0x377f0682 or 0x377f0683).</summary>
    internal static bool HasWriteAheadLog(BytePath path)
    {
        Span<byte> start = stackalloc byte[4];
        return TryReadStart(WalOf(path), start) && start is [0x37, 0x7f, 0x06, 0x82 or 0x83];
    }

    internal static BytePath WalOf(BytePath path) => new([.. path.Bytes, .. "-wal"u8]);

    // SQLite's locks of a WAL database are on its -shm file: a pin of ours would lose its snapshot if we opened and closed that.
    private static bool IsWalIndex(BytePath path) =>
        path.Bytes.EndsWith("-shm"u8) && PosixDirectory.Current.TryGetStatus(new BytePath(path.Bytes[..^4]), out _);

    private static Content Read(BytePath path)
    {
        Span<byte> start = stackalloc byte[20];
        if (!TryReadStart(path, start) || !start.StartsWith(Magic)) return Content.Other;
        return start[18] == 2 || start[19] == 2 ? Content.WalDatabase : Content.RollbackDatabase;
    }

    private static bool TryReadStart(BytePath path, Span<byte> start)
    {
        try
        {
            using SafeFileHandle file = PosixDirectory.Current.OpenForReading(path);
            return PosixFile.GetStatus(file, path).Kind == FileKind.Regular && PosixFile.ReadFully(file, start, 0, path) == start.Length;
        }
        catch (PosixException e) when (e.IsNotFound || e.Errno is Errno.ELOOP or Errno.ENXIO or Errno.ENAMETOOLONG)
        {
            return false;   // gone, or no longer a regular file, since it was looked at; or the name has no room for "-wal"
        }
    }

    private enum Content { Other, RollbackDatabase, WalDatabase }
}
