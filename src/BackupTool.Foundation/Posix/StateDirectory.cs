using Microsoft.Win32.SafeHandles;

namespace BackupTool.Posix;

/// <summary>A directory of the tool's own that must survive a reboot.</summary>
public static class StateDirectory
{
    /// <summary>Makes it, with what is missing above it, open to its owner only. Nothing happens to one that is there.</summary>
    /// <exception cref="PosixException">It cannot be made.</exception>
    public static void Make(BytePath path)
    {
        if (path.IsEmpty || PosixFile.TryGetStatusFollowing(path, out _)) return;
        Make(path.Parent);
        try
        {
            PosixDirectory.Current.CreateDirectory(path, 0x1c0 /* 0700 */);
            using PosixDirectory parent = PosixDirectory.Open(path.Parent.IsEmpty ? BytePath.From(".") : path.Parent);
            parent.Flush();
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            return;   // another run was first
        }
    }

    /// <summary>Opens a file to lock, which is made when it is missing. It is never removed: to lock a file that another run has just removed is to lock nothing.</summary>
    public static SafeFileHandle OpenLock(PosixDirectory folder, BytePath name)
    {
        ArgumentNullException.ThrowIfNull(folder);
        try
        {
            return folder.CreateFile(name);
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            return folder.OpenForReading(name);
        }
    }
}
