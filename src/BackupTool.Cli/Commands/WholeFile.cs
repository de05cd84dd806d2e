using BackupTool.Posix;

namespace BackupTool.Cli.Commands;

/// <summary>A file that is there when all of it is, and else not.</summary>
internal static class WholeFile
{
    /// <summary>Writes to a temporary name beside it, flushes to the disk, renames.</summary>
    internal static async Task WriteAsync(string file, Func<Stream, Task> write, CancellationToken cancellationToken)
    {
        string partial = $"{file}.partial-{Environment.ProcessId}";
        try
        {
            await using (FileStream stream = new(partial, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                BufferSize = 1 << 20,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,   // it holds what the service's own permissions protect
            }))
            {
                await write(stream);
                await stream.FlushAsync(cancellationToken);
                stream.Flush(flushToDisk: true);
            }
            PosixDirectory.Current.RenameWithoutReplacing(BytePath.From(partial), PosixDirectory.Current, BytePath.From(file));
            using PosixDirectory directory = PosixDirectory.Open(CommandContext.AbsolutePath(file).Parent);
            directory.Flush();
        }
        finally
        {
            File.Delete(partial);
        }
    }
}
