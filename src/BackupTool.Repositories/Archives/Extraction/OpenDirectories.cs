using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Extraction;

/// <summary>
/// The way from the target down to the directory that was last worked in, as open handles: each opened by its one name in the one above, never
/// through a symbolic link. Members in tree order so cost one open for each directory; others cost a walk.
/// </summary>
internal sealed class OpenDirectories(PosixDirectory target) : IDisposable
{
    // Paths deeper than this exist; handles are scarce. The uppermost are closed first and opened again when they are needed.
    private const int MaxOpen = 100;

    private static readonly BytePath Self = BytePath.From("."), DefaultAcl = BytePath.From("system.posix_acl_default");

    private readonly List<Level> _levels = [];
    private bool? _targetHandsDownAcl;

    /// <summary>Whether what is made in the directory last entered gets an ACL that it was not given.</summary>
    internal bool HandsDownAcl => _levels.Count == 0 ? _targetHandsDownAcl ??= HasDefaultAcl(target) : _levels[^1].HandsDownAcl;

    /// <summary>
    /// The directory of these names below the target, opened; where one is missing it is made, as tar does it (0777 less the umask). The handle stays
    /// this object's, until the next call.
    /// </summary>
    internal PosixDirectory Enter(ReadOnlySpan<BytePath> names, BytePath member)
    {
        int same = 0;
        while (same < names.Length && same < _levels.Count && _levels[same].Name == names[same]) same++;
        for (int i = _levels.Count - 1; i >= same; i--) _levels[i].Directory?.Dispose();
        _levels.RemoveRange(same, _levels.Count - same);

        PosixDirectory directory = Reopen(same, member);
        foreach (BytePath name in names[same..])
        {
            bool inherits = HandsDownAcl;
            bool isNew = !directory.TryGetStatus(name, out _);
            if (isNew) directory.CreateDirectory(name);
            directory = OpenReal(directory, name, member);
            _levels.Add(new Level(name, directory, inherits || (!isNew && HasDefaultAcl(directory))));
            if (_levels.Count > MaxOpen) Close(_levels.Count - 1 - MaxOpen);
        }
        return directory;
    }

    public void Dispose()
    {
        foreach (Level level in _levels) level.Directory?.Dispose();
        _levels.Clear();
    }

    /// <summary>Opens a directory that must be one: not a link to one, not a file.</summary>
    internal static PosixDirectory OpenReal(PosixDirectory directory, BytePath name, BytePath member)
    {
        try
        {
            return directory.OpenDirectory(name);
        }
        catch (PosixException e) when (e.Errno is Errno.ENOTDIR or Errno.ELOOP)
        {
            BytePath there = directory.Full(name);
            throw directory.GetStatus(name).Kind == FileKind.SymbolicLink
                ? new UnsafeArchiveException(member, $"{there} is a symbolic link, and nothing is written through links",
                    "Remove the link there, or restore into an empty directory.")
                : new ExtractionException(member, $"{there} is in the way: it is no directory", "Move it away, or restore into an empty directory.");
        }
    }

    /// <summary>The directory of the first <paramref name="count"/> levels, though its handle may have been closed.</summary>
    private PosixDirectory Reopen(int count, BytePath member)
    {
        int open = count;
        while (open > 0 && _levels[open - 1].Directory is null) open--;
        PosixDirectory directory = open == 0 ? target : _levels[open - 1].Directory!;
        for (int i = open; i < count; i++)
        {
            directory = OpenReal(directory, _levels[i].Name, member);
            _levels[i] = _levels[i] with { Directory = directory };
            if (i >= MaxOpen) Close(i - MaxOpen);
        }
        return directory;
    }

    private void Close(int level)
    {
        _levels[level].Directory?.Dispose();
        _levels[level] = _levels[level] with { Directory = null };
    }

    private static bool HasDefaultAcl(PosixDirectory directory) =>
        directory.ReadExtendedAttributes(Self).Any(static attribute => attribute.Name == DefaultAcl);

    private readonly record struct Level(BytePath Name, PosixDirectory? Directory, bool HandsDownAcl);
}
