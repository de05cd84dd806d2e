using System.Buffers;
using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Tar;

/// <summary>
/// Writes what stands before a member's data: POSIX.1-2001 (pax) with the extensions of star (<c>SCHILY.xattr.*</c>) and of GNU tar (sparse
/// format 1.0), as GNU tar reads it. The same member always gives the same bytes: no process id, no clock.
/// </summary>
public static class TarHeader
{
    /// <summary>Everything in a tar archive comes in blocks of this many bytes.</summary>
    public const int BlockSize = 512;

    private static readonly byte[] EndBlocks = new byte[2 * BlockSize];

    /// <summary>The two zero blocks that end an archive.</summary>
    public static ReadOnlySpan<byte> EndOfArchive => EndBlocks;

    /// <summary>Zero bytes, 0–511, that follow <paramref name="storedBytes"/> bytes of data.</summary>
    public static int PaddingAfter(long storedBytes) => (int)(-storedBytes & (BlockSize - 1));

    /// <summary>
    /// Writes everything that stands before the data: a pax header when ustar cannot hold what the member says, the ustar header, and the map
    /// of a sparse member. A multiple of 512 bytes. <see cref="TarMember.StoredSize"/> bytes of data and their padding come next.
    /// </summary>
    /// <exception cref="UnstorableMemberException">No archive can hold this member.</exception>
    public static void Write(TarMember member, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(member);
        ArgumentNullException.ThrowIfNull(output);
        Check(member);

        byte[] map = member.Sparse is null ? [] : SparseMap.Format(member.Sparse, member.Size);
        long archivedSize = map.Length + member.StoredSize;

        Span<byte> ustar = stackalloc byte[BlockSize];
        var pax = new PaxWriter();
        try
        {
            AddMember(member, archivedSize, ustar, ref pax);
            if (pax.Records.Length > TarParser.MaxPaxBytes)
                throw new UnstorableMemberException($"{member.Path} has {pax.Records.Length} bytes of attributes and names: more than tar readers take");
            if (!pax.Records.IsEmpty) WritePaxHeader(member.Path, pax.Records, output);
        }
        finally
        {
            pax.Dispose();
        }
        output.Write(ustar);
        output.Write(map);
    }

    private static void Check(TarMember member)
    {
        if (member.Path.IsEmpty || member.Path.IsAbsolute || member.Path.Bytes[^1] == '/')
            throw new UnstorableMemberException($"a member needs a path without slashes at its ends, not \"{member.Path}\"");
        if (member.Kind == FileKind.Socket) throw new UnstorableMemberException($"{member.Path} is a socket: tar cannot hold it");
        bool hasData = member.Kind == FileKind.Regular && !member.IsHardLink;
        if (member.Size < 0 || (!hasData && (member.Size != 0 || member.Sparse is not null)))
            throw new UnstorableMemberException($"{member.Path} has a size of {member.Size} bytes, which its kind cannot have");
    }

    /// <summary>Fills the ustar block, and puts what does not fit there into pax records.</summary>
    private static void AddMember(TarMember member, long archivedSize, scoped Span<byte> ustar, ref PaxWriter pax)
    {
        ustar.Clear();
        AddNames(member, ustar, ref pax);

        Ustar.WriteOctal(Ustar.Mode(ustar), member.Mode & 0xfff);
        if (!Ustar.TryWriteOctal(Ustar.Uid(ustar), member.Uid)) pax.Add("uid"u8, member.Uid);
        if (!Ustar.TryWriteOctal(Ustar.Gid(ustar), member.Gid)) pax.Add("gid"u8, member.Gid);
        if (!Ustar.TryWriteOctal(Ustar.Size(ustar), archivedSize)) pax.Add("size"u8, archivedSize);
        bool secondsFit = Ustar.TryWriteOctal(Ustar.ModifiedAt(ustar), member.ModifiedAt.Seconds);
        if (!secondsFit || member.ModifiedAt.Nanoseconds != 0) pax.Add("mtime"u8, member.ModifiedAt);
        if (!Ustar.TryWriteText(Ustar.UserName(ustar), member.UserName)) pax.Add("uname"u8, member.UserName);
        if (!Ustar.TryWriteText(Ustar.GroupName(ustar), member.GroupName)) pax.Add("gname"u8, member.GroupName);

        Ustar.WriteOctal(Ustar.DeviceMajor(ustar), member.DeviceMajor);
        Ustar.WriteOctal(Ustar.DeviceMinor(ustar), member.DeviceMinor);
        foreach (ExtendedAttribute attribute in member.ExtendedAttributes) pax.AddExtendedAttribute(attribute);
        Ustar.Seal(ustar, TypeFlag(member));
    }

    /// <summary>Path and link target, and of a sparse member the records that name it.</summary>
    private static void AddNames(TarMember member, scoped Span<byte> ustar, ref PaxWriter pax)
    {
        bool isDirectory = member is { Kind: FileKind.Directory, IsHardLink: false };
        ReadOnlySpan<byte> path = member.Path.Bytes, target = member.LinkTarget.Bytes;
        bool pathFits = member.Sparse is not null
            ? Ustar.WriteSparsePath(ustar, path)
            : Ustar.TryWritePath(ustar, path, isDirectory);
        bool targetFits = Ustar.TryWriteBytes(Ustar.LinkTarget(ustar), target);

        // Names that are not UTF-8 go in raw, as GNU tar writes them; it warns of pax's own hdrcharset=BINARY, which would say so.
        if (member.Sparse is not null)
        {
            pax.Add("GNU.sparse.major"u8, "1"u8);
            pax.Add("GNU.sparse.minor"u8, "0"u8);
            pax.Add("GNU.sparse.name"u8, path);
            pax.Add("GNU.sparse.realsize"u8, member.Size);
        }
        else if (!pathFits)
        {
            pax.Add("path"u8, path, isDirectory ? "/"u8 : default);
        }
        if (!targetFits) pax.Add("linkpath"u8, target);
    }

    private static void WritePaxHeader(BytePath path, ReadOnlySpan<byte> records, IBufferWriter<byte> output)
    {
        Span<byte> ustar = stackalloc byte[BlockSize];
        ustar.Clear();
        Ustar.WritePaxPath(ustar, path.Bytes);
        Ustar.WriteOctal(Ustar.Mode(ustar), 0x1a4 /* 0644 */);
        Ustar.WriteOctal(Ustar.Uid(ustar), 0);
        Ustar.WriteOctal(Ustar.Gid(ustar), 0);
        Ustar.WriteOctal(Ustar.Size(ustar), records.Length);
        Ustar.WriteOctal(Ustar.ModifiedAt(ustar), 0);
        Ustar.WriteOctal(Ustar.DeviceMajor(ustar), 0);
        Ustar.WriteOctal(Ustar.DeviceMinor(ustar), 0);
        Ustar.Seal(ustar, TarTypeFlag.PaxHeader);
        output.Write(ustar);
        output.Write(records);
        output.Write(EndOfArchive[..PaddingAfter(records.Length)]);
    }

    private static byte TypeFlag(TarMember member) => member.IsHardLink ? TarTypeFlag.HardLink : member.Kind switch
    {
        FileKind.Regular => TarTypeFlag.Regular,
        FileKind.SymbolicLink => TarTypeFlag.SymbolicLink,
        FileKind.CharacterDevice => TarTypeFlag.CharacterDevice,
        FileKind.BlockDevice => TarTypeFlag.BlockDevice,
        FileKind.Directory => TarTypeFlag.Directory,
        FileKind.Fifo => TarTypeFlag.Fifo,
        _ => throw new ArgumentOutOfRangeException(nameof(member), member.Kind, "tar has no such kind."),
    };
}
