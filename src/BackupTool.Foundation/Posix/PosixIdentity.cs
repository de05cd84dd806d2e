using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace BackupTool.Posix;

/// <summary>Who we are, who owns what, and what the kernel's file clock says.</summary>
public static unsafe class PosixIdentity
{
    private const int LargestGroup = 1 << 22;
    private static readonly ConcurrentDictionary<uint, string> UserNames = new(), GroupNames = new();

    /// <summary>Whether this process has the superuser's effective id.</summary>
    public static bool IsRoot => Libc.geteuid() == 0;

    /// <summary>The account's name; empty when this host does not know the number.</summary>
    public static string UserName(uint uid) => UserNames.GetOrAdd(uid, static id =>
    {
        byte* entry = stackalloc byte[256], buffer = stackalloc byte[16 * 1024], result;
        return Libc.getpwuid_r(id, entry, buffer, 16 * 1024, &result) == 0 && result != null ? FirstField(entry) : "";
    });

    /// <summary>The group's name; empty when this host does not know the number.</summary>
    public static string GroupName(uint gid) => GroupNames.GetOrAdd(gid, static id =>
    {
        byte* entry = stackalloc byte[256], buffer = stackalloc byte[64 * 1024], result;
        return Libc.getgrgid_r(id, entry, buffer, 64 * 1024, &result) == 0 && result != null ? FirstField(entry) : "";
    });

    /// <summary>The number of the group of that name; null when this host knows none.</summary>
    public static uint? FindGroup(string name)
    {
        if (name.Length == 0 || name.Contains('\0')) return null;
        byte* entry = stackalloc byte[256], result;
        for (int size = 4096; size <= LargestGroup; size *= 4)
        {
            byte* buffer = (byte*)NativeMemory.Alloc((nuint)size);
            try
            {
                int errno;
                fixed (byte* p = PosixDirectory.Terminated(BytePath.From(name))) errno = Libc.getgrnam_r(p, entry, buffer, size, &result);
                if (errno == (int)Errno.ERANGE) continue;
                return errno != 0 || result == null ? null : *(uint*)(entry + 16);   // struct group of 64-bit Linux: name, password, gid, members (grp.h)
            }
            finally
            {
                NativeMemory.Free(buffer);
            }
        }
        return null;
    }

    /// <summary>
    /// CLOCK_REALTIME_COARSE: the clock that file systems stamp files with. A file whose ctime is <b>before</b> this value gets a later
    /// ctime from any write that comes after.
    /// </summary>
    public static UnixTime FileClock()
    {
        Libc.TimeSpec time;
        _ = Libc.clock_gettime(5, &time);
        return new UnixTime(time.Seconds, (int)time.Nanoseconds);
    }

    // Both struct passwd and struct group begin with a pointer to the name.
    private static string FirstField(byte* entry) => Marshal.PtrToStringUTF8(*(nint*)entry) ?? "";
}
