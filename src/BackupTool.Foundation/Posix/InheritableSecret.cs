using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Posix;

/// <summary>
/// A small secret for a program that takes it as a file: a file without a name, in memory, that only one user may open and that only children started by
/// <see cref="Share"/> inherit. Nothing is ever on a disk, on a command line or in an environment, and nothing is left behind, whatever kills us.
/// </summary>
public sealed unsafe class InheritableSecret : IDisposable
{
    private static readonly Lock Sharing = new();

    private readonly SafeFileHandle _file;

    private InheritableSecret(SafeFileHandle file) => _file = file;

    /// <summary>What a child that inherited it opens.</summary>
    public string PathInChild => $"/proc/self/fd/{_file.DangerousGetHandle()}";

    /// <summary>Makes one of mode 0600 that belongs to <paramref name="reader"/>.</summary>
    /// <exception cref="PosixException">The kernel has no memory files, or we may not give one to that user.</exception>
    public static InheritableSecret Create(ReadOnlySpan<byte> content, SystemUser reader)
    {
        BytePath shown = BytePath.From("memory file for a secret");
        var file = new SafeFileHandle(CreateFile(shown), ownsHandle: true);
        try
        {
            PosixFile.SetMode(file, 0x180 /* 0600 */, shown);
            PosixFile.WriteFully(file, content, 0, shown);
            if (!reader.IsCurrent) PosixFile.SetOwner(file, reader.Uid, reader.Gid, shown);
            return new InheritableSecret(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Runs <paramref name="start"/>, which starts one child, with the secret open to it. Children that other code starts in the same instant
    /// inherit the descriptor too; those of other secrets wait.
    /// </summary>
    public void Share(Action start)
    {
        lock (Sharing)
        {
            SetCloseOnExec(false);
            try
            {
                start();
            }
            finally
            {
                SetCloseOnExec(true);
            }
        }
    }

    /// <summary>Forgets our side of it: children keep theirs.</summary>
    public void Dispose() => _file.Dispose();

    private static int CreateFile(BytePath shown)
    {
        fixed (byte* name = "secret\0"u8)
        {
            int file = Libc.memfd_create(name, Libc.MemoryFileCloseOnExec | Libc.MemoryFileNotExecutable);
            // Kernels before 6.3 do not know that flag; hardened newer ones insist on it.
            if (file < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EINVAL) file = Libc.memfd_create(name, Libc.MemoryFileCloseOnExec);
            return file >= 0 ? file : throw PosixException.FromLastError("create a", shown);
        }
    }

    private void SetCloseOnExec(bool on) => _ = Libc.fcntl((int)_file.DangerousGetHandle(), Libc.SetDescriptorFlags, on ? 1 : 0);
}
