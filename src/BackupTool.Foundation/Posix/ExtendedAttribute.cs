using System.Runtime.InteropServices;

namespace BackupTool.Posix;

/// <summary>One extended attribute: <c>user.*</c>, <c>security.capability</c>, or an ACL as <c>system.posix_acl_access</c> in the kernel's binary form.</summary>
public sealed unsafe record ExtendedAttribute(BytePath Name, byte[] Value)
{
    internal static IReadOnlyList<ExtendedAttribute> Read(BytePath address, BytePath shown)
    {
        byte[] list = new byte[1024];
        fixed (byte* path = PosixDirectory.Terminated(address))
        {
            int length = Fill(ref list, shown, (buffer, size, p) => Libc.llistxattr((byte*)p, buffer, size), (nint)path);
            if (length <= 0) return [];
            var found = new List<ExtendedAttribute>();
            for (int at = 0; at < length;)
            {
                ReadOnlySpan<byte> name = list.AsSpan(at, length - at);
                name = name[..name.IndexOf((byte)0)];
                at += name.Length + 1;
                byte[] value = new byte[256];
                fixed (byte* n = list)
                {
                    byte* nameAt = n + at - name.Length - 1;
                    int size = Fill(ref value, shown, (buffer, room, p) => Libc.lgetxattr((byte*)p, nameAt, buffer, room), (nint)path);
                    if (size >= 0) found.Add(new ExtendedAttribute(new BytePath(name), value[..size]));
                }
            }
            found.Sort(static (a, b) => a.Name.Bytes.SequenceCompareTo(b.Name.Bytes));
            return found;
        }
    }

    internal static void Write(BytePath address, BytePath shown, ExtendedAttribute attribute)
    {
        fixed (byte* path = PosixDirectory.Terminated(address), name = PosixDirectory.Terminated(attribute.Name), value = attribute.Value)
        {
            if (Libc.lsetxattr(path, name, value, attribute.Value.Length, 0) != 0)
                throw PosixException.FromLastError($"set attribute {attribute.Name} of", shown);
        }
    }

    internal static void Remove(BytePath address, BytePath shown, BytePath attribute)
    {
        fixed (byte* path = PosixDirectory.Terminated(address), name = PosixDirectory.Terminated(attribute))
        {
            if (Libc.lremovexattr(path, name) == 0) return;
            var failure = PosixException.FromLastError($"remove attribute {attribute} of", shown);
            if (failure.Errno is not (Errno.ENODATA or Errno.EOPNOTSUPP)) throw failure;
        }
    }

    private delegate nint Filler(byte* buffer, nint size, nint path);

    /// <summary>Calls until the buffer is large enough; −1 when the file system has no attributes or this one went away.</summary>
    private static int Fill(ref byte[] buffer, BytePath shown, Filler call, nint path)
    {
        while (true)
        {
            fixed (byte* b = buffer)
            {
                nint length = call(b, buffer.Length, path);
                if (length >= 0) return (int)length;
            }
            switch ((Errno)Marshal.GetLastPInvokeError())
            {
                case Errno.ERANGE: buffer = new byte[buffer.Length * 8]; continue;
                case Errno.EOPNOTSUPP or Errno.ENODATA: return -1;
                default: throw PosixException.FromLastError("read attributes of", shown);
            }
        }
    }
}
