using BackupTool.Posix;

namespace BackupTool.Services.Sources.Files;

/// <summary>Walks a tree as an archive wants it: in tree order, without opening a single file.</summary>
public static class FileTree
{
    /// <summary>
    /// The entries at and below <paramref name="root"/>, depth-first with names sorted by bytes, which is <see cref="BytePath"/>'s tree
    /// order; a directory comes before its contents. Symbolic links are yielded, never followed. Lazy: one directory's names per level are in memory.
    /// </summary>
    /// <remarks>
    /// Only directories are opened, each relative to the one above, at most <see cref="TreeWalk.MaxOpenDirectories"/> at a time, so neither depth
    /// nor PATH_MAX limits the walk. (Who opens an entry by its whole path meets PATH_MAX, 4,096 bytes.) A directory that is moved
    /// away more than that many levels above the place of the walk ends the walk of its remaining names, and is reported.
    /// </remarks>
    /// <param name="root">Absolute path of a directory or of a single regular file.</param>
    /// <param name="isExcluded">True for what is neither yielded nor descended into. Not asked about the root.</param>
    /// <param name="report">Told of sockets (left out), and of what vanished or cannot be read; the walk goes on.</param>
    /// <exception cref="SourceException">The root is missing, unreadable, or neither a directory nor a regular file.</exception>
    public static IEnumerable<WalkedEntry> Walk(BytePath root, Func<BytePath, FileStatus, bool> isExcluded, Action<SourceFinding> report)
    {
        if (!root.IsAbsolute) throw new ArgumentException("The root must be an absolute path.", nameof(root));
        ReadOnlySpan<byte> trimmed = root.Bytes.TrimEnd((byte)'/');
        root = new BytePath(trimmed.IsEmpty ? "/"u8 : trimmed);
        FileStatus status = GetRootStatus(root);
        var entry = new WalkedEntry(root, status, default);
        return status.Kind == FileKind.Regular ? [entry] : new TreeWalk(entry, isExcluded, report).Entries();
    }

    private static FileStatus GetRootStatus(BytePath root)
    {
        try
        {
            if (!PosixDirectory.Current.TryGetStatus(root, out FileStatus status))
                throw new SourceException($"the source {root} does not exist", "Correct the path in the configuration, or remove the source from it.");
            return status.Kind switch
            {
                FileKind.Directory or FileKind.Regular => status,
                FileKind.SymbolicLink => throw new SourceException($"the source {root} is a symbolic link", "Name the directory that it points to."),
                _ => throw new SourceException($"the source {root} is a {status.Kind}, not a directory or a regular file",
                    "Name the directory that holds it."),
            };
        }
        catch (PosixException e)
        {
            throw TreeWalk.UnreadableRoot(root, e);
        }
    }
}
