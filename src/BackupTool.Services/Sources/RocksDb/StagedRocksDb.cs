using BackupTool.Posix;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>One file of a staged database.</summary>
/// <param name="OriginalPath">Where the service has it.</param>
/// <param name="StagedPath">
/// Where to read it. May share its inode with the original: never change its mode, owner or times, and read <paramref name="OriginalStatus"/>'s size of bytes, no more
/// (a table that was being written at the cut, which the staged MANIFEST does not name, grows on once the service goes on).
/// </param>
/// <param name="OriginalStatus">Owner, mode, size and times for the archive, as they were before staging.</param>
/// <param name="IsImmutable">
/// A table or blob file, which is never written again. Staging by hard links moves its ctime each time, so compare it with an earlier backup by name,
/// inode, size and mtime alone.
/// </param>
public sealed record StagedFile(BytePath OriginalPath, BytePath StagedPath, FileStatus OriginalStatus, bool IsImmutable);

/// <summary>How a file got into the staging directory.</summary>
public enum StagingMeans
{
    /// <summary>A second name for the same inode.</summary>
    HardLink,
    /// <summary>A copy that shares the blocks (reflink).</summary>
    Clone,
    /// <summary>A plain copy.</summary>
    Copy,
}

/// <summary>
/// One consistent moment of a RocksDB database, held in a directory of its own while the service goes on. Disposing removes the
/// directory; the originals stay as they are.
/// </summary>
public sealed class StagedRocksDb : IDisposable
{
    private readonly BytePath _stagingDirectory;

    internal StagedRocksDb(BytePath stagingDirectory, IReadOnlyList<StagedFile> files, IReadOnlyList<BytePath> otherEntries, StagingMeans means)
    {
        _stagingDirectory = stagingDirectory;
        Files = files;
        OtherEntries = otherEntries;
        ImmutableFilesStagedBy = means;
    }

    /// <summary>The database's files, in byte order of their names.</summary>
    public IReadOnlyList<StagedFile> Files { get; }

    /// <summary>
    /// Whatever else is in the database's directory and not the engine's (media, backups, the service's own files), absolute, in byte order:
    /// the caller archives these as files, or leaves them out.
    /// </summary>
    public IReadOnlyList<BytePath> OtherEntries { get; }

    /// <summary>The costliest means that an immutable file needed: anything but a link or a clone makes the window grow with the data.</summary>
    public StagingMeans ImmutableFilesStagedBy { get; }

    /// <summary>Removes the staging directory.</summary>
    public void Dispose() => PosixDirectory.Current.RemoveTree(_stagingDirectory);
}
