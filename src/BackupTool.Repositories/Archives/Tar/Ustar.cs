using System.Text;

namespace BackupTool.Repositories.Archives.Tar;

/// <summary>The 512-byte ustar header: where its fields are, and how they are written. POSIX.1-1988; offsets as in <c>tar.h</c>.</summary>
internal static class Ustar
{
    private const int NameLength = 100, PrefixLength = 155;

    internal static Span<byte> Name(Span<byte> block) => block[..NameLength];
    internal static Span<byte> Mode(Span<byte> block) => block.Slice(100, 8);
    internal static Span<byte> Uid(Span<byte> block) => block.Slice(108, 8);
    internal static Span<byte> Gid(Span<byte> block) => block.Slice(116, 8);
    internal static Span<byte> Size(Span<byte> block) => block.Slice(124, 12);
    internal static Span<byte> ModifiedAt(Span<byte> block) => block.Slice(136, 12);
    internal static Span<byte> Checksum(Span<byte> block) => block.Slice(148, 8);
    internal static ref byte TypeFlag(Span<byte> block) => ref block[156];
    internal static Span<byte> LinkTarget(Span<byte> block) => block.Slice(157, 100);
    internal static Span<byte> MagicAndVersion(Span<byte> block) => block.Slice(257, 8);
    internal static Span<byte> UserName(Span<byte> block) => block.Slice(265, 32);
    internal static Span<byte> GroupName(Span<byte> block) => block.Slice(297, 32);
    internal static Span<byte> DeviceMajor(Span<byte> block) => block.Slice(329, 8);
    internal static Span<byte> DeviceMinor(Span<byte> block) => block.Slice(337, 8);
    internal static Span<byte> Prefix(Span<byte> block) => block.Slice(345, PrefixLength);

    /// <summary>Octal digits with leading zeros and a NUL; zero, and false, when the value does not fit.</summary>
    internal static bool TryWriteOctal(Span<byte> field, long value)
    {
        int digits = field.Length - 1;
        bool fits = value >= 0 && value >> (3 * digits) == 0;
        if (!fits) value = 0;
        for (int i = digits - 1; i >= 0; i--, value >>= 3) field[i] = (byte)('0' + (value & 7));
        field[digits] = 0;
        return fits;
    }

    internal static void WriteOctal(Span<byte> field, long value)
    {
        if (!TryWriteOctal(field, value)) throw new ArgumentOutOfRangeException(nameof(value), value, "Too large for a field that has no pax record.");
    }

    /// <summary>False, with nothing written, when the bytes do not fit. A field that is full has no NUL.</summary>
    internal static bool TryWriteBytes(Span<byte> field, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > field.Length) return false;
        bytes.CopyTo(field);
        return true;
    }

    /// <summary>False, with nothing written, when the text is not ASCII or does not fit with its NUL.</summary>
    internal static bool TryWriteText(Span<byte> field, string text)
    {
        if (text.Length >= field.Length || !Ascii.IsValid(text)) return false;
        Encoding.ASCII.GetBytes(text, field);
        return true;
    }

    /// <summary>Writes a path into name, or split at a slash into prefix and name. When it fits neither way, its end goes into the name, for old readers.</summary>
    internal static bool TryWritePath(Span<byte> block, ReadOnlySpan<byte> path, bool isDirectory)
    {
        int slash = isDirectory ? 1 : 0;
        if (path.Length + slash <= NameLength)
        {
            WriteName(block, path, isDirectory);
            return true;
        }
        // The name takes as much as it can hold: the leftmost slash that leaves it 100 bytes.
        int from = path.Length + slash - NameLength - 1;
        int split = path[from..].IndexOf((byte)'/') + from;
        if (split < from || split is 0 or > PrefixLength || split == path.Length - 1)
        {
            WriteName(block, path[(path.Length + slash - NameLength)..].TrimStart((byte)'/'), isDirectory);
            return false;
        }
        path[..split].CopyTo(Prefix(block));
        WriteName(block, path[(split + 1)..], isDirectory);
        return true;
    }

    /// <summary>The stand-in name of a sparse member, whose data a reader without GNU sparse support would take for the file. Never the whole name.</summary>
    internal static bool WriteSparsePath(Span<byte> block, ReadOnlySpan<byte> path)
    {
        WriteBelow(block, "GNUSparseFile.0/"u8, path);
        return false;
    }

    internal static void WritePaxPath(Span<byte> block, ReadOnlySpan<byte> path) => WriteBelow(block, "PaxHeaders/"u8, path);

    /// <summary>Magic, type and, last, the checksum over everything else.</summary>
    internal static void Seal(Span<byte> block, byte typeFlag)
    {
        TypeFlag(block) = typeFlag;
        "ustar\000"u8.CopyTo(MagicAndVersion(block));
        Span<byte> checksum = Checksum(block);
        TryWriteOctal(checksum[..7], UnsignedSum(block));
        checksum[7] = (byte)' ';
    }

    /// <summary>The sum of all bytes, with the checksum field taken for spaces.</summary>
    internal static int UnsignedSum(ReadOnlySpan<byte> block)
    {
        int sum = 8 * ' ';
        foreach (byte b in block[..148]) sum += b;
        foreach (byte b in block[156..]) sum += b;
        return sum;
    }

    private static void WriteBelow(Span<byte> block, ReadOnlySpan<byte> directory, ReadOnlySpan<byte> path)
    {
        ReadOnlySpan<byte> name = path[(path.LastIndexOf((byte)'/') + 1)..];
        directory.CopyTo(block);
        name[..Math.Min(name.Length, NameLength - directory.Length)].CopyTo(block[directory.Length..]);
    }

    private static void WriteName(Span<byte> block, ReadOnlySpan<byte> name, bool isDirectory)
    {
        name.CopyTo(block);
        if (isDirectory) block[name.Length] = (byte)'/';
    }
}
