using BackupTool.Posix;

namespace BackupTool.Operations.Replacing;

/// <summary>What backups leave out: it goes over to the tree that lives, and there is one of it only. The directories that it leaves and enters keep their times.</summary>
internal static class CarriedThing
{
    private static readonly BytePath Here = BytePath.From(".");

    /// <summary>Moves it from the tree that lives into the one that comes. Where that has it already, a run that was killed has moved it, and what lives was made afresh since.</summary>
    internal static void Move(BytePath relative, BytePath tree, PosixDirectory home, PosixDirectory coming, Action<PosixDirectory, BytePath> moveOutOfTheWay)
    {
        BytePath source = home.Path.Combine(tree).Combine(relative), target = coming.Path.Combine(tree).Combine(relative);
        if (!PosixDirectory.Current.TryGetStatus(source, out _) || !PosixDirectory.Current.TryGetStatus(coming.Path.Combine(tree), out _)) return;
        if (PosixDirectory.Current.TryGetStatus(target, out _)) PutAside(source, moveOutOfTheWay);
        else Rename(source, target);
    }

    /// <summary>Takes it out of a tree that does not live into the one that does, in which it may have been made afresh since.</summary>
    internal static void Take(BytePath relative, BytePath tree, PosixDirectory slot, PosixDirectory home, Action<PosixDirectory, BytePath> moveOutOfTheWay)
    {
        BytePath source = slot.Path.Combine(tree).Combine(relative), target = home.Path.Combine(tree).Combine(relative);
        if (!PosixDirectory.Current.TryGetStatus(source, out _) || !PosixDirectory.Current.TryGetStatus(home.Path.Combine(tree), out _)) return;
        if (PosixDirectory.Current.TryGetStatus(target, out _)) PutAside(target, moveOutOfTheWay);
        Rename(source, target);
    }

    private static void Rename(BytePath source, BytePath target)
    {
        MakeLike(source.Parent, target.Parent);
        using PosixDirectory left = PosixDirectory.Open(source.Parent), entered = PosixDirectory.Open(target.Parent);
        UnixTime leftTime = left.GetStatus().ModifiedAt, enteredTime = entered.GetStatus().ModifiedAt;
        left.RenameWithoutReplacing(source.Name, entered, target.Name);
        left.SetModifiedAt(Here, leftTime);
        entered.SetModifiedAt(Here, enteredTime);
    }

    private static void PutAside(BytePath path, Action<PosixDirectory, BytePath> moveOutOfTheWay)
    {
        using PosixDirectory left = PosixDirectory.Open(path.Parent);
        UnixTime leftTime = left.GetStatus().ModifiedAt;
        moveOutOfTheWay(left, path.Name);
        left.SetModifiedAt(Here, leftTime);
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
}
