using BackupTool.Posix;
using BackupTool.Tests.TestSupport;
using CsCheck;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Tests.Repositories.Archives;

internal enum EditKind { File, SparseFile, Overwrite, Append, Truncate, Directory, SymbolicLink, HardLink, Pipe, Remove, Move, Mode, Time, Attribute }

/// <summary>One change to a tree. Places and targets are numbers into what is there when it is made: any edit fits any tree.</summary>
internal sealed record TreeEdit(EditKind Kind, int Place, int Target, BytePath Name, int Size, int Seed)
{
    public override string ToString() => $"{Kind} {Name} ({Size} B) at {Place} of {Target}";
}

/// <summary>Random trees that change as services change theirs.</summary>
internal static class TreeEdits
{
    private static readonly Gen<BytePath> Name = Gen.Frequency(
            (8, Gen.OneOf("abc.-B "u8.ToArray()).Array[1, 2]), (1, Gen.Byte[1, 255].Where(b => b != '/').Array[1, 6]), (1, Gen.Const((byte)'n').Array[95, 110]))
        .Where(name => !name.AsSpan().SequenceEqual("."u8) && !name.AsSpan().SequenceEqual(".."u8)).Select(name => new BytePath(name));

    // Around every limit that there is: blocks, the share of a bundle, what makes a file large.
    private static readonly Gen<int> Size = Gen.Frequency(
        (6, Gen.OneOf(0, 1, 511, 512, 513, 1024, 4096)), (6, Gen.Int[0, 5000]), (2, Gen.Int[20_000, 90_000]),
        (1, Gen.OneOf(262_143, 262_144, 262_145)), (1, Gen.Int[250_000, 409_600]));

    private static readonly Gen<TreeEdit> Edit = Gen.Select(
        Gen.Frequency(
            (8, Gen.Const(EditKind.File)), (1, Gen.Const(EditKind.SparseFile)), (2, Gen.Const(EditKind.Overwrite)), (2, Gen.Const(EditKind.Append)), (1, Gen.Const(EditKind.Truncate)),
            (4, Gen.Const(EditKind.Directory)), (1, Gen.Const(EditKind.SymbolicLink)), (2, Gen.Const(EditKind.HardLink)), (1, Gen.Const(EditKind.Pipe)), (2, Gen.Const(EditKind.Remove)),
            (2, Gen.Const(EditKind.Move)), (1, Gen.Const(EditKind.Mode)), (1, Gen.Const(EditKind.Time)), (1, Gen.Const(EditKind.Attribute))),
        Gen.Int[0, 1000], Gen.Int[0, 1000], Name, Size, Gen.Int[0, 3], (kind, place, target, name, size, seed) => new TreeEdit(kind, place, target, name, size, seed));

    /// <summary>A first tree, and what happens to it before each further backup.</summary>
    internal static readonly Gen<TreeEdit[][]> Histories = Gen.Select(Edit.Array[0, 25], Edit.Array[0, 5].Array[7], (first, later) => (TreeEdit[][])[first, .. later]);

    internal static void Apply(TreeEdit edit, string root)
    {
        List<BytePath> all = [BytePath.From(root), .. Below(BytePath.From(root))];
        List<BytePath> directories = all.FindAll(p => StatusOf(p).Kind == FileKind.Directory), files = all.FindAll(p => StatusOf(p).Kind == FileKind.Regular);
        BytePath directory = directories[edit.Place % directories.Count], path = directory.Combine(edit.Name);
        BytePath? file = files.Count == 0 ? null : files[edit.Target % files.Count], any = all.Count == 1 ? null : all[1 + (edit.Target % (all.Count - 1))];
        bool isFree = !PosixDirectory.Current.TryGetStatus(path, out _);
        switch (edit.Kind)
        {
            case EditKind.File when isFree: Write(path, edit, 0, edit.Size); break;
            case EditKind.SparseFile when isFree: Write(path, edit, 4096L * (edit.Seed * 20), edit.Size, length: 700_000 + (edit.Size / 2)); break;
            case EditKind.Overwrite when file is { } f: Write(f, edit, edit.Size / 2, Math.Min(edit.Size, 3000)); break;
            case EditKind.Append when file is { } f: Write(f, edit, StatusOf(f).Size, edit.Size); break;
            case EditKind.Truncate when file is { } f: SetLength(f, edit.Size); break;
            case EditKind.Directory when isFree: PosixDirectory.Current.CreateDirectory(path, 0x1ed); break;
            case EditKind.SymbolicLink when isFree: PosixDirectory.Current.CreateSymbolicLink(path, edit.Name); break;
            case EditKind.HardLink when isFree && file is { } f: PosixDirectory.Current.CreateHardLink(f, PosixDirectory.Current, path); break;
            case EditKind.Pipe when isFree: PosixDirectory.Current.CreateNode(path, FileKind.Fifo); break;
            case EditKind.Remove when any is { } a: PosixDirectory.Current.RemoveTree(a); break;
            case EditKind.Move when any is { } a && isFree && !path.IsAtOrBelow(a): PosixDirectory.Current.Rename(a, PosixDirectory.Current, path); break;
            case EditKind.Mode when any is { } a && StatusOf(a).Kind != FileKind.SymbolicLink: PosixDirectory.Current.SetMode(a, (uint)(0x1c0 | (edit.Size & 0xfff))); break;
            case EditKind.Time when any is { } a: PosixDirectory.Current.SetModifiedAt(a, new UnixTime(edit.Size - 1000, edit.Target)); break;
            case EditKind.Attribute when file is { } f: PosixDirectory.Current.SetExtendedAttribute(f, new ExtendedAttribute(BytePath.From($"user.{edit.Seed}"), PseudoRandom.Bytes(edit.Size % 300, 1))); break;
        }
    }

    private static IEnumerable<BytePath> Below(BytePath directory)
    {
        List<BytePath> names;
        using (PosixDirectory open = PosixDirectory.Open(directory)) names = open.ReadNames();
        foreach (BytePath name in names)
        {
            BytePath path = directory.Combine(name);
            yield return path;
            if (StatusOf(path).Kind != FileKind.Directory) continue;
            foreach (BytePath below in Below(path)) yield return below;
        }
    }

    private static FileStatus StatusOf(BytePath path) => PosixDirectory.Current.GetStatus(path);

    private static void Write(BytePath path, TreeEdit edit, long offset, int bytes, long length = 0)
    {
        using SafeFileHandle file = OpenForWriting(path);
        PosixFile.WriteFully(file, PseudoRandom.Bytes(bytes, (ulong)edit.Seed), offset, path);
        if (length > 0) PosixFile.SetLength(file, length, path);
    }

    private static void SetLength(BytePath path, long length)
    {
        using SafeFileHandle file = OpenForWriting(path);
        PosixFile.SetLength(file, length, path);
    }

    // There is no opening for writing in our Posix layer but of new files: through /proc, as names may be no UTF-8.
    private static SafeFileHandle OpenForWriting(BytePath path)
    {
        if (!PosixDirectory.Current.TryGetStatus(path, out _)) return PosixDirectory.Current.CreateFile(path, 0x1a4);
        using SafeFileHandle read = PosixDirectory.Current.OpenForReading(path);
        return File.OpenHandle($"/proc/self/fd/{read.DangerousGetHandle()}", FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
    }
}
