using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Text;
using BackupTool.Posix;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// The text of a catalog: one line a member, in the order of the stream, 17 tab-separated columns (FORMAT.md). Control characters, spaces and
/// backslashes in names are written <c>\xNN</c>; other bytes stand as they are, so a catalog is greppable. Empty is <c>-</c>.
/// </summary>
internal static class CatalogFormat
{
    private const int Columns = 17;

    internal static void AppendLine(ArrayBufferWriter<byte> output, CatalogEntry entry)
    {
        AppendEscaped(output, entry.Path.Bytes);
        string target = entry.Kind is FileKind.CharacterDevice or FileKind.BlockDevice ? $"{entry.DeviceMajor},{entry.DeviceMinor}" : "";
        Append(output, string.Create(CultureInfo.InvariantCulture,
            $"\t{TypeLetter(entry)}\t{PlacementLetter(entry)}\t{Convert.ToString(entry.Mode, 8)}\t{entry.Uid}\t{entry.Gid}\t"));
        AppendEscaped(output, Encoding.UTF8.GetBytes(entry.UserName));
        Append(output, "\t");
        AppendEscaped(output, Encoding.UTF8.GetBytes(entry.GroupName));
        Append(output, string.Create(CultureInfo.InvariantCulture,
            $"\t{entry.Size}\t{entry.StoredSize}\t{entry.HeaderBytes}\t{Format(entry.ModifiedAt)}\t{(entry.ChangedAt is { } at ? Format(at) : "-")}\t{entry.Device:x}.{entry.Inode}\t{(entry.ContentKey.Length == 0 ? "-" : entry.ContentKey)}\t"));
        if (target.Length > 0) Append(output, target);
        else AppendEscaped(output, entry.LinkTarget.Bytes);
        Append(output, "\t");
        AppendEscaped(output, Encoding.UTF8.GetBytes(entry.ChangeKey));
        Append(output, "\n");
    }

    /// <summary>Reads a line without its newline. Place in the stream and in its bundle are the reader's to add.</summary>
    /// <exception cref="InvalidDataException">The line is malformed.</exception>
    internal static CatalogEntry ParseLine(ReadOnlySpan<byte> line)
    {
        Span<Range> columns = stackalloc Range[Columns];
        try
        {
            SplitColumns(line, columns);
            return Parse(line, columns);
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            throw new InvalidDataException($"a line of the catalog is malformed ({e.Message}): '{new BytePath(line.ToArray().Where(static b => b != 0).ToArray())}'", e);
        }
    }

    private static void SplitColumns(ReadOnlySpan<byte> line, Span<Range> columns)
    {
        int start = 0;
        for (int i = 0; i < columns.Length; i++)
        {
            int tab = line[start..].IndexOf((byte)'\t');
            if (tab < 0 != (i == columns.Length - 1)) throw new FormatException($"it has not {Columns} columns");
            columns[i] = start..(tab < 0 ? line.Length : start + tab);
            start = columns[i].End.Value + 1;
        }
    }

    private static CatalogEntry Parse(ReadOnlySpan<byte> line, ReadOnlySpan<Range> columns)
    {
        ReadOnlySpan<byte> origin = line[columns[13]];
        int dot = origin.IndexOf((byte)'.');
        byte type = Letter(line[columns[1]]), placement = Letter(line[columns[2]]);
        FileKind kind = KindOf(type);
        bool isDevice = kind is FileKind.CharacterDevice or FileKind.BlockDevice;
        (uint major, uint minor) = isDevice ? DeviceNumbers(line[columns[15]]) : default;
        BytePath path = new(Unescape(line[columns[0]]));
        if (path.IsEmpty) throw new FormatException("it has no path");
        return new CatalogEntry
        {
            Path = path,
            Kind = kind,
            IsHardLink = type == 'h',
            IsDatabase = placement == 'S',
            Placement = placement switch
            {
                (byte)'B' => Placement.BundleStart,
                (byte)'b' => Placement.Bundled,
                (byte)'L' or (byte)'S' => Placement.Own,
                _ => throw new FormatException($"unknown placement '{(char)placement}'"),
            },
            Mode = Convert.ToUInt32(Encoding.ASCII.GetString(line[columns[3]]), 8),
            Uid = Number<uint>(line[columns[4]]),
            Gid = Number<uint>(line[columns[5]]),
            UserName = Encoding.UTF8.GetString(Unescape(line[columns[6]])),
            GroupName = Encoding.UTF8.GetString(Unescape(line[columns[7]])),
            Size = Count<long>(line[columns[8]]),
            StoredSize = Count<long>(line[columns[9]]),
            HeaderBytes = Count<int>(line[columns[10]]),
            ModifiedAt = Time(line[columns[11]]),
            ChangedAt = line[columns[12]].SequenceEqual("-"u8) ? null : Time(line[columns[12]]),
            Device = ulong.Parse(origin[..dot], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
            Inode = Number<ulong>(origin[(dot + 1)..]),
            ContentKey = line[columns[14]].SequenceEqual("-"u8) ? "" : Encoding.ASCII.GetString(line[columns[14]]),
            LinkTarget = isDevice ? default : new BytePath(Unescape(line[columns[15]])),
            DeviceMajor = major,
            DeviceMinor = minor,
            ChangeKey = Encoding.UTF8.GetString(Unescape(line[columns[16]])),
        };
    }

    private static char TypeLetter(CatalogEntry entry) => entry.IsHardLink ? 'h' : entry.Kind switch
    {
        FileKind.Regular => 'f',
        FileKind.Directory => 'd',
        FileKind.SymbolicLink => 'l',
        FileKind.CharacterDevice => 'c',
        FileKind.BlockDevice => 'b',
        FileKind.Fifo => 'p',
        _ => throw new InvalidOperationException($"{entry.Kind} cannot be in an archive."),
    };

    private static FileKind KindOf(byte letter) => letter switch
    {
        (byte)'f' or (byte)'h' => FileKind.Regular,
        (byte)'d' => FileKind.Directory,
        (byte)'l' => FileKind.SymbolicLink,
        (byte)'c' => FileKind.CharacterDevice,
        (byte)'b' => FileKind.BlockDevice,
        (byte)'p' => FileKind.Fifo,
        _ => throw new FormatException($"unknown type '{(char)letter}'"),
    };

    private static char PlacementLetter(CatalogEntry entry) => entry.Placement switch
    {
        Placement.BundleStart => 'B',
        Placement.Bundled => 'b',
        _ => entry.IsDatabase ? 'S' : 'L',
    };

    private static string Format(UnixTime time) => string.Create(CultureInfo.InvariantCulture, $"{time.Seconds}.{time.Nanoseconds:D9}");

    private static UnixTime Time(ReadOnlySpan<byte> text)
    {
        int dot = text.IndexOf((byte)'.');
        if (dot < 1 || text.Length - dot != 10) throw new FormatException("a time is malformed");
        return new UnixTime(long.Parse(text[..dot], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture), Count<int>(text[(dot + 1)..]));
    }

    private static byte Letter(ReadOnlySpan<byte> text) => text.Length == 1 ? text[0] : throw new FormatException("a letter is missing");

    private static (uint Major, uint Minor) DeviceNumbers(ReadOnlySpan<byte> text)
    {
        int comma = text.IndexOf((byte)',');
        return (Number<uint>(text[..comma]), Number<uint>(text[(comma + 1)..]));
    }

    private static T Count<T>(ReadOnlySpan<byte> text) where T : INumberBase<T> => T.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static T Number<T>(ReadOnlySpan<byte> text) where T : IUtf8SpanParsable<T> => T.Parse(text, CultureInfo.InvariantCulture);

    private static void Append(ArrayBufferWriter<byte> output, string text) => Encoding.ASCII.GetBytes(text, output);

    private static void AppendEscaped(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || bytes.SequenceEqual("-"u8))
        {
            output.Write(bytes.IsEmpty ? "-"u8 : "\\x2d"u8);
            return;
        }
        while (!bytes.IsEmpty)
        {
            int plain = 0;
            while (plain < bytes.Length && bytes[plain] > 0x20 && bytes[plain] is not ((byte)'\\' or 0x7f)) plain++;
            output.Write(bytes[..plain]);
            if (plain == bytes.Length) return;
            Append(output, $"\\x{bytes[plain]:x2}");
            bytes = bytes[(plain + 1)..];
        }
    }

    private static byte[] Unescape(ReadOnlySpan<byte> text)
    {
        if (text.SequenceEqual("-"u8)) return [];
        var bytes = new byte[text.Length];
        int length = 0;
        while (!text.IsEmpty)
        {
            bool escaped = text[0] == '\\';
            if (escaped && text[1..2] is not [(byte)'x']) throw new FormatException("an escape is unknown");
            bytes[length++] = escaped ? byte.Parse(text.Slice(2, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) : text[0];
            text = text[(escaped ? 4 : 1)..];
        }
        return bytes.AsSpan(0, length).ToArray();
    }
}
