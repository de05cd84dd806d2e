using System.Runtime.InteropServices;

namespace BackupTool.Posix;

/// <summary>An account of this host, as the C library's name service knows it (files, systemd's DynamicUser, LDAP).</summary>
/// <param name="Name">The account's name.</param>
/// <param name="Uid">Its number.</param>
/// <param name="Gid">The number of its primary group.</param>
/// <param name="Home">Its home directory, which need not exist.</param>
public sealed unsafe record SystemUser(string Name, uint Uid, uint Gid, string Home)
{
    private const int LargestEntry = 1 << 20;

    /// <summary>Whether this process already is this user.</summary>
    public bool IsCurrent => Libc.geteuid() == Uid;

    /// <summary>The account of this process; one without a name when the host knows none for its number.</summary>
    public static SystemUser Current
    {
        get
        {
            uint uid = Libc.geteuid();
            return Find((entry, buffer, size, result) => Libc.getpwuid_r(uid, (byte*)entry, (byte*)buffer, size, (byte**)result))
                ?? new SystemUser("", uid, uid, "/");
        }
    }

    /// <summary>The account of that name; null when this host knows none.</summary>
    public static SystemUser? Find(string name)
    {
        if (name.Length == 0 || name.Contains('\0')) return null;
        byte[] terminated = PosixDirectory.Terminated(BytePath.From(name));
        return Find((entry, buffer, size, result) =>
        {
            fixed (byte* p = terminated) return Libc.getpwnam_r(p, (byte*)entry, (byte*)buffer, size, (byte**)result);
        });
    }

    private static SystemUser? Find(Func<nint, nint, int, nint, int> lookUp)
    {
        byte* entry = stackalloc byte[256], result;
        for (int size = 4096; size <= LargestEntry; size *= 4)
        {
            byte* buffer = (byte*)NativeMemory.Alloc((nuint)size);
            try
            {
                int errno = lookUp((nint)entry, (nint)buffer, size, (nint)(&result));
                if (errno == (int)Errno.ERANGE) continue;
                return errno != 0 || result == null ? null : FromEntry(entry);
            }
            finally
            {
                NativeMemory.Free(buffer);
            }
        }
        return null;
    }

    // struct passwd of 64-bit Linux: name, password, uid, gid, comment, home, shell (pwd.h)
    private static SystemUser FromEntry(byte* entry) => new(
        Marshal.PtrToStringUTF8(*(nint*)entry) ?? "", *(uint*)(entry + 16), *(uint*)(entry + 20), Marshal.PtrToStringUTF8(*(nint*)(entry + 32)) ?? "/");
}
