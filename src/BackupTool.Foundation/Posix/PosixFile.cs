using Microsoft.Win32.SafeHandles;

namespace BackupTool.Posix;

/// <summary>What can be done to an open file beyond what the base library offers. Errors are <see cref="PosixException"/>.</summary>
public static unsafe class PosixFile
{
    internal static SafeFileHandle Open(PosixDirectory directory, BytePath name, int flags, uint mode, string operation)
    {
        fixed (byte* p = PosixDirectory.Terminated(name))
        {
            int descriptor;
            do descriptor = Libc.openat(directory.Descriptor, p, flags | Libc.OCloseOnExec, mode);
            while (descriptor < 0 && System.Runtime.InteropServices.Marshal.GetLastPInvokeError() == (int)Errno.EINTR);
            if (descriptor < 0) throw PosixException.FromLastError(operation, directory.Full(name));
            return new SafeFileHandle(descriptor, ownsHandle: true);
        }
    }

    /// <summary>openat2(2) with RESOLVE_NO_SYMLINKS; null, and why, when it fails.</summary>
    internal static SafeFileHandle? TryOpenWithoutLinks(BytePath path, int flags, out Errno errno)
    {
        var how = new Libc.OpenHow { Flags = (ulong)(flags | Libc.ONoFollow | Libc.OCloseOnExec), Resolve = Libc.ResolveNoSymlinks | Libc.ResolveNoMagicLinks };
        fixed (byte* p = PosixDirectory.Terminated(path))
        {
            nint descriptor;
            do
            {
                descriptor = Libc.syscall(Libc.OpenAt2Number, Libc.AtFdCwd, (nint)p, (nint)(&how), sizeof(Libc.OpenHow));
                errno = descriptor < 0 ? (Errno)System.Runtime.InteropServices.Marshal.GetLastPInvokeError() : default;
            }
            while (errno == Errno.EINTR);
            return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
        }
    }

    internal static bool TryStat(int directory, byte* name, int flags, out FileStatus status)
    {
        Libc.Statx s;
        status = default;
        if (Libc.statx(directory, name, flags, Libc.StatxBasicStats | Libc.StatxBirthTime, &s) != 0) return false;
        FileKind kind = (s.Mode & 0xf000) switch
        {
            0x1000 => FileKind.Fifo,
            0x2000 => FileKind.CharacterDevice,
            0x4000 => FileKind.Directory,
            0x6000 => FileKind.BlockDevice,
            0xa000 => FileKind.SymbolicLink,
            0xc000 => FileKind.Socket,
            _ => FileKind.Regular,
        };
        status = new FileStatus(kind, s.Mode & 0xfffu, s.Uid, s.Gid, (long)s.Size, (long)s.Blocks * 512,
            new UnixTime(s.ModifiedSeconds, (int)s.ModifiedNanoseconds), new UnixTime(s.ChangedSeconds, (int)s.ChangedNanoseconds),
            ((ulong)s.DeviceMajor << 32) | s.DeviceMinor, s.Inode, s.LinkCount, s.RawDeviceMajor, s.RawDeviceMinor)
        {
            BornAt = (s.Mask & Libc.StatxBirthTime) != 0 ? new UnixTime(s.BirthSeconds, (int)s.BirthNanoseconds) : default,
        };
        return true;
    }

    /// <summary>The status of an open file.</summary>
    public static FileStatus GetStatus(SafeFileHandle file, BytePath shown)
    {
        byte empty = 0;
        return TryStat(Descriptor(file), &empty, Libc.AtEmptyPath, out FileStatus status)
            ? status : throw PosixException.FromLastError("stat", shown);
    }

    /// <summary>The status at the end of a path, following symbolic links; false when there is nothing.</summary>
    public static bool TryGetStatusFollowing(BytePath path, out FileStatus status)
    {
        fixed (byte* p = PosixDirectory.Terminated(path))
        {
            if (TryStat(Libc.AtFdCwd, p, 0, out status)) return true;
            var failure = PosixException.FromLastError("stat", path);
            return failure.IsNotFound ? false : throw failure;
        }
    }

    /// <summary>
    /// Opens a path for reading, following symbolic links: for files that an operator or a service names, which may be links into a store.
    /// A FIFO does not block. What is met in a tree is opened with <see cref="PosixDirectory.OpenForReading"/> instead.
    /// </summary>
    public static SafeFileHandle OpenFollowing(BytePath path) =>
        Open(PosixDirectory.Current, path, Libc.OReadOnly | Libc.ONonBlock, 0, "open");

    /// <summary>
    /// Where a path leads when every symbolic link on it is followed. The thing must exist and may be anything: it is not opened for reading, so
    /// it need not be readable, and no lock on it is lost.
    /// </summary>
    public static BytePath GetRealPath(BytePath path)
    {
        using SafeFileHandle file = Open(PosixDirectory.Current, path, Libc.OPath, 0, "look up");
        return PosixDirectory.Current.ReadLink(BytePath.From($"/proc/self/fd/{Descriptor(file)}"));
    }

    /// <summary>The whole content of a file that a path names, following symbolic links; EFBIG when it has more than <paramref name="maxBytes"/>.</summary>
    public static byte[] ReadAllFollowing(BytePath path, int maxBytes)
    {
        using SafeFileHandle file = OpenFollowing(path);
        long size = GetStatus(file, path).Size;
        if (size > maxBytes) throw new PosixException(Errno.EFBIG, "read", path);
        var content = new byte[(int)size + 1];
        int filled = 0;
        while (true)
        {
            int read = ReadFully(file, content.AsSpan(filled), filled, path);
            filled += read;
            if (filled < content.Length) return content[..filled];
            if (filled > maxBytes) throw new PosixException(Errno.EFBIG, "read", path);
            Array.Resize(ref content, Math.Min(content.Length * 2, maxBytes + 1));
        }
    }

    /// <summary>Reads at an offset until the buffer is full or the file ends; returns the bytes read.</summary>
    public static int ReadFully(SafeFileHandle file, Span<byte> buffer, long offset, BytePath shown)
    {
        int filled = 0;
        fixed (byte* p = buffer)
        {
            while (filled < buffer.Length)
            {
                nint read = Libc.pread(Descriptor(file), p + filled, buffer.Length - filled, offset + filled);
                if (read == 0) break;
                if (read > 0) filled += (int)read;
                else if (System.Runtime.InteropServices.Marshal.GetLastPInvokeError() != (int)Errno.EINTR) throw PosixException.FromLastError("read", shown);
            }
        }
        return filled;
    }

    /// <summary>
    /// As <see cref="ReadFully"/>, for a file that may be read past the page cache: offset and buffer are aligned, and a read that ends between blocks has met the end.
    /// </summary>
    public static int ReadAligned(SafeFileHandle file, Span<byte> buffer, long offset, BytePath shown)
    {
        int filled = 0;
        fixed (byte* p = buffer)
        {
            while (filled < buffer.Length && filled % DirectAlignment == 0)
            {
                nint read = Libc.pread(Descriptor(file), p + filled, buffer.Length - filled, offset + filled);
                if (read == 0) break;
                if (read > 0) filled += (int)read;
                else if (System.Runtime.InteropServices.Marshal.GetLastPInvokeError() != (int)Errno.EINTR) throw PosixException.FromLastError("read", shown);
            }
        }
        return filled;
    }

    /// <summary>Writes all bytes at an offset.</summary>
    public static void WriteFully(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset, BytePath shown)
    {
        int written = 0;
        fixed (byte* p = bytes)
        {
            while (written < bytes.Length)
            {
                nint done = Libc.pwrite(Descriptor(file), p + written, bytes.Length - written, offset + written);
                if (done > 0) written += (int)done;
                else if (System.Runtime.InteropServices.Marshal.GetLastPInvokeError() != (int)Errno.EINTR) throw PosixException.FromLastError("write", shown);
            }
        }
    }

    /// <summary>Flushes contents and metadata to the disk.</summary>
    public static void Flush(SafeFileHandle file, BytePath shown) => Check(Libc.fsync(Descriptor(file)), "flush", shown);

    /// <summary>Sets the length; growing leaves a hole.</summary>
    public static void SetLength(SafeFileHandle file, long length, BytePath shown) => Check(Libc.ftruncate(Descriptor(file), length), "resize", shown);

    /// <summary>Sets the permission bits.</summary>
    public static void SetMode(SafeFileHandle file, uint mode, BytePath shown) => Check(Libc.fchmod(Descriptor(file), mode), "change mode of", shown);

    /// <summary>Sets numeric owner and group.</summary>
    public static void SetOwner(SafeFileHandle file, uint uid, uint gid, BytePath shown) => Check(Libc.fchown(Descriptor(file), uid, gid), "change owner of", shown);

    /// <summary>Sets mtime, and atime to the same.</summary>
    public static void SetModifiedAt(SafeFileHandle file, UnixTime time, BytePath shown)
    {
        Libc.TimeSpec* times = stackalloc Libc.TimeSpec[2];
        times[0] = times[1] = new() { Seconds = time.Seconds, Nanoseconds = time.Nanoseconds };
        Check(Libc.futimens(Descriptor(file), times), "set time of", shown);
    }

    /// <summary>
    /// The next stretch of data at or after <paramref name="offset"/> (lseek SEEK_DATA/SEEK_HOLE): false when only a hole follows.
    /// A file system that knows no holes reports one stretch to the end.
    /// </summary>
    public static bool TryFindData(SafeFileHandle file, long offset, out long start, out long end, BytePath shown)
    {
        start = end = 0;
        long data = Libc.lseek(Descriptor(file), offset, Libc.SeekData);
        if (data < 0)
        {
            var failure = PosixException.FromLastError("seek in", shown);
            return failure.Errno == Errno.ENXIO ? false : throw failure;
        }
        long hole = Libc.lseek(Descriptor(file), data, Libc.SeekHole);
        if (hole < 0) throw PosixException.FromLastError("seek in", shown);
        (start, end) = (data, hole);
        return true;
    }

    /// <summary>Shares the blocks of <paramref name="source"/> with the empty file <paramref name="destination"/>; false where the file system cannot.</summary>
    public static bool TryClone(SafeFileHandle source, SafeFileHandle destination) =>
        Libc.ioctl(Descriptor(destination), Libc.FiClone, Descriptor(source)) == 0;

    /// <summary>Takes an exclusive advisory lock (flock) that the kernel lets go when the handle closes or the process ends; false when it is taken.</summary>
    public static bool TryLock(SafeFileHandle file) => Libc.flock(Descriptor(file), 2 | 4) == 0;

    /// <summary>Takes an exclusive advisory lock (flock), waiting for it.</summary>
    public static void Lock(SafeFileHandle file, BytePath shown) => Check(Libc.flock(Descriptor(file), 2), "lock", shown);

    /// <summary>
    /// Turns reading and writing past the page cache on or off (O_DIRECT); false where the file system cannot. While it is on, offsets, lengths and memory must be
    /// multiples of <see cref="DirectAlignment"/>.
    /// </summary>
    public static bool TrySetDirect(SafeFileHandle file, bool direct)
    {
        int flags = Libc.fcntl(Descriptor(file), 3 /* F_GETFL */, 0);
        return flags >= 0 && Libc.fcntl(Descriptor(file), 4 /* F_SETFL */, direct ? flags | Libc.ODirect : flags & ~Libc.ODirect) == 0;
    }

    /// <summary>What O_DIRECT asks of offsets, lengths and memory, on every device and file system in use today.</summary>
    public const int DirectAlignment = 4096;

    /// <summary>Starts writing a range out to disk without waiting: step one of a write-behind window.</summary>
    public static void StartWriteOut(SafeFileHandle file, long offset, long length) =>
        _ = Libc.sync_file_range(Descriptor(file), offset, length, 2);

    /// <summary>Waits until a range is on its way to disk and drops it from the page cache. Advice only: failure costs speed, never data.</summary>
    public static void FinishWriteOutAndDrop(SafeFileHandle file, long offset, long length)
    {
        _ = Libc.sync_file_range(Descriptor(file), offset, length, 1 | 2 | 4);
        _ = Libc.posix_fadvise(Descriptor(file), offset, length, 4);
    }

    /// <summary>Drops clean pages of a range (0 length: to the end) from the page cache. Advice only.</summary>
    public static void DropFromCache(SafeFileHandle file, long offset = 0, long length = 0) =>
        _ = Libc.posix_fadvise(Descriptor(file), offset, length, 4);

    /// <summary>Tells the kernel that the file will be read from front to back. Advice only.</summary>
    public static void AdviseSequential(SafeFileHandle file) => _ = Libc.posix_fadvise(Descriptor(file), 0, 0, 2);

    /// <summary>Bytes that an unprivileged user can still write on the file system of <paramref name="path"/>.</summary>
    public static long GetFreeBytes(BytePath path)
    {
        Libc.StatVfs result;
        fixed (byte* p = PosixDirectory.Terminated(path)) Check(Libc.statvfs(p, &result), "ask for free space at", path);
        return (long)(result.AvailableFragments * result.FragmentSize);
    }

    private static int Descriptor(SafeFileHandle file) => (int)file.DangerousGetHandle();

    private static void Check(int result, string operation, BytePath shown)
    {
        if (result != 0) throw PosixException.FromLastError(operation, shown);
    }
}
