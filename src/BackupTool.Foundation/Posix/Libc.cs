using System.Runtime.InteropServices;

namespace BackupTool.Posix;

/// <summary>The C library's calls, as they are. Constants are those of Linux on x64 and arm64.</summary>
internal static unsafe partial class Libc
{
    internal const int AtFdCwd = -100, AtSymlinkNofollow = 0x100, AtRemoveDir = 0x200, AtEmptyPath = 0x1000;
    internal const int OReadOnly = 0, OWriteOnly = 1, OReadWrite = 2, OCreate = 0x40, OExclusive = 0x80, OTruncate = 0x200,
        ONonBlock = 0x800, ONoAccessTime = 0x40000, OCloseOnExec = 0x80000, OPath = 0x200000;
    internal const nint OpenAt2Number = 437;   // the same everywhere
    internal const ulong ResolveNoMagicLinks = 2, ResolveNoSymlinks = 4;
    internal const int SeekData = 3, SeekHole = 4;
    internal const uint StatxBasicStats = 0x7ff, StatxBirthTime = 0x800;
    internal const ulong StatxImmutable = 0x10, StatxAppendOnly = 0x20, StatVfsReadOnly = 1;
    internal const int AtEffectiveAccess = 0x200, AccessWrite = 2, AccessSearch = 1;
    internal const uint RenameNoReplace = 1, RenameExchange = 2;
    internal const nuint FiClone = 0x40049409;

    // The flags whose values differ between the architectures.
    internal static readonly int ODirectory = Arm ? 0x4000 : 0x10000;
    internal static readonly int ONoFollow = Arm ? 0x8000 : 0x20000;
    internal static readonly int ODirect = Arm ? 0x10000 : 0x4000;
    private static bool Arm => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
    internal static readonly nint SysGetdents64 = Arm ? 61 : 217;
    internal static readonly nint SysSetResUid = Arm ? 147 : 117, SysSetResGid = Arm ? 149 : 119, SysSetFsUid = Arm ? 151 : 122, SysSetFsGid = Arm ? 152 : 123;
    internal const uint MemoryFileCloseOnExec = 1, MemoryFileNotExecutable = 8;
    internal const int SetDescriptorFlags = 2;

    /// <summary>struct statx, the same on every architecture (linux/stat.h).</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct Statx
    {
        [FieldOffset(0)] internal uint Mask;
        [FieldOffset(8)] internal ulong Attributes;
        [FieldOffset(16)] internal uint LinkCount;
        [FieldOffset(20)] internal uint Uid;
        [FieldOffset(24)] internal uint Gid;
        [FieldOffset(28)] internal ushort Mode;
        [FieldOffset(32)] internal ulong Inode;
        [FieldOffset(40)] internal ulong Size;
        [FieldOffset(48)] internal ulong Blocks;
        [FieldOffset(80)] internal long BirthSeconds;
        [FieldOffset(88)] internal uint BirthNanoseconds;
        [FieldOffset(96)] internal long ChangedSeconds;
        [FieldOffset(104)] internal uint ChangedNanoseconds;
        [FieldOffset(112)] internal long ModifiedSeconds;
        [FieldOffset(120)] internal uint ModifiedNanoseconds;
        [FieldOffset(128)] internal uint RawDeviceMajor;
        [FieldOffset(132)] internal uint RawDeviceMinor;
        [FieldOffset(136)] internal uint DeviceMajor;
        [FieldOffset(140)] internal uint DeviceMinor;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct TimeSpec
    {
        internal long Seconds;
        internal long Nanoseconds;
    }

    /// <summary>struct statvfs of 64-bit glibc.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 112)]
    internal struct StatVfs
    {
        [FieldOffset(8)] internal ulong FragmentSize;
        [FieldOffset(32)] internal ulong AvailableFragments;
        [FieldOffset(72)] internal ulong Flags;
    }

    [LibraryImport("libc", SetLastError = true)] internal static partial int open(byte* path, int flags, uint mode);
    [LibraryImport("libc", SetLastError = true)] internal static partial int openat(int dir, byte* path, int flags, uint mode);
    [LibraryImport("libc", SetLastError = true)] internal static partial int statx(int dir, byte* path, int flags, uint mask, Statx* result);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint syscall(nint number, nint a, nint b, nint c);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint syscall(nint number, nint a, nint b, nint c, nint d);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint readlinkat(int dir, byte* path, byte* buffer, nint size);
    [LibraryImport("libc", SetLastError = true)] internal static partial int faccessat(int dir, byte* path, int mode, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int mkdirat(int dir, byte* path, uint mode);
    [LibraryImport("libc", SetLastError = true)] internal static partial int symlinkat(byte* target, int dir, byte* path);
    [LibraryImport("libc", SetLastError = true)] internal static partial int linkat(int fromDir, byte* from, int toDir, byte* to, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int mknodat(int dir, byte* path, uint mode, ulong device);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fchownat(int dir, byte* path, uint uid, uint gid, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fchmodat(int dir, byte* path, uint mode, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fchmod(int fd, uint mode);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fchown(int fd, uint uid, uint gid);
    [LibraryImport("libc", SetLastError = true)] internal static partial int utimensat(int dir, byte* path, TimeSpec* times, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int futimens(int fd, TimeSpec* times);
    [LibraryImport("libc", SetLastError = true)] internal static partial int unlinkat(int dir, byte* path, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int renameat2(int fromDir, byte* from, int toDir, byte* to, uint flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int setpriority(int which, uint who, int nice);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fsync(int fd);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fdatasync(int fd);
    [LibraryImport("libc", SetLastError = true)] internal static partial int syncfs(int fd);
    [LibraryImport("libc", SetLastError = true)] internal static partial int ftruncate(int fd, long length);
    [LibraryImport("libc", SetLastError = true)] internal static partial long lseek(int fd, long offset, int whence);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint pread(int fd, byte* buffer, nint count, long offset);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint pwrite(int fd, byte* buffer, nint count, long offset);
    [LibraryImport("libc", SetLastError = true)] internal static partial int ioctl(int fd, nuint request, nint argument);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fcntl(int fd, int command, nint argument);
    [LibraryImport("libc", SetLastError = true)] internal static partial int flock(int fd, int operation);
    [LibraryImport("libc", SetLastError = true)] internal static partial int sync_file_range(int fd, long offset, long count, uint flags);
    [LibraryImport("libc")] internal static partial int posix_fadvise(int fd, long offset, long length, int advice);
    [LibraryImport("libc", SetLastError = true)] internal static partial int posix_fallocate(int fd, long offset, long length);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint llistxattr(byte* path, byte* list, nint size);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint lgetxattr(byte* path, byte* name, byte* value, nint size);
    [LibraryImport("libc", SetLastError = true)] internal static partial int lsetxattr(byte* path, byte* name, byte* value, nint size, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int lremovexattr(byte* path, byte* name);
    [LibraryImport("libc", SetLastError = true)] internal static partial int statvfs(byte* path, StatVfs* result);
    [LibraryImport("libc", SetLastError = true)] internal static partial byte* mmap(nint address, nint length, int protection, int flags, int fd, long offset);
    [LibraryImport("libc", SetLastError = true)] internal static partial int munmap(byte* address, nint length);
    [LibraryImport("libc", SetLastError = true)] internal static partial int kill(int process, int signal);
    [LibraryImport("libc", SetLastError = true)] internal static partial int prctl(int option, nint a, nint b, nint c, nint d);
    [LibraryImport("libc")] internal static partial int getppid();
    [LibraryImport("libc", SetLastError = true)] internal static partial int memfd_create(byte* name, uint flags);
    [LibraryImport("libc")] internal static partial uint geteuid();
    [LibraryImport("libc")] internal static partial uint getegid();
    [LibraryImport("libc")] internal static partial int getpwnam_r(byte* name, byte* entry, byte* buffer, nint size, byte** result);
    [LibraryImport("libc")] internal static partial int clock_gettime(int clock, TimeSpec* time);
    [LibraryImport("libc")] internal static partial int getpwuid_r(uint uid, byte* entry, byte* buffer, nint size, byte** result);
    [LibraryImport("libc")] internal static partial int getgrnam_r(byte* name, byte* entry, byte* buffer, nint size, byte** result);
    [LibraryImport("libc")] internal static partial int getgrgid_r(uint gid, byte* entry, byte* buffer, nint size, byte** result);

    /// <summary>struct open_how of openat2(2).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct OpenHow
    {
        internal ulong Flags, Mode, Resolve;
    }
}
