using BackupTool.Posix;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// Which names of an archive are one file. The first one that is stored holds the content, the others link to it: so a name that could not be stored is
/// forgotten, and the next one becomes the first. Asked in the order of the stream, by one at a time.
/// </summary>
internal sealed class HardLinkNames
{
    private readonly Dictionary<(ulong Device, ulong Inode, UnixTime BornAt), BytePath> _firstNames = [];

    /// <summary>Whether an entry can have further names that link to it.</summary>
    internal static bool HasSeveral(ArchiveEntry entry) => entry.Status is { Kind: FileKind.Regular, LinkCount: > 1 } && !entry.IsStaged;

    /// <summary>What later names link to must be what they are: another file that has taken the name meanwhile would become their content, too.</summary>
    /// <exception cref="PosixException">ENOENT: the file that the cut saw has no longer this name.</exception>
    internal static void RequireSame(ArchiveEntry entry, in FileStatus opened)
    {
        if (HasSeveral(entry) && !opened.IsSameBirthAs(entry.Status)) throw new PosixException(Errno.ENOENT, "open", entry.Path);
    }

    /// <summary>Finds whether an earlier member is the same inode; else this is its first name.</summary>
    internal PlannedEntry Plan(ArchiveEntry entry)
    {
        if (!HasSeveral(entry)) return new(entry, null);
        bool isFirst = _firstNames.TryAdd(KeyOf(entry), entry.MemberPath);
        BytePath first = _firstNames[KeyOf(entry)];
        return new(entry, isFirst || first == entry.MemberPath ? null : first);
    }

    /// <summary>The same entry with the name that it links to by now.</summary>
    internal PlannedEntry PlanAgain(PlannedEntry planned) => planned with { HardLinkTo = Plan(planned.Entry).HardLinkTo };

    /// <summary>The entry could not be stored.</summary>
    internal void Forget(ArchiveEntry entry)
    {
        if (HasSeveral(entry) && _firstNames.TryGetValue(KeyOf(entry), out BytePath first) && first == entry.MemberPath) _firstNames.Remove(KeyOf(entry));
    }

    private static (ulong, ulong, UnixTime) KeyOf(ArchiveEntry entry) => (entry.Status.Device, entry.Status.Inode, entry.Status.BornAt);
}
