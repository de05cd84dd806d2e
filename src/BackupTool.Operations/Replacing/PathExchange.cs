using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// Lets a file or directory and what is put aside for it change places, with what belongs to it. Every call looks at what is where, and does what is left to do: after a kill at
/// any instant the same call, or the one for the other side, brings it to an end. The caller sees to it that nobody uses either.
/// </summary>
internal sealed class PathExchange : IDisposable
{
    private static readonly BytePath OldName = BytePath.From("old"), NewName = BytePath.From("new"), Here = BytePath.From(".");
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

    /// <summary>Makes one side live.</summary>
    internal void MoveTo(Side side)
    {
        EndExchange();
        if (side == Side.New) MoveToNew();
        else MoveToOld();
        _new.Flush();
        _old.Flush();
        _home.Flush();
    }

    private bool IsOldLive => _path.Old is null ? _new.TryGetStatus(_name, out _) || !_home.TryGetStatus(_name, out _) : !_old.TryGetStatus(_name, out _);

    private void MoveToNew()
    {
        if (IsOldLive)
        {
            foreach (string carried in _path.Carried) Carry(PathText.Read(carried), _home, _new);
            // The log of the old one away before anything else bears its name: beside another database it would destroy that.
            foreach (Companion companion in _path.Companions.Where(static companion => companion.HadOld)) Move(With(_name, companion), _home, _old);
            FailPoint.Reach(FailPoint.BetweenExchanges);
            Swap(_new, _old, hasOld: _path.Old is not null);
        }
        else if (_new.TryGetStatus(_name, out _))
        {
            // Killed between the two renames of a file system that cannot exchange.
            MoveOutOfTheWay();
            Move(_name, _new, _home);
        }
        foreach (Companion companion in _path.Companions) Move(With(_name, companion), _new, _home);
    }

    private void MoveToOld()
    {
        if (!IsOldLive)
        {
            foreach (Companion companion in _path.Companions)
                if (!IsBack(companion)) Move(With(_name, companion), _home, _new);
            FailPoint.Reach(FailPoint.BetweenExchanges);
            Swap(_old, _new, hasOld: true);
        }
        foreach (Companion companion in _path.Companions.Where(static companion => companion.HadOld)) Move(With(_name, companion), _old, _home);
        foreach (string carried in _path.Carried) Carry(PathText.Read(carried), _new, _home);
    }

    // The new one's log goes away with it; a log that is the old one's is in old/ as long as the new one lives.
    private bool IsBack(Companion companion) => companion.HadOld && !_old.TryGetStatus(With(_name, companion), out _);

    /// <summary>What is in <paramref name="from"/> becomes live; what was live goes to <paramref name="to"/>.</summary>
    private void Swap(PosixDirectory from, PosixDirectory to, bool hasOld)
    {
        if (!hasOld || to.TryGetStatus(_name, out _)) MoveOutOfTheWay();
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

    /// <summary>Ends an exchange whose second rename was not reached: each slot then has what belongs into the other.</summary>
    private void EndExchange()
    {
        if (_path.Old is not { } old) return;
        if (_new.TryGetStatus(_name, out FileStatus inNew) && FileIdentity.Of(inNew) == old) _new.RenameWithoutReplacing(_name, _old, _name);
        else if (_old.TryGetStatus(_name, out FileStatus inOld) && FileIdentity.Of(inOld) != old) _old.RenameWithoutReplacing(_name, _new, _name);
    }

    /// <summary>Somebody has made something there in the meantime: it is kept, and belongs to neither side.</summary>
    private void MoveOutOfTheWay()
    {
        if (!_home.TryGetStatus(_name, out _)) return;
        for (int number = 1; ; number++)
        {
            BytePath stray = new([.. "stray-"u8, .. System.Text.Encoding.ASCII.GetBytes($"{number}-"), .. _name.Bytes]);
            if (_aside.TryGetStatus(stray, out _)) continue;
            _home.RenameWithoutReplacing(_name, _aside, stray);
            return;
        }
    }

    private static void Move(BytePath name, PosixDirectory from, PosixDirectory to)
    {
        if (from.TryGetStatus(name, out _)) from.RenameWithoutReplacing(name, to, name);
    }

    /// <summary>Moves what backups leave out from one tree to the same place in the other; the directories that it leaves and enters keep their times.</summary>
    private void Carry(BytePath relative, PosixDirectory from, PosixDirectory to)
    {
        BytePath source = from.Path.Combine(_name).Combine(relative), target = to.Path.Combine(_name).Combine(relative);
        if (!PosixDirectory.Current.TryGetStatus(source, out _) || PosixDirectory.Current.TryGetStatus(target, out _)) return;
        MakeLike(source.Parent, target.Parent);
        using PosixDirectory left = PosixDirectory.Open(source.Parent), entered = PosixDirectory.Open(target.Parent);
        UnixTime leftTime = left.GetStatus().ModifiedAt, enteredTime = entered.GetStatus().ModifiedAt;
        left.RenameWithoutReplacing(source.Name, entered, target.Name);
        left.SetModifiedAt(Here, leftTime);
        entered.SetModifiedAt(Here, enteredTime);
    }

    /// <summary>Makes a directory, with what is missing above it, as the one in the other tree is.</summary>
    private static void MakeLike(BytePath model, BytePath directory)
    {
        if (PosixDirectory.Current.TryGetStatus(directory, out _)) return;
        MakeLike(model.Parent, directory.Parent);
        FileStatus status = PosixDirectory.Current.GetStatus(model);
        PosixDirectory.Current.CreateDirectory(directory, 0x1c0 /* 0700 */);
        PosixDirectory.Current.SetOwner(directory, status.Uid, status.Gid);
        PosixDirectory.Current.SetMode(directory, status.Mode);
    }

    private static BytePath With(BytePath name, Companion companion) => new([.. name.Bytes, .. System.Text.Encoding.UTF8.GetBytes(companion.Suffix)]);

    public void Dispose()
    {
        foreach (PosixDirectory directory in new[] { _new, _old, _aside, _home }) directory.Dispose();
    }
}
