using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// Lets a file or directory and what is put aside for it change places, with what belongs to it. Every call looks at what is where, and does what is left to do: after a kill at
/// any instant the same call, or the one for the other side, brings it to an end. The caller sees to it that nobody uses either.
/// </summary>
internal sealed class PathExchange : IDisposable
{
    private static readonly BytePath OldName = BytePath.From("old"), NewName = BytePath.From("new");
    private readonly ReplacedPath _path;
    private readonly BytePath _name;
    private readonly PosixDirectory _home, _aside, _old, _new;

    internal PathExchange(ReplacedPath path)
    {
        _path = path;
        BytePath live = PathText.Read(path.Live), aside = PathText.Read(path.Aside);
        _name = live.Name;
        _home = PosixDirectory.Open(live.Parent);
        _aside = PosixDirectory.Open(aside);
        _old = PosixDirectory.Open(aside.Combine(OldName));
        _new = PosixDirectory.Open(aside.Combine(NewName));
    }

    /// <summary>Makes the directory that has what is not live.</summary>
    internal static void Make(BytePath aside)
    {
        using PosixDirectory parent = PosixDirectory.Open(aside.Parent);
        parent.CreateDirectory(aside.Name, 0x1c0 /* 0700 */);
        using PosixDirectory made = parent.OpenDirectory(aside.Name);
        made.CreateDirectory(OldName, 0x1c0);
        made.CreateDirectory(NewName, 0x1c0);
        made.Flush();
        parent.Flush();
    }

    /// <summary>Where the new state of a path is made.</summary>
    internal static BytePath NewIn(BytePath aside) => aside.Combine(NewName);

    /// <summary>Where the old state of a path is kept.</summary>
    internal static BytePath OldIn(BytePath aside) => aside.Combine(OldName);

    /// <summary>What is there now, once everything is at rest: completes the record.</summary>
    internal static ReplacedPath Identify(ReplacedPath path)
    {
        BytePath live = PathText.Read(path.Live);
        return path with
        {
            Old = PosixDirectory.Current.TryGetStatus(live, out FileStatus status) ? FileIdentity.Of(status) : null,
            Companions = [.. path.Companions.Select(companion => companion with { HadOld = PosixDirectory.Current.TryGetStatus(With(live, companion), out _) })],
        };
    }

    /// <summary>The old one where it is kept: it may have been copied there since, with the rest of the disk.</summary>
    internal static ReplacedPath IdentifyKept(ReplacedPath path) =>
        path.Old is not null && PosixDirectory.Current.TryGetStatus(OldIn(PathText.Read(path.Aside)).Combine(PathText.Read(path.Live).Name), out FileStatus kept) ? path with { Old = FileIdentity.Of(kept) } : path;

    /// <summary>What would have to be there for the side that does not live to live again, and is not; null when all is.</summary>
    internal static BytePath? FindMissing(ReplacedPath path, Side side)
    {
        BytePath aside = PathText.Read(path.Aside), name = PathText.Read(path.Live).Name;
        BytePath[] needed = side == Side.Old && path.Old is null ? [NewIn(aside), OldIn(aside)] : [NewIn(aside), OldIn(aside), (side == Side.Old ? OldIn(aside) : NewIn(aside)).Combine(name)];
        foreach (BytePath each in needed)
            if (!PosixDirectory.Current.TryGetStatus(each, out _)) return each;
        return null;
    }

    /// <summary>Whether this side lives, and somebody has removed what was put aside: then nothing is left to do. The old one is known by its inode.</summary>
    internal static bool IsAllThereIs(ReplacedPath path, Side side)
    {
        BytePath aside = PathText.Read(path.Aside), live = PathText.Read(path.Live);
        BytePath[] slots = [OldIn(aside), NewIn(aside)];
        if (Array.TrueForAll(slots, static slot => PosixDirectory.Current.TryGetStatus(slot, out _))) return false;
        bool isThere = PosixDirectory.Current.TryGetStatus(live, out FileStatus status), isOld = isThere && status.Inode == path.Old?.Inode;
        if (side == Side.Old) return path.Old is null ? !isThere : isOld;
        return isThere && !isOld && !Array.Exists(slots, slot => PosixDirectory.Current.TryGetStatus(slot.Combine(live.Name), out _));
    }

    /// <summary>Makes one side live.</summary>
    internal void MoveTo(Side side)
    {
        EndExchange();
        (PosixDirectory from, PosixDirectory to) = side == Side.New ? (_new, _old) : (_old, _new);
        if (!IsLive(side))
        {
            // Before the exchange: so what is in a tree that does not live is always what was carried, and not something made afresh since.
            foreach (BytePath carried in Carried) CarriedThing.Move(carried, _name, _home, from, MoveOutOfTheWay);
            if (_path.Companions.Length == 0) FailPoint.Reach(FailPoint.BetweenExchanges);
            if (_path.Companions.Length > 0) Database.Exchange(from, to);
            else Swap(from, to, hasOld: side == Side.Old || _path.Old is not null);
        }
        if (_path.Companions.Length > 0) Database.Tidy(side);
        foreach (PosixDirectory slot in new[] { _new, _old })
            foreach (BytePath carried in Carried) CarriedThing.Take(carried, _name, slot, _home, MoveOutOfTheWay);
        _new.Flush();
        _old.Flush();
        _home.Flush();
    }

    private IEnumerable<BytePath> Carried => _path.Carried.Select(PathText.Read);

    private DatabaseFiles Database => new(_path, _name, _home, _old, _new, MoveOutOfTheWay);

    private bool IsLive(Side side) => side == Side.Old ? IsOldLive : !IsOldLive && !_new.TryGetStatus(_name, out _);

    private bool IsOldLive => _path.Old is null ? _new.TryGetStatus(_name, out _) || !_home.TryGetStatus(_name, out _) : !_old.TryGetStatus(_name, out _);

    /// <summary>What is in <paramref name="from"/> becomes live; what was live goes to <paramref name="to"/>.</summary>
    private void Swap(PosixDirectory from, PosixDirectory to, bool hasOld)
    {
        if (!hasOld || to.TryGetStatus(_name, out _)) MoveOutOfTheWay(_home, _name);
        bool isLive = _home.TryGetStatus(_name, out _), isThere = from.TryGetStatus(_name, out _);
        if (isLive && isThere && TryExchange(from))
        {
            FailPoint.Reach(FailPoint.Exchanged);
            from.RenameWithoutReplacing(_name, to, _name);
            return;
        }
        if (isLive) Move(_name, _home, to);
        FailPoint.Reach(FailPoint.HalfExchanged);
        if (isThere) Move(_name, from, _home);
    }

    // Linux before 3.15, and file systems that do not know it: two renames, between which there is nothing at that place.
    private bool TryExchange(PosixDirectory with)
    {
        try
        {
            with.Exchange(_name, _home, _name);
            return true;
        }
        catch (PosixException e) when (e.Errno is Errno.EINVAL or Errno.ENOSYS or Errno.EOPNOTSUPP)
        {
            return false;
        }
    }

    /// <summary>
    /// Ends an exchange whose second rename was not reached: each slot then has what belongs into the other. Only what is there proves that, and only by its inode: the number of a device may be another one
    /// after a reboot.
    /// </summary>
    private void EndExchange()
    {
        if (_path.Old is not { } old) return;
        bool isNewInOld = _old.TryGetStatus(_name, out FileStatus inOld) && inOld.Inode != old.Inode && _home.TryGetStatus(_name, out FileStatus live) && live.Inode == old.Inode;
        if (isNewInOld) _old.RenameWithoutReplacing(_name, _new, _name);
        else if (_new.TryGetStatus(_name, out FileStatus inNew) && inNew.Inode == old.Inode && !_old.TryGetStatus(_name, out _)) _new.RenameWithoutReplacing(_name, _old, _name);
    }

    /// <summary>Somebody has made something there in the meantime: it is kept, and belongs to neither side.</summary>
    private void MoveOutOfTheWay(PosixDirectory directory, BytePath name)
    {
        if (!directory.TryGetStatus(name, out _)) return;
        for (int number = 1; ; number++)
        {
            BytePath stray = new([.. "stray-"u8, .. System.Text.Encoding.ASCII.GetBytes($"{number}-"), .. name.Bytes]);
            if (_aside.TryGetStatus(stray, out _)) continue;
            directory.RenameWithoutReplacing(name, _aside, stray);
            return;
        }
    }

    private static void Move(BytePath name, PosixDirectory from, PosixDirectory to)
    {
        if (from.TryGetStatus(name, out _)) from.RenameWithoutReplacing(name, to, name);
    }

    private static BytePath With(BytePath name, Companion companion) => new([.. name.Bytes, .. System.Text.Encoding.UTF8.GetBytes(companion.Suffix)]);

    public void Dispose()
    {
        foreach (PosixDirectory directory in new[] { _new, _old, _aside, _home }) directory.Dispose();
    }
}
