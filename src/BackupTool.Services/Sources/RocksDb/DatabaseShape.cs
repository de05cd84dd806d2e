using BackupTool.Posix;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>
/// The engine's files in a directory with their inodes, sizes and times, as one look found them. Two equal looks, one before and one after
/// staging, mean that nothing was written in between: CURRENT and the MANIFEST name a state whose files were all there.
/// </summary>
internal sealed class DatabaseShape
{
    private readonly bool _isSettled;

    private DatabaseShape(List<ShapeEntry> files, List<BytePath> leftovers, List<BytePath> foreign, bool isSettled)
    {
        Files = files;
        Leftovers = leftovers;
        Foreign = foreign;
        _isSettled = isSettled;
    }

    /// <summary>What belongs to the database, in byte order.</summary>
    internal IReadOnlyList<ShapeEntry> Files { get; }

    internal IReadOnlyList<BytePath> Leftovers { get; }

    internal IReadOnlyList<BytePath> Foreign { get; }

    internal static DatabaseShape Look(PosixDirectory directory)
    {
        UnixTime now = PosixIdentity.FileClock();
        List<ShapeEntry> files = [];
        List<BytePath> leftovers = [], foreign = [];
        bool isSettled = true;
        foreach (BytePath name in directory.ReadNames())
        {
            if (!directory.TryGetStatus(name, out FileStatus status)) continue;   // the second look tells
            RocksDbFileRole role = status.Kind == FileKind.Regular ? RocksDbFile.RoleOf(name) : RocksDbFileRole.Foreign;
            if (role == RocksDbFileRole.Leftover) leftovers.Add(name);
            else if (role == RocksDbFileRole.Foreign) foreign.Add(name);
            else
            {
                files.Add(new ShapeEntry(name, status, role));
                isSettled &= role == RocksDbFileRole.Immutable || !FileTick.CanHideALaterWrite(status.ModifiedAt, now);
            }
        }
        return new DatabaseShape(files, leftovers, foreign, isSettled);
    }

    /// <summary>
    /// Whether nothing can have been written since <paramref name="earlier"/>. Not ctime: linking a file moves that.
    /// </summary>
    internal bool IsUnchangedSince(DatabaseShape earlier) => earlier._isSettled && Files.Count == earlier.Files.Count
        && Files.Zip(earlier.Files).All(static pair => pair.First.Name == pair.Second.Name && pair.First.Status.IsSameFileAs(pair.Second.Status)
            && pair.First.Status.Size == pair.Second.Status.Size && pair.First.Status.ModifiedAt == pair.Second.Status.ModifiedAt);
}

/// <summary>One of the engine's files.</summary>
internal sealed record ShapeEntry(BytePath Name, FileStatus Status, RocksDbFileRole Role);
