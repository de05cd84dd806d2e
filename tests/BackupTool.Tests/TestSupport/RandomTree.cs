using BackupTool.Posix;
using CsCheck;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Tests.TestSupport;

/// <summary>One entry of a random tree. <paramref name="Place"/> picks the directory it goes into, and the file that a hard link links.</summary>
internal sealed record RandomEntry(
    FileKind Kind, bool IsHardLink, int Place, BytePath Name, int Size, int Hole, BytePath Target, uint Mode, uint Uid, uint Gid, UnixTime ModifiedAt,
    bool HasAcl, byte[][] Attributes)
{
    public override string ToString() => $"{(IsHardLink ? "link" : Kind)} {Name} in {Place}";
}

/// <summary>Random trees of everything that a file system holds, to be written to a real one. Takes root.</summary>
internal static class RandomTree
{
    // user::rwx user:1234:r-- group::r-x mask::rwx other::--- (linux/posix_acl_xattr.h)
    private static readonly byte[] Acl = Convert.FromHexString(
        "02000000" + "01000700ffffffff" + "02000400d2040000" + "04000500ffffffff" + "10000700ffffffff" + "20000000ffffffff");

    private static readonly Gen<BytePath> Name = Gen.Frequency(
            (8, Gen.OneOf("abc.-"u8.ToArray()).Array[1, 3]), (1, Gen.Byte[1, 255].Where(b => b != '/').Array[1, 8]), (1, Gen.Const((byte)'n').Array[100, 255]))
        .Where(name => !name.AsSpan().SequenceEqual("."u8) && !name.AsSpan().SequenceEqual(".."u8))
        .Select(name => new BytePath(name));

    private static readonly Gen<UnixTime> Time = Gen.Select(
        Gen.Frequency((4, Gen.Long[0, 2_000_000_000]), (1, Gen.Long[-2_000_000_000, 10_000_000_000])), Gen.Int[0, 999_999_999], (s, n) => new UnixTime(s, n));

    private static readonly Gen<FileKind> Kind = Gen.Frequency(
        (6, Gen.Const(FileKind.Regular)), (5, Gen.Const(FileKind.Directory)), (2, Gen.Const(FileKind.SymbolicLink)), (1, Gen.Const(FileKind.Fifo)),
        (1, Gen.Const(FileKind.CharacterDevice)));

    internal static readonly Gen<RandomEntry[]> Entries = Gen.Select(
            Gen.Select(Kind, Gen.Int[0, 4], Gen.Int[0, 100], Name),
            Gen.Select(Gen.Frequency((3, Gen.Int[0, 3000]), (1, Gen.Int[0, 300_000])), Gen.Int[0, 2], Name),
            Gen.Select(Gen.UInt[0, 0xfff], Gen.UInt[0, 5_000_000], Gen.UInt[0, 70_000], Time),
            Gen.Select(Gen.Int[0, 5].Select(n => n == 0), Gen.Frequency((3, Gen.Const(0)), (1, Gen.Int[1, 2])).SelectMany(n => Gen.Byte.Array[0, 200].Array[n])),
            (what, data, whose, extra) => new RandomEntry(
                what.Item1, what.Item1 == FileKind.Regular && what.Item2 == 0, what.Item3, what.Item4, data.Item1, data.Item2, data.Item3,
                whose.Item1, whose.Item2, whose.Item3, whose.Item4, extra.Item1, extra.Item2))
        .Array[0, 25];

    /// <summary>Writes the entries below an empty directory. Those whose name is taken are left out.</summary>
    internal static void Write(RandomEntry[] entries, string root)
    {
        using PosixDirectory top = PosixDirectory.Open(BytePath.From(root));
        var directories = new List<(PosixDirectory Open, PosixDirectory Parent, RandomEntry? Entry)> { (top, top, null) };
        var files = new List<(PosixDirectory Parent, BytePath Name)>();
        foreach (RandomEntry entry in entries)
        {
            PosixDirectory parent = directories[entry.Place % directories.Count].Open;
            if (parent.TryGetStatus(entry.Name, out _)) continue;
            if (entry.IsHardLink)
            {
                if (files.Count > 0) files[entry.Place % files.Count].Parent.CreateHardLink(files[entry.Place % files.Count].Name, parent, entry.Name);
            }
            else if (entry.Kind == FileKind.Directory)
            {
                parent.CreateDirectory(entry.Name);
                directories.Add((parent.OpenDirectory(entry.Name), parent, entry));
            }
            else
            {
                Create(parent, entry);
                Decorate(parent, entry);
                if (entry.Kind == FileKind.Regular) files.Add((parent, entry.Name));
            }
        }
        for (int i = directories.Count - 1; i > 0; i--) Decorate(directories[i].Parent, directories[i].Entry!);
        foreach ((PosixDirectory open, _, _) in directories.Skip(1)) open.Dispose();
    }

    private static void Create(PosixDirectory parent, RandomEntry entry)
    {
        if (entry.Kind == FileKind.SymbolicLink) parent.CreateSymbolicLink(entry.Name, entry.Target);
        else if (entry.Kind != FileKind.Regular) parent.CreateNode(entry.Name, entry.Kind, 1, (uint)entry.Size);
        else
        {
            using SafeFileHandle file = parent.CreateFile(entry.Name);
            byte[] content = new byte[entry.Size];
            new Random(entry.Size).NextBytes(content);
            // Hole 0: none; 1: before the data, 2: after it, too.
            long start = entry.Hole == 0 ? 0 : entry.Size % 50 * 4096L;
            PosixFile.WriteFully(file, content, start, entry.Name);
            if (entry.Hole == 2) PosixFile.SetLength(file, start + entry.Size + 1_000_001, entry.Name);
        }
    }

    private static void Decorate(PosixDirectory parent, RandomEntry entry)
    {
        bool isFileOrDirectory = entry.Kind is FileKind.Regular or FileKind.Directory;
        parent.SetOwner(entry.Name, entry.Uid, entry.Gid);
        for (int i = 0; i < entry.Attributes.Length; i++)
            parent.SetExtendedAttribute(entry.Name, new ExtendedAttribute(BytePath.From($"{(isFileOrDirectory ? "user" : "trusted")}.a={i}%"), entry.Attributes[i]));
        if (entry.Kind != FileKind.SymbolicLink) parent.SetMode(entry.Name, entry.Mode);
        if (entry.HasAcl && isFileOrDirectory) parent.SetExtendedAttribute(entry.Name, new ExtendedAttribute(BytePath.From("system.posix_acl_access"), Acl));
        if (entry.HasAcl && entry.Kind == FileKind.Directory) parent.SetExtendedAttribute(entry.Name, new ExtendedAttribute(BytePath.From("system.posix_acl_default"), Acl));
        parent.SetModifiedAt(entry.Name, entry.ModifiedAt);
    }
}
