using Microsoft.Win32.SafeHandles;

namespace BackupTool.Posix;

/// <summary>Standard input, output and error.</summary>
public static class StandardStreams
{
    /// <summary>
    /// Opens those that the caller has closed (<c>&gt;&amp;-</c>) on /dev/null: else the next file that is opened, a database maybe, would be number 1, and what is printed would be written into it.
    /// Before anything else is opened.
    /// </summary>
    public static void EnsureOpen()
    {
        while (true)
        {
            SafeFileHandle file = PosixFile.Open(PosixDirectory.Current, BytePath.From("/dev/null"), Libc.OReadWrite, 0, "open");
            if (file.DangerousGetHandle() > 2)
            {
                file.Dispose();
                return;
            }
            file.SetHandleAsInvalid();   // it stays open as long as the process
        }
    }
}
