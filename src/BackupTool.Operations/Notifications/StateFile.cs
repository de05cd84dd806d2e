using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Notifications;

/// <summary>Small files that are there whole or not at all.</summary>
internal static class StateFile
{
    internal const int MaxBytes = 1 << 20;

    /// <summary>Publishes a file, in the place of the one that is there: it is on the disk when this returns.</summary>
    /// <exception cref="PosixException">It cannot be written.</exception>
    internal static void Write(PosixDirectory folder, BytePath name, ReadOnlySpan<byte> content)
    {
        BytePath unfinished = BytePath.From($"{name}.{Environment.ProcessId}-{Environment.CurrentManagedThreadId}.new");
        folder.RemoveTree(unfinished);
        using (SafeFileHandle file = folder.CreateFile(unfinished))
        {
            PosixFile.WriteFully(file, content, 0, unfinished);
            PosixFile.Flush(file, unfinished);
        }
        folder.Rename(unfinished, folder, name);
        folder.Flush();
    }

    /// <summary>Opens a directory of the tool's own, which is made when it is missing.</summary>
    /// <exception cref="PosixException">It cannot be made or opened.</exception>
    internal static PosixDirectory Open(BytePath directory)
    {
        StateDirectory.Make(directory);
        return PosixDirectory.Open(directory);
    }
}
