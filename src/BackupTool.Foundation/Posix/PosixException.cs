using System.Runtime.InteropServices;

namespace BackupTool.Posix;

/// <summary>The errno values that callers tell apart (asm-generic, the same on x64 and arm64).</summary>
public enum Errno
{
    /// <summary>Operation not permitted.</summary>
    EPERM = 1,
    /// <summary>No such file or directory.</summary>
    ENOENT = 2,
    /// <summary>Interrupted system call.</summary>
    EINTR = 4,
    /// <summary>No such device or address (opening a socket or a FIFO without a reader).</summary>
    ENXIO = 6,
    /// <summary>Try again.</summary>
    EAGAIN = 11,
    /// <summary>Permission denied.</summary>
    EACCES = 13,
    /// <summary>Device or resource busy.</summary>
    EBUSY = 16,
    /// <summary>File exists.</summary>
    EEXIST = 17,
    /// <summary>Cross-device link.</summary>
    EXDEV = 18,
    /// <summary>Not a directory.</summary>
    ENOTDIR = 20,
    /// <summary>Is a directory.</summary>
    EISDIR = 21,
    /// <summary>Invalid argument.</summary>
    EINVAL = 22,
    /// <summary>Too many open files.</summary>
    EMFILE = 24,
    /// <summary>Inappropriate ioctl for device: the file system cannot do it.</summary>
    ENOTTY = 25,
    /// <summary>File too large.</summary>
    EFBIG = 27,
    /// <summary>No space left on device.</summary>
    ENOSPC = 28,
    /// <summary>Read-only file system.</summary>
    EROFS = 30,
    /// <summary>Too many links.</summary>
    EMLINK = 31,
    /// <summary>Result too large for the buffer.</summary>
    ERANGE = 34,
    /// <summary>File name too long.</summary>
    ENAMETOOLONG = 36,
    /// <summary>Function not implemented by this kernel.</summary>
    ENOSYS = 38,
    /// <summary>Directory not empty.</summary>
    ENOTEMPTY = 39,
    /// <summary>A symbolic link where none may be.</summary>
    ELOOP = 40,
    /// <summary>No such attribute.</summary>
    ENODATA = 61,
    /// <summary>Operation not supported by this file system.</summary>
    EOPNOTSUPP = 95,
    /// <summary>Quota exceeded.</summary>
    EDQUOT = 122,
    /// <summary>The network file system's handle is stale.</summary>
    ESTALE = 116,
}

/// <summary>A system call failed: says which, on what, and why.</summary>
public sealed class PosixException : IOException
{
    /// <summary>What the kernel answered.</summary>
    public Errno Errno { get; }

    /// <summary>The path that the call was about.</summary>
    public BytePath Path { get; }

    /// <summary>Makes the exception for a failed call.</summary>
    public PosixException(Errno errno, string operation, BytePath path)
        : base($"cannot {operation} {path}: {Marshal.GetPInvokeErrorMessage((int)errno)}")
    {
        Errno = errno;
        Path = path;
    }

    /// <summary>Whether the thing is simply not there (any more).</summary>
    public bool IsNotFound => Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ESTALE;

    /// <summary>Whether the disk or quota is full.</summary>
    public bool IsOutOfSpace => Errno is Errno.ENOSPC or Errno.EDQUOT;

    internal static PosixException FromLastError(string operation, BytePath path) =>
        new((Errno)Marshal.GetLastPInvokeError(), operation, path);
}
