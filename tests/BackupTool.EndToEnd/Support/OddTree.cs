using System.Net.Sockets;
using System.Text;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.EndToEnd.Support;

/// <summary>Writes one tree of everything that a file system can hold, and that a backup has lost somewhere before. Takes root.</summary>
internal sealed class OddTree : IDisposable
{
    // user::rwx user:1234:r-- group::r-x mask::rwx other::--- (linux/posix_acl_xattr.h)
    private static readonly byte[] Acl = Convert.FromHexString(
        "02000000" + "01000700ffffffff" + "02000400d2040000" + "04000500ffffffff" + "10000700ffffffff" + "20000000ffffffff");

    // cap_net_bind_service=ep (linux/capability.h, VFS_CAP_REVISION_2)
    private static readonly byte[] Capability = Convert.FromHexString("0100000200040000000000000000000000000000");

    private readonly PosixDirectory _root;
    private readonly Random _random = new(7);

    private OddTree(string root) => _root = PosixDirectory.Open(BytePath.From(root));

    internal static void Write(string root)
    {
        using var tree = new OddTree(root);
        tree.WriteSizes();
        tree.WriteSparseFiles();
        tree.WriteDirectories();
        tree.WriteLinks();
        tree.WriteSpecialFiles(root);
        tree.WriteNames();
        tree.WriteModesAndOwners();
        tree.WriteTimes();
        tree.WriteAttributes();
        tree._root.SetOwner(Name("."), 12345, 54321);
        tree._root.SetMode(Name("."), Convert.ToUInt32("2751", 8));
        tree._root.SetModifiedAt(Name("."), new UnixTime(1_000_000_007, 123_456_789));
    }

    public void Dispose() => _root.Dispose();

    private static BytePath Name(string name) => BytePath.From(name);

    private void WriteSizes()
    {
        using PosixDirectory sizes = Directory(_root, "sizes");
        const int kib = 1024, mib = 1 << 20;
        foreach (int size in (int[])[0, 1, 511, 512, 513, 16 * kib, (255 * kib) - 1, 255 * kib, (256 * kib) - 1, 256 * kib, (256 * kib) + 1, 257 * kib,
            mib - 1, mib, mib + 1, (4 * mib) - 1, 4 * mib, (4 * mib) + 513, 20 * mib])
            File(sizes, $"{size}", Content(size));
        File(sizes, "zeros", new byte[3 * mib]);
        for (int i = 0; i < 300; i++) File(sizes, $"small-{i}", Content(i * 7));
    }

    private void WriteSparseFiles()
    {
        using PosixDirectory sparse = Directory(_root, "sparse");
        Sparse(sparse, "all-hole", 5_000_001);
        Sparse(sparse, "leading", 9_000_000, (8_900_000, 100_000));
        Sparse(sparse, "trailing", 9_000_000, (0, 70_001));
        Sparse(sparse, "both", 300_000_000, (100_000_000, 200_000));
        Sparse(sparse, "many", 8_000_000, [.. Enumerable.Range(0, 120).Select(static i => (i * 65_536L, 5_000))]);
        Sparse(sparse, "one-block", 4096, (0, 1));
    }

    private void WriteDirectories()
    {
        Directory(_root, "empty").Dispose();
        using PosixDirectory nested = Directory(_root, "nested");
        PosixDirectory at = nested.OpenDirectory(Name("."));
        // About 3,000 bytes below the root.
        for (int depth = 0; depth < 30; depth++)
        {
            PosixDirectory next = Directory(at, new string((char)('a' + (depth % 26)), 99));
            at.Dispose();
            at = next;
        }
        File(at, "deep", Content(1000));
        at.Dispose();
    }

    private void WriteLinks()
    {
        using PosixDirectory links = Directory(_root, "links"), far = Directory(_root, "far");
        foreach ((string name, string target) in ((string, string)[])[("relative", "../sizes/513"), ("dangling", "nowhere"), ("absolute", "/etc/hostname"), ("self", "self"),
            ("loop-a", "loop-b"), ("loop-b", "loop-a"), ("up", "../../../.."), ("long", string.Join('/', Enumerable.Repeat(new string('t', 200), 19))), ("to-directory", "../nested")])
            links.CreateSymbolicLink(Name(name), Name(target));
        links.CreateSymbolicLink(Name("not-utf8"), new BytePath([0xff, (byte)'/', 0xfe, (byte)'\n']));
        links.SetOwner(Name("dangling"), 12345, 54321);
        links.SetModifiedAt(Name("dangling"), new UnixTime(-5, 1));
        links.SetExtendedAttribute(Name("dangling"), new ExtendedAttribute(Name("trusted.on-a-link"), "value"u8.ToArray()));

        File(links, "hard-1", Content(5000));
        foreach ((PosixDirectory place, string name) in ((PosixDirectory, string)[])[(links, "hard-2"), (far, "hard-3"), (_root, "a-first-name")])
            links.CreateHardLink(Name("hard-1"), place, Name(name));
        File(far, "big-hard-1", Content(700_000));
        far.CreateHardLink(Name("big-hard-1"), links, Name("big-hard-2"));
        File(links, "empty-hard-1", []);
        links.CreateHardLink(Name("empty-hard-1"), far, Name("empty-hard-2"));
    }

    private void WriteSpecialFiles(string root)
    {
        using PosixDirectory special = Directory(_root, "special");
        special.CreateNode(Name("fifo"), FileKind.Fifo);
        special.CreateNode(Name("character"), FileKind.CharacterDevice, 1, 3);
        special.CreateNode(Name("block"), FileKind.BlockDevice, 300, 70_000);
        special.SetMode(Name("character"), Convert.ToUInt32("666", 8));
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(root, "special/bound")));
        special.Rename(Name("bound"), special, Name("socket"));   // under another name than it was bound to, disposing leaves it
    }

    private void WriteNames()
    {
        using PosixDirectory names = Directory(_root, "names");
        foreach (byte[] name in (byte[][])[[0xff, 0xfe], [0xc3, 0x28], "new\nline"u8.ToArray(), "\n"u8.ToArray(), "tab\there"u8.ToArray(), "-rf"u8.ToArray(), "--checkpoint-action=exec=false"u8.ToArray(),
            " leading and trailing "u8.ToArray(), "back\\slash"u8.ToArray(), "quote\"'`$(x)"u8.ToArray(), "*?[a]"u8.ToArray(), "\x01\x1b[31m"u8.ToArray(), "ünïcödé 🦀"u8.ToArray(), "..."u8.ToArray(),
            "a=b"u8.ToArray(), "%n%s"u8.ToArray(), Encoding.ASCII.GetBytes(new string('n', 255)), [.. Enumerable.Repeat((byte)0xfd, 255)], Encoding.ASCII.GetBytes(new string('n', 100)), Encoding.ASCII.GetBytes(new string('n', 99))])
            File(names, new BytePath(name), Content(50));
        using PosixDirectory directory = Directory(names, new BytePath([0xe9, 0xe8]));
        File(directory, "inside", Content(20));
        // Sorted as names and as paths differently.
        foreach (string name in (string[])["x", "x-y", "x.d"]) Directory(names, name).Dispose();
        using PosixDirectory x = names.OpenDirectory(Name("x"));
        File(x, "z", Content(1));
    }

    private void WriteModesAndOwners()
    {
        using PosixDirectory modes = Directory(_root, "modes");
        foreach (string mode in (string[])["0000", "0400", "0777", "1644", "2755", "4755", "6711", "7777"])
        {
            File(modes, mode, Content(10));
            modes.SetOwner(Name(mode), 12345, 54321);
            modes.SetMode(Name(mode), Convert.ToUInt32(mode, 8));
            Directory(modes, $"d{mode}").Dispose();
            modes.SetOwner(Name($"d{mode}"), 4_000_000_000, 3_000_000);
            modes.SetMode(Name($"d{mode}"), Convert.ToUInt32(mode, 8));
        }
    }

    private void WriteTimes()
    {
        using PosixDirectory times = Directory(_root, "times");
        foreach (UnixTime time in (UnixTime[])[new(0, 0), new(-1, 999_999_999), new(-86_400, 1), new(-2_000_000_000, 500), new(1_700_000_000, 1), new(1_700_000_000, 999_999_999), new(1_700_000_000, 120_000_000), new(8_589_934_592, 7)])
        {
            string name = $"{time.Seconds}.{time.Nanoseconds}";
            File(times, name, Content(3));
            times.SetModifiedAt(Name(name), time);
        }
        Directory(times, "directory").Dispose();
        times.SetModifiedAt(Name("directory"), new UnixTime(-77, 77));
    }

    private void WriteAttributes()
    {
        using PosixDirectory attributes = Directory(_root, "attributes");
        File(attributes, "file", Content(100));
        Directory(attributes, "directory").Dispose();
        foreach (string name in (string[])["file", "directory"])
        {
            Attribute(attributes, name, "user.text", "value"u8.ToArray());
            Attribute(attributes, name, "user.empty", []);
            Attribute(attributes, name, "user.with=equals%41", [0, 1, 255, (byte)'\n', (byte)'=']);
            Attribute(attributes, name, "trusted.overlay", [1]);
            Attribute(attributes, name, "system.posix_acl_access", Acl);
        }
        Attribute(attributes, "file", "user.long", Content(2000));
        Attribute(attributes, "file", "security.capability", Capability);
        Attribute(attributes, "directory", "system.posix_acl_default", Acl);
    }

    private static void Attribute(PosixDirectory directory, string file, string name, byte[] value) =>
        directory.SetExtendedAttribute(Name(file), new ExtendedAttribute(Name(name), value));

    /// <summary>Half of it compresses well, half not at all.</summary>
    private byte[] Content(int size)
    {
        var content = new byte[size];
        _random.NextBytes(content.AsSpan(size / 2));
        for (int i = 0; i < size / 2; i++) content[i] = (byte)"the quick brown fox "[i % 20];
        return content;
    }

    private static PosixDirectory Directory(PosixDirectory parent, string name) => Directory(parent, Name(name));

    private static PosixDirectory Directory(PosixDirectory parent, BytePath name)
    {
        parent.CreateDirectory(name);
        return parent.OpenDirectory(name);
    }

    private static void File(PosixDirectory parent, string name, byte[] content) => File(parent, Name(name), content);

    private static void File(PosixDirectory parent, BytePath name, byte[] content)
    {
        using SafeFileHandle file = parent.CreateFile(name);
        PosixFile.WriteFully(file, content, 0, name);
    }

    private void Sparse(PosixDirectory parent, string name, long size, params (long Offset, int Length)[] data)
    {
        using SafeFileHandle file = parent.CreateFile(Name(name));
        foreach ((long offset, int length) in data) PosixFile.WriteFully(file, Content(length), offset, Name(name));
        PosixFile.SetLength(file, size, Name(name));
    }
}
