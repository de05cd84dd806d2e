using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Posix;

/// <summary>
/// An open directory, and what can be done to the names in it. Every call takes a name <b>relative to this directory</b>; none
/// follows a symbolic link in the last component, and with a single component none can leave the directory, whatever others do
/// to the path meanwhile. <see cref="Current"/> takes whole paths instead (relative ones from the working directory).
/// Errors are <see cref="PosixException"/>.
/// </summary>
public sealed unsafe class PosixDirectory : IDisposable
{
    private readonly SafeFileHandle? _handle;

    private PosixDirectory(SafeFileHandle? handle, BytePath path)
    {
        _handle = handle;
        Path = path;
    }

    /// <summary>Stands for "no directory": names given to it are paths.</summary>
    public static PosixDirectory Current { get; } = new(null, default);

    /// <summary>Where it was when it was opened: for messages.</summary>
    public BytePath Path { get; }

    internal int Descriptor => _handle is null ? Libc.AtFdCwd : (int)_handle.DangerousGetHandle();

    /// <summary>Opens a directory by path, following symbolic links on the way and at the end.</summary>
    public static PosixDirectory Open(BytePath path) => new(PosixFile.Open(Current, path, Libc.OReadOnly | Libc.ODirectory, 0, "open directory"), path);

    /// <summary>Opens the directory <paramref name="name"/> in this one; a symbolic link is refused (ELOOP or ENOTDIR).</summary>
    public PosixDirectory OpenDirectory(BytePath name) =>
        new(PosixFile.Open(this, name, Libc.OReadOnly | Libc.ODirectory | Libc.ONoFollow, 0, "open directory"), Full(name));

    /// <summary>
    /// Opens the directory above this one, wherever that is now: compare its status with what is expected. <paramref name="shown"/> is
    /// its path for messages.
    /// </summary>
    public PosixDirectory OpenParent(BytePath shown) =>
        new(PosixFile.Open(this, new BytePath(".."u8), Libc.OReadOnly | Libc.ODirectory | Libc.ONoFollow, 0, "open directory above"), shown);

    /// <summary>The names in this directory but <c>.</c> and <c>..</c>, sorted by bytes.</summary>
    public List<BytePath> ReadNames()
    {
        const int size = 64 * 1024;
        var names = new List<BytePath>();
        byte* buffer = (byte*)NativeMemory.Alloc(size);
        try
        {
            if (Libc.lseek(Descriptor, 0, 0) < 0) throw PosixException.FromLastError("read directory", Path);
            while (true)
            {
                nint read = Libc.syscall(Libc.SysGetdents64, Descriptor, (nint)buffer, size);
                if (read < 0) throw PosixException.FromLastError("read directory", Path);
                if (read == 0) break;
                // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name (getdents(2))
                for (nint at = 0; at < read; at += *(ushort*)(buffer + at + 16))
                {
                    ReadOnlySpan<byte> name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(buffer + at + 19);
                    if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8)) names.Add(new BytePath(name));
                }
            }
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
        names.Sort(static (a, b) => a.Bytes.SequenceCompareTo(b.Bytes));
        return names;
    }

    /// <summary>The status of <paramref name="name"/> itself (of a link, not of its target).</summary>
    public FileStatus GetStatus(BytePath name) =>
        TryGetStatus(name, out FileStatus status) ? status : throw PosixException.FromLastError("stat", Full(name));

    /// <summary>The status of <paramref name="name"/>, or false when there is no such entry. Other errors throw.</summary>
    public bool TryGetStatus(BytePath name, out FileStatus status)
    {
        // Asked for every entry of a tree, while services wait: no allocation for it.
        Span<byte> terminated = name.Length < 1024 ? stackalloc byte[name.Length + 1] : new byte[name.Length + 1];
        name.Bytes.CopyTo(terminated);
        terminated[^1] = 0;
        fixed (byte* p = terminated)
        {
            if (PosixFile.TryStat(Descriptor, p, Libc.AtSymlinkNofollow, out status)) return true;
            var failure = PosixException.FromLastError("stat", Full(name));
            return failure.IsNotFound ? false : throw failure;
        }
    }

    /// <summary>The status of this directory.</summary>
    public FileStatus GetStatus() => PosixFile.GetStatus(_handle!, Path);

    /// <summary>Where the symbolic link <paramref name="name"/> points.</summary>
    public BytePath ReadLink(BytePath name)
    {
        byte* buffer = stackalloc byte[4096];
        fixed (byte* p = Terminated(name))
        {
            nint length = Libc.readlinkat(Descriptor, p, buffer, 4096);
            if (length < 0) throw PosixException.FromLastError("read link", Full(name));
            return new BytePath(new ReadOnlySpan<byte>(buffer, (int)length));
        }
    }

    /// <summary>Opens a regular file for reading: no link is followed, a FIFO does not block, and access times stay where that is allowed.</summary>
    public SafeFileHandle OpenForReading(BytePath name)
    {
        const int flags = Libc.OReadOnly | Libc.ONonBlock;
        try
        {
            return PosixFile.Open(this, name, flags | Libc.ONoFollow | Libc.ONoAccessTime, 0, "open");
        }
        catch (PosixException e) when (e.Errno == Errno.EPERM)
        {
            return PosixFile.Open(this, name, flags | Libc.ONoFollow, 0, "open");   // O_NOATIME is the owner's and root's only
        }
    }

    /// <summary>
    /// As <see cref="OpenForReading"/>, but ELOOP when any part of the path is a symbolic link: for a path that was found free of them, so that nobody
    /// who may rename a directory on it can have another file opened in its place. On kernels before 5.6 only the last part is guarded.
    /// </summary>
    public static SafeFileHandle OpenForReadingWithoutLinks(BytePath path)
    {
        const int flags = Libc.OReadOnly | Libc.ONonBlock;
        return PosixFile.TryOpenWithoutLinks(path, flags | Libc.ONoAccessTime, out Errno errno)
            ?? (errno == Errno.EPERM ? PosixFile.TryOpenWithoutLinks(path, flags, out errno) : null)
            ?? (errno is Errno.ENOSYS or Errno.EPERM ? Current.OpenForReading(path) : throw new PosixException(errno, "open", path));
    }

    /// <summary>Creates a new regular file for reading and writing; EEXIST when the name is taken by anything, a dangling link included.</summary>
    public SafeFileHandle CreateFile(BytePath name, uint mode = 0x180 /* 0600 */) =>
        PosixFile.Open(this, name, Libc.OReadWrite | Libc.OCreate | Libc.OExclusive | Libc.ONoFollow, mode, "create");

    /// <summary>Creates a directory. The mode is cut by the umask: set it afterwards when it must be exact.</summary>
    public void CreateDirectory(BytePath name, uint mode = 0x1ff /* 0777 */)
    {
        fixed (byte* p = Terminated(name)) Check(Libc.mkdirat(Descriptor, p, mode), "create directory", name);
    }

    /// <summary>Creates a symbolic link.</summary>
    public void CreateSymbolicLink(BytePath name, BytePath target)
    {
        fixed (byte* p = Terminated(name), t = Terminated(target)) Check(Libc.symlinkat(t, Descriptor, p), "create symbolic link", name);
    }

    /// <summary>Gives the existing <paramref name="name"/> of this directory a second name. A symbolic link is linked itself, not its target.</summary>
    public void CreateHardLink(BytePath name, PosixDirectory newDirectory, BytePath newName)
    {
        fixed (byte* p = Terminated(name), n = Terminated(newName))
        {
            if (Libc.linkat(Descriptor, p, newDirectory.Descriptor, n, 0) != 0)
                throw PosixException.FromLastError($"link {Full(name)} to", newDirectory.Full(newName));
        }
    }

    /// <summary>Creates a FIFO or a device node. Device nodes need root.</summary>
    public void CreateNode(BytePath name, FileKind kind, uint major = 0, uint minor = 0)
    {
        uint type = kind switch
        {
            FileKind.Fifo => 0x1000u,
            FileKind.CharacterDevice => 0x2000u,
            FileKind.BlockDevice => 0x6000u,
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Only FIFOs and device nodes."),
        };
        // glibc's makedev(3)
        ulong device = ((ulong)(major & 0xfffu) << 8) | ((ulong)(major & ~0xfffu) << 32) | (minor & 0xffu) | ((ulong)(minor & ~0xffu) << 12);
        fixed (byte* p = Terminated(name)) Check(Libc.mknodat(Descriptor, p, type | 0x180, device), "create node", name);
    }

    /// <summary>Sets numeric owner and group (of a link, not its target).</summary>
    public void SetOwner(BytePath name, uint uid, uint gid)
    {
        fixed (byte* p = Terminated(name)) Check(Libc.fchownat(Descriptor, p, uid, gid, Libc.AtSymlinkNofollow), "change owner of", name);
    }

    /// <summary>Sets the permission bits. Follows a symbolic link, which has no mode of its own: do not call it on one.</summary>
    public void SetMode(BytePath name, uint mode)
    {
        fixed (byte* p = Terminated(name)) Check(Libc.fchmodat(Descriptor, p, mode, 0), "change mode of", name);
    }

    /// <summary>Sets mtime to the nanosecond, and atime to the same (of a link, not its target).</summary>
    public void SetModifiedAt(BytePath name, UnixTime time)
    {
        Libc.TimeSpec* times = stackalloc Libc.TimeSpec[2];
        times[0] = times[1] = new() { Seconds = time.Seconds, Nanoseconds = time.Nanoseconds };
        fixed (byte* p = Terminated(name)) Check(Libc.utimensat(Descriptor, p, times, Libc.AtSymlinkNofollow), "set time of", name);
    }

    /// <summary>Removes a name that is not a directory.</summary>
    public void RemoveFile(BytePath name)
    {
        fixed (byte* p = Terminated(name)) Check(Libc.unlinkat(Descriptor, p, 0), "remove", name);
    }

    /// <summary>Removes an empty directory.</summary>
    public void RemoveDirectory(BytePath name)
    {
        fixed (byte* p = Terminated(name)) Check(Libc.unlinkat(Descriptor, p, Libc.AtRemoveDir), "remove directory", name);
    }

    /// <summary>Removes a name and, of a directory, everything below it, never following a link. Nothing happens when it is not there.</summary>
    public void RemoveTree(BytePath name)
    {
        if (!TryGetStatus(name, out FileStatus status)) return;
        if (status.Kind != FileKind.Directory)
        {
            RemoveFile(name);
            return;
        }
        using (PosixDirectory inner = OpenDirectory(name))
            foreach (BytePath child in inner.ReadNames()) inner.RemoveTree(child);
        RemoveDirectory(name);
    }

    /// <summary>Renames, replacing what is there as rename(2) does.</summary>
    public void Rename(BytePath name, PosixDirectory newDirectory, BytePath newName) => Rename(name, newDirectory, newName, 0);

    /// <summary>Renames; EEXIST when the new name is taken. Where the file system does not know how (EINVAL), looks first: then somebody else may be faster.</summary>
    public void RenameWithoutReplacing(BytePath name, PosixDirectory newDirectory, BytePath newName)
    {
        try
        {
            Rename(name, newDirectory, newName, Libc.RenameNoReplace);
        }
        catch (PosixException e) when (e.Errno is Errno.EINVAL or Errno.ENOSYS && !newDirectory.TryGetStatus(newName, out _))
        {
            Rename(name, newDirectory, newName);
        }
    }

    /// <summary>Exchanges two names atomically.</summary>
    public void Exchange(BytePath name, PosixDirectory otherDirectory, BytePath otherName) =>
        Rename(name, otherDirectory, otherName, Libc.RenameExchange);

    private void Rename(BytePath name, PosixDirectory newDirectory, BytePath newName, uint flags)
    {
        fixed (byte* p = Terminated(name), n = Terminated(newName))
        {
            if (Libc.renameat2(Descriptor, p, newDirectory.Descriptor, n, flags) != 0)
                throw PosixException.FromLastError($"rename {Full(name)} to", newDirectory.Full(newName));
        }
    }

    /// <summary>Makes renames, links and removals in this directory survive a power cut.</summary>
    public void Flush()
    {
        if (Libc.fsync(Descriptor) != 0) throw PosixException.FromLastError("flush directory", Path);
    }

    /// <summary>
    /// Flushes everything that was written to the file system of this directory to the disk, by whomever: cheaper than flushing many files one
    /// by one. File systems mounted below are not included.
    /// </summary>
    public void FlushFileSystem()
    {
        if (Libc.syncfs(Descriptor) != 0) throw PosixException.FromLastError("flush the file system of", Path);
    }

    /// <summary>The extended attributes of <paramref name="name"/> itself, sorted by name; empty where the file system has none.</summary>
    public IReadOnlyList<ExtendedAttribute> ReadExtendedAttributes(BytePath name) => ExtendedAttribute.Read(AddressOf(name), Full(name));

    /// <summary>Sets one extended attribute of <paramref name="name"/> itself.</summary>
    public void SetExtendedAttribute(BytePath name, ExtendedAttribute attribute) => ExtendedAttribute.Write(AddressOf(name), Full(name), attribute);

    /// <summary>Removes one extended attribute of <paramref name="name"/> itself; nothing happens when it has none of that name.</summary>
    public void RemoveExtendedAttribute(BytePath name, BytePath attribute) => ExtendedAttribute.Remove(AddressOf(name), Full(name), attribute);

    /// <summary>The whole path of a name here: for messages.</summary>
    public BytePath Full(BytePath name) => Path.IsEmpty ? name : Path.Combine(name);

    /// <inheritdoc/>
    public void Dispose() => _handle?.Dispose();

    internal static byte[] Terminated(BytePath path)
    {
        var bytes = new byte[path.Length + 1];
        path.Bytes.CopyTo(bytes);
        return bytes;
    }

    // There is no xattr call that takes a directory: the kernel's own name for the open one does.
    private BytePath AddressOf(BytePath name) =>
        _handle is null ? name : BytePath.From($"/proc/self/fd/{Descriptor}/").Combine(name);

    private void Check(int result, string operation, BytePath name)
    {
        if (result != 0) throw PosixException.FromLastError(operation, Full(name));
    }
}
