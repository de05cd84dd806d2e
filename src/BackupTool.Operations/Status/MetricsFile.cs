using System.Text;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Status;

/// <summary>The file that node_exporter's textfile collector reads: always a whole one, which everybody may read.</summary>
public static class MetricsFile
{
    private const uint ReadableByAll = 0x1a4;   // 0644

    /// <summary>Writes the state of the backups.</summary>
    /// <param name="file">Where.</param>
    /// <param name="status">What.</param>
    /// <exception cref="PosixException">It cannot be written: what was there is still there.</exception>
    public static void Write(BytePath file, StatusReport status)
    {
        // Its collector reads names that end in .prom: this does not.
        var unfinished = BytePath.From($"{file.Name}.{Environment.ProcessId}.new");
        using PosixDirectory folder = PosixDirectory.Open(file.Parent);
        try
        {
            folder.RemoveTree(unfinished);
            using (SafeFileHandle written = folder.CreateFile(unfinished, ReadableByAll))
            {
                PosixFile.SetMode(written, ReadableByAll, unfinished);   // whatever the umask says
                PosixFile.WriteFully(written, Encoding.UTF8.GetBytes(PrometheusText.Write(status)), 0, unfinished);
                PosixFile.Flush(written, unfinished);
            }
            folder.Rename(unfinished, folder, file.Name);
            folder.Flush();
        }
        catch
        {
            folder.RemoveTree(unfinished);
            throw;
        }
    }
}
