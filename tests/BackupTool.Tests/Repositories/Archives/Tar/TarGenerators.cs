using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using CsCheck;

namespace BackupTool.Tests.Repositories.Archives.Tar;

/// <summary>Random members that a file system could hold.</summary>
internal static class TarGenerators
{
    private static readonly Gen<byte> NameByte = Gen.Frequency(
        (8, Gen.OneOf("abcxyz.-_%= "u8.ToArray())), (1, Gen.Byte[1, 255].Where(b => b != '/')));

    private static readonly Gen<byte[]> Component = Gen.Frequency((6, NameByte.Array[1, 12]), (1, NameByte.Array[90, 110]), (1, NameByte.Array[140, 255]));

    internal static readonly Gen<BytePath> Path = Gen.Frequency((6, Component.Array[1, 5]), (1, Component.Array[10, 60]))
        .Select(parts => new BytePath([.. parts.Aggregate((a, b) => [.. a, (byte)'/', .. b])]));

    private static readonly Gen<long> Seconds = Gen.Frequency(
        (5, Gen.Long[0, 2_000_000_000]), (1, Gen.Long[-5_000_000_000, 20_000_000_000]), (1, Gen.OneOf(0L, -1L, -2L, 8_589_934_591L, 8_589_934_592L)));

    private static readonly Gen<UnixTime> Time = Gen.Select(
        Seconds, Gen.Frequency((1, Gen.Const(0)), (4, Gen.Int[0, 999_999_999]), (1, Gen.OneOf(1, 10, 500_000_000, 999_999_999))),
        (seconds, nanoseconds) => new UnixTime(seconds, nanoseconds));

    private static readonly Gen<uint> Id = Gen.Frequency((5, Gen.UInt[0, 70_000]), (1, Gen.UInt), (1, Gen.OneOf(2_097_151u, 2_097_152u, uint.MaxValue)));

    private static readonly Gen<string> Account = Gen.Frequency(
        (1, Gen.Const("")), (3, Gen.Char["abcdefghij-_"].Array[1, 40].Select(c => new string(c))), (1, Gen.Char["äßc🙂"[..3]].Array[1, 20].Select(c => new string(c))));

    private static readonly Gen<IReadOnlyList<ExtendedAttribute>> Attributes = Gen.Select(
            Gen.OneOf("user.", "security.", "system.posix_acl_", "trusted.%3D"), NameByte.Array[1, 20], Gen.Byte.Array[0, 300],
            (space, name, value) => new ExtendedAttribute(new BytePath([.. System.Text.Encoding.ASCII.GetBytes(space), .. name]), value))
        .Array[0, 4]
        .Select(all => (IReadOnlyList<ExtendedAttribute>)[.. all.DistinctBy(a => a.Name).OrderBy(a => a.Name, Comparer<BytePath>.Create((x, y) => x.Bytes.SequenceCompareTo(y.Bytes)))]);

    private static readonly Gen<(long Size, IReadOnlyList<SparseExtent>? Extents)> Layout = Gen.Frequency(
        (4, Gen.Long[0, 5000].Select(size => (size, (IReadOnlyList<SparseExtent>?)null))),
        (1, Gen.Select(Gen.Long[1, 40], Gen.Long[1, 4], (hole, data) => (hole, data)).Array[0, 30].SelectMany(pairs => Gen.Select(
            Gen.Long[0, 511], Gen.OneOf(0L, 0L, 1L, 100_000L, 1L << 34), (lastBytes, tail) => Sparse(pairs, lastBytes, tail)))));

    internal static readonly Gen<TarMember> Member = Gen.Select(
        Gen.Select(Path, Gen.OneOf(Enum.GetValues<FileKind>()).Where(k => k != FileKind.Socket), Gen.Bool, Path, Layout),
        Gen.Select(Gen.UInt[0, 0xfff], Id, Id, Account, Account, Time, Attributes, Gen.Select(Gen.UInt[0, 0xfff], Gen.UInt[0, 0xfffff])),
        (what, whose) =>
        {
            (BytePath path, FileKind kind, bool isHardLink, BytePath target, (long size, IReadOnlyList<SparseExtent>? extents)) = what;
            (uint mode, uint uid, uint gid, string user, string group, UnixTime time, IReadOnlyList<ExtendedAttribute> attributes, (uint major, uint minor)) = whose;
            isHardLink &= kind == FileKind.Regular;
            bool isFile = kind == FileKind.Regular && !isHardLink, isNode = kind is FileKind.CharacterDevice or FileKind.BlockDevice;
            return new TarMember
            {
                Path = path,
                Kind = kind,
                IsHardLink = isHardLink,
                Mode = mode,
                Uid = uid,
                Gid = gid,
                UserName = user,
                GroupName = group,
                ModifiedAt = time,
                Size = isFile ? size : 0,
                Sparse = isFile ? extents : null,
                LinkTarget = isHardLink || kind == FileKind.SymbolicLink ? target : default,
                DeviceMajor = isNode ? major : 0,
                DeviceMinor = isNode ? minor : 0,
                ExtendedAttributes = attributes,
            };
        });

    /// <summary>Holes and data in blocks, the last data cut short, a hole at the end.</summary>
    private static (long Size, IReadOnlyList<SparseExtent>? Extents) Sparse((long Hole, long Data)[] pairs, long lastBytes, long tail)
    {
        var extents = new List<SparseExtent>();
        long at = 0;
        foreach ((long hole, long data) in pairs)
        {
            extents.Add(new SparseExtent(at + (512 * hole), 512 * data));
            at += 512 * (hole + data);
        }
        if (extents.Count > 0) extents[^1] = extents[^1] with { Length = extents[^1].Length - lastBytes };
        return ((extents.Count == 0 ? 0 : extents[^1].Offset + extents[^1].Length) + tail, extents);
    }
}
