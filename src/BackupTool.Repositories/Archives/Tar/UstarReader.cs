using System.Buffers.Binary;
using System.Text;
using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Tar;

/// <summary>The fields of one header block, read as v7, ustar, star or GNU tar wrote them. Faults are <see cref="TarFormatException"/>s at the block.</summary>
internal readonly ref struct UstarReader(Span<byte> block, long offset)
{
    private readonly Span<byte> _block = block;

    internal byte TypeFlag => Ustar.TypeFlag(_block);

    /// <summary>What it is; null for a header that stands for nothing, as the name of a volume does.</summary>
    internal FileKind? Kind => TypeFlag switch
    {
        TarTypeFlag.Regular or TarTypeFlag.OldRegular or TarTypeFlag.Contiguous or TarTypeFlag.GnuSparse or TarTypeFlag.HardLink => FileKind.Regular,
        TarTypeFlag.SymbolicLink => FileKind.SymbolicLink,
        TarTypeFlag.CharacterDevice => FileKind.CharacterDevice,
        TarTypeFlag.BlockDevice => FileKind.BlockDevice,
        TarTypeFlag.Directory or TarTypeFlag.GnuDumpDirectory => FileKind.Directory,
        TarTypeFlag.Fifo => FileKind.Fifo,
        TarTypeFlag.GnuVolumeHeader => null,
        TarTypeFlag.GnuMultiVolume => throw Fault("it continues a member of another volume", "Join the volumes first: `tar -xMf`, then use the directory."),
        byte other => throw Fault($"a member is of the type 0x{other:x2}, which we do not know", "Extract it with the program that wrote it, and use the directory."),
    };

    /// <summary>Whether <see cref="Size"/> bytes follow. Programs have given links and directories a size without any.</summary>
    internal bool HasData => TypeFlag is TarTypeFlag.GnuDumpDirectory || (Kind == FileKind.Regular && TypeFlag != TarTypeFlag.HardLink);

    /// <summary>Name, with the prefix where the format has one.</summary>
    internal BytePath Path
    {
        get
        {
            ReadOnlySpan<byte> name = UntilNul(Ustar.Name(_block)), prefix = default;
            if (IsPosix) prefix = UntilNul(IsStar ? Ustar.Prefix(_block)[..131] : Ustar.Prefix(_block));
            return prefix.IsEmpty ? new BytePath(name) : new BytePath([.. prefix, (byte)'/', .. name]);
        }
    }

    internal BytePath LinkTarget => new(UntilNul(Ustar.LinkTarget(_block)));
    internal uint Mode => (uint)(Number(Ustar.Mode(_block), "mode") & 0xfff);
    internal uint Uid => Unsigned(Ustar.Uid(_block), "owner");
    internal uint Gid => Unsigned(Ustar.Gid(_block), "group");
    internal long ModifiedAt => Number(Ustar.ModifiedAt(_block), "time");
    internal uint DeviceMajor => Unsigned(Ustar.DeviceMajor(_block), "device number");
    internal uint DeviceMinor => Unsigned(Ustar.DeviceMinor(_block), "device number");
    internal string UserName => HasNames ? Encoding.UTF8.GetString(UntilNul(Ustar.UserName(_block))) : "";
    internal string GroupName => HasNames ? Encoding.UTF8.GetString(UntilNul(Ustar.GroupName(_block))) : "";
    internal long Size => NotNegative(Ustar.Size(_block), "size");

    private bool IsPosix => Ustar.MagicAndVersion(_block).StartsWith("ustar\0"u8);
    private bool IsStar => _block[508..].SequenceEqual("tar\0"u8);
    private bool HasNames => Ustar.MagicAndVersion(_block).StartsWith("ustar"u8);

    /// <summary>Whether the stated checksum is the sum of the bytes. Some old programs summed signed bytes: either sum will do.</summary>
    internal bool HasValidChecksum
    {
        get
        {
            if (!TryReadNumber(Ustar.Checksum(_block), out long stated)) return false;
            int sum = Ustar.UnsignedSum(_block), high = 0;
            foreach (byte b in _block) high += b >> 7;
            foreach (byte b in Ustar.Checksum(_block)) high -= b >> 7;
            return stated == sum || stated == sum - (256 * high);
        }
    }

    /// <summary>Extents and size of GNU tar's old sparse header; true when a block with more extents follows.</summary>
    internal bool ReadOldSparse(SparseLayoutBuilder builder, out long size)
    {
        AddOldExtents(builder, _block.Slice(386, 4 * 24));
        size = NotNegative(_block.Slice(483, 12), "sparse size");
        return _block[482] != 0;
    }

    /// <summary>The extents of a block that continues such a header; true when another follows.</summary>
    internal bool ReadOldSparseContinuation(SparseLayoutBuilder builder)
    {
        AddOldExtents(builder, _block[..(21 * 24)]);
        return _block[504] != 0;
    }

    private void AddOldExtents(SparseLayoutBuilder builder, ReadOnlySpan<byte> extents)
    {
        for (; !extents.IsEmpty && extents[12] != 0; extents = extents[24..])
            builder.Add(NotNegative(extents[..12], "sparse offset"), NotNegative(extents.Slice(12, 12), "sparse length"));
    }

    private uint Unsigned(ReadOnlySpan<byte> field, string what) =>
        Number(field, what) is >= 0 and <= uint.MaxValue and long value ? (uint)value : throw Fault($"a header's {what} is out of range");

    private long NotNegative(ReadOnlySpan<byte> field, string what) =>
        Number(field, what) is >= 0 and long value ? value : throw Fault($"a header's {what} is negative");

    private long Number(ReadOnlySpan<byte> field, string what) =>
        TryReadNumber(field, out long value) ? value : throw Fault($"a header's {what} is no number in range");

    /// <summary>Octal digits between blanks or NULs; or, marked by the first bit, GNU tar's big-endian two's complement.</summary>
    private static bool TryReadNumber(ReadOnlySpan<byte> field, out long value)
    {
        if (field[0] is 0x80 or 0xff) return TryReadBinary(field, out value);
        value = 0;
        ReadOnlySpan<byte> digits = field.TrimStart((byte)' ');
        for (; !digits.IsEmpty && digits[0] is >= (byte)'0' and <= (byte)'7'; digits = digits[1..]) value = (value << 3) | (uint)(digits[0] - '0');
        return digits.IsEmpty || digits[0] is 0 or (byte)' ';
    }

    private static bool TryReadBinary(ReadOnlySpan<byte> field, out long value)
    {
        byte sign = field[0] == 0xff ? (byte)0xff : (byte)0;
        value = BinaryPrimitives.ReadInt64BigEndian(field[^8..]);
        // In eight bytes the mark shares the number's highest one.
        if (field.Length == 8 && sign == 0) value &= 0x00ff_ffff_ffff_ffff;
        return field.Length == 8 || (field[1..^8].IndexOfAnyExcept(sign) < 0 && value < 0 == (sign != 0));
    }

    private TarFormatException Fault(string fault, string? hint = null) => new(offset, fault, hint);

    private static ReadOnlySpan<byte> UntilNul(ReadOnlySpan<byte> field) => field.IndexOf((byte)0) is >= 0 and int end ? field[..end] : field;
}
