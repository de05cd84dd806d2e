using BackupTool.Posix;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>
/// The inodes that this process has open through SQLite. Nobody here may open and close them otherwise: the kernel drops all POSIX locks that a
/// process holds on a file when it closes any descriptor of it (fcntl(2)), and SQLite would not know.
/// </summary>
internal static class PinnedFiles
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<(ulong Device, ulong Inode), int> Pins = [];

    internal static void Add(FileStatus file)
    {
        lock (Gate) Pins[(file.Device, file.Inode)] = Pins.GetValueOrDefault((file.Device, file.Inode)) + 1;
    }

    internal static void Remove(FileStatus file)
    {
        lock (Gate)
        {
            if (--Pins[(file.Device, file.Inode)] == 0) Pins.Remove((file.Device, file.Inode));
        }
    }

    /// <summary>Runs <paramref name="read"/>, which opens and closes the file, unless it is pinned; nobody can pin it meanwhile.</summary>
    internal static T IfNotPinned<T>(FileStatus file, Func<T> read, T whenPinned)
    {
        lock (Gate) return Pins.ContainsKey((file.Device, file.Inode)) ? whenPinned : read();
    }
}
