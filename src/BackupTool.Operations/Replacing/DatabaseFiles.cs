using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// A database file and the log beside it change places with others. No rename takes several files at once, and a machine that loses power between two boots and starts its services on whatever is
/// there. So a database never stands at its place without its own log, or beside another's: its log is linked to where it goes before it goes, and to where it comes before it comes. What a service
/// then finds is one of the two, whole, or no database; SQLite makes a new one, and removes the name of a log that lies there, not the file that has another name, too.
/// </summary>
internal sealed class DatabaseFiles(ReplacedPath path, BytePath name, PosixDirectory home, PosixDirectory old, PosixDirectory @new, Action<PosixDirectory, BytePath> moveOutOfTheWay)
{
    private readonly BytePath[] _companions = [.. path.Companions.Select(companion => new BytePath([.. name.Bytes, .. System.Text.Encoding.UTF8.GetBytes(companion.Suffix)]))];

    /// <summary>What is in <paramref name="from"/> becomes live; what was live goes to <paramref name="to"/>. Goes on from wherever a kill left it.</summary>
    internal void Exchange(PosixDirectory from, PosixDirectory to)
    {
        bool hasNoDatabase = to == old && path.Old is null;
        if (!hasNoDatabase && !to.TryGetStatus(name, out _) && home.TryGetStatus(name, out _)) MoveAway(to);
        if (hasNoDatabase) MoveLonelyLogs(home, old, static companion => companion.HadOld);
        moveOutOfTheWay(home, name);
        foreach (BytePath companion in _companions)
            if (IsLinked(companion, to) || IsLinked(companion, from)) home.RemoveFile(companion);
            else moveOutOfTheWay(home, companion);
        FailPoint.Reach(FailPoint.HalfExchanged);
        Come(from);
    }

    private void MoveAway(PosixDirectory to)
    {
        foreach (BytePath companion in _companions) Link(companion, home, to);
        to.Flush();
        FailPoint.Reach(FailPoint.BetweenExchanges);
        home.RenameWithoutReplacing(name, to, name);
        to.Flush();
        home.Flush();
        FailPoint.Reach(FailPoint.Exchanged);
    }

    private void Come(PosixDirectory from)
    {
        if (!from.TryGetStatus(name, out _)) return;
        foreach (BytePath companion in _companions) Link(companion, from, home);
        home.Flush();
        from.RenameWithoutReplacing(name, home, name);
        home.Flush();
        from.Flush();
    }

    /// <summary>Removes second names of logs: of the one that lives in a slot, of one in a slot at the place that lives.</summary>
    internal void Tidy(Side live)
    {
        foreach (PosixDirectory slot in new[] { old, @new })
        {
            bool isThere = slot.TryGetStatus(name, out _);
            foreach (BytePath companion in _companions)
                if (isThere && IsLinked(companion, slot)) home.RemoveFile(companion);
                else if (!isThere && !(slot == old && path.Old is null) && slot.TryGetStatus(companion, out _)) slot.RemoveFile(companion);
        }
        if (live == Side.Old && path.Old is null) MoveLonelyLogs(old, home, static _ => true);
    }

    // There was a log and no database to it: it goes, and comes back, by itself.
    private void MoveLonelyLogs(PosixDirectory from, PosixDirectory to, Func<Companion, bool> isMeant)
    {
        foreach ((Companion companion, BytePath log) in path.Companions.Zip(_companions))
            if (isMeant(companion) && from.TryGetStatus(log, out _) && !to.TryGetStatus(log, out _)) from.RenameWithoutReplacing(log, to, log);
    }

    private static void Link(BytePath companion, PosixDirectory from, PosixDirectory to)
    {
        if (to.TryGetStatus(companion, out FileStatus there))
        {
            if (from.TryGetStatus(companion, out FileStatus here) && here.Inode == there.Inode) return;
            to.RemoveFile(companion);   // of an attempt that was killed, before the database went or came
        }
        if (from.TryGetStatus(companion, out _)) from.CreateHardLink(companion, to, companion);
    }

    private bool IsLinked(BytePath companion, PosixDirectory slot) =>
        home.TryGetStatus(companion, out FileStatus here) && slot.TryGetStatus(companion, out FileStatus there) && here.Inode == there.Inode;
}
