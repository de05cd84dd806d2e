using BackupTool.Posix;

namespace BackupTool.Services.Sources.Files;

/// <summary>
/// One walk under way: an explicit stack of levels, of which only the deepest hold their directory open. A level that was closed is
/// opened again through <c>..</c> of the level below it, and must then be the same inode.
/// </summary>
internal sealed class TreeWalk(WalkedEntry root, Func<BytePath, FileStatus, bool> isExcluded, Action<SourceFinding> report)
{
    /// <summary>Directories held open at a time.</summary>
    internal const int MaxOpenDirectories = 200;

    private readonly List<Level> _levels = [];

    // The path of the deepest level; every level above is a prefix of it. Whole paths per level would be 100 MB at 10,000 levels.
    private byte[] _path = new byte[256];

    /// <summary>The root, then everything below it.</summary>
    internal IEnumerable<WalkedEntry> Entries()
    {
        try
        {
            yield return root;
            EnterRoot();
            while (_levels.Count > 0)
            {
                Level level = _levels[^1];
                if (!level.TryTakeName(out BytePath name)) Leave();
                else if (Look(level, name) is { } entry)
                {
                    yield return entry;
                    if (entry.Status.Kind == FileKind.Directory) Enter(level, name, entry);
                }
            }
        }
        finally
        {
            foreach (Level level in _levels) level.Directory?.Dispose();
        }
    }

    /// <summary>The error for a root that cannot be read.</summary>
    internal static SourceException UnreadableRoot(BytePath root, PosixException cause) =>
        new($"the source {root} cannot be read: {cause.Message}", cause.Errno is Errno.EACCES or Errno.EPERM
            ? "Run as root, or as a user who may read it." : "See that its file system is mounted and healthy.", cause);

    private void EnterRoot()
    {
        try
        {
            Push(root.Path == new BytePath("/"u8)
                ? PosixDirectory.Open(root.Path) : OpenBelowParent(root.Path), root);
        }
        catch (PosixException e)
        {
            throw UnreadableRoot(root.Path, e);
        }
    }

    private static PosixDirectory OpenBelowParent(BytePath path)
    {
        using PosixDirectory parent = PosixDirectory.Open(path.Parent);
        return parent.OpenDirectory(path.Name);
    }

    private void Enter(Level above, BytePath name, WalkedEntry entry)
    {
        try
        {
            Push(above.Directory!.OpenDirectory(name), entry);
        }
        catch (PosixException e)
        {
            ReportFailure(entry.Path, e);
        }
    }

    private void Push(PosixDirectory directory, WalkedEntry entry)
    {
        try
        {
            int pathLength = entry.Path.Bytes.TrimEnd((byte)'/').Length;
            _levels.Add(new Level(directory, directory.GetStatus(), directory.ReadNames(), pathLength));
            if (_path.Length < pathLength) Array.Resize(ref _path, pathLength * 2);
            entry.Path.Bytes[..pathLength].CopyTo(_path);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
        if (_levels.Count > MaxOpenDirectories) _levels[^(MaxOpenDirectories + 1)].Close();
    }

    private void Leave()
    {
        Level left = _levels[^1];
        _levels.RemoveAt(_levels.Count - 1);
        using (left.Directory)
        {
            if (_levels.Count > 0 && _levels[^1].Directory is null) Reopen(_levels[^1], left.Directory);
        }
    }

    private void Reopen(Level level, PosixDirectory? below)
    {
        BytePath path = PathOf(level, default);
        try
        {
            if (below is not null && level.TryReopen(below.OpenParent(path))) return;
        }
        catch (PosixException e)
        {
            ReportFailure(path, e);
            level.Abandon();
            return;
        }
        if (level.Abandon()) report(new SourceFinding(FindingKind.Vanished, path, "was moved or removed while it was walked: its remaining entries are missing"));
    }

    private WalkedEntry? Look(Level level, BytePath name)
    {
        BytePath path = PathOf(level, name);
        try
        {
            if (!level.Directory!.TryGetStatus(name, out FileStatus status))
            {
                report(new SourceFinding(FindingKind.Vanished, path, "vanished while the directory was walked"));
                return null;
            }
            if (isExcluded(path, status)) return null;
            if (status.Kind == FileKind.Socket)
            {
                report(new SourceFinding(FindingKind.Skipped, path, "a socket: the service makes it anew when it starts"));
                return null;
            }
            return new WalkedEntry(path, status, status.Kind == FileKind.SymbolicLink ? level.Directory.ReadLink(name) : default);
        }
        catch (PosixException e)
        {
            ReportFailure(path, e);
            return null;
        }
    }

    private void ReportFailure(BytePath path, PosixException e) =>
        report(new SourceFinding(e.IsNotFound ? FindingKind.Vanished : FindingKind.Unreadable, path, e.Message));

    private BytePath PathOf(Level level, BytePath name)
    {
        var bytes = new byte[level.PathLength + (name.IsEmpty ? 0 : 1 + name.Length)];
        _path.AsSpan(0, level.PathLength).CopyTo(bytes);
        if (!name.IsEmpty)
        {
            bytes[level.PathLength] = (byte)'/';
            name.Bytes.CopyTo(bytes.AsSpan(level.PathLength + 1));
        }
        return new BytePath(bytes);
    }

    /// <summary>One directory of the path from the root to where the walk is.</summary>
    private sealed class Level(PosixDirectory directory, FileStatus identity, List<BytePath> names, int pathLength)
    {
        private int _next;

        internal PosixDirectory? Directory { get; private set; } = directory;

        internal int PathLength => pathLength;

        internal bool TryTakeName(out BytePath name)
        {
            name = _next < names.Count ? names[_next] : default;
            return _next++ < names.Count;
        }

        internal void Close()
        {
            Directory?.Dispose();
            Directory = null;
        }

        internal bool TryReopen(PosixDirectory candidate)
        {
            bool same = candidate.GetStatus().IsSameFileAs(identity);
            if (same) Directory = candidate;
            else candidate.Dispose();
            return same;
        }

        /// <summary>Gives the remaining names up; false when there were none.</summary>
        internal bool Abandon()
        {
            bool hadNames = _next < names.Count;
            _next = names.Count;
            return hadNames;
        }
    }
}
