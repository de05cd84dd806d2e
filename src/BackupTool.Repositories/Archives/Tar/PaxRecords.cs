using System.Buffers.Text;
using System.Globalization;
using System.Text;
using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Tar;

/// <summary>What pax headers say about a member: each value overrides the ustar header's. Faults are <see cref="TarFormatException"/>s at the pax header.</summary>
internal sealed class PaxRecords
{
    private readonly Dictionary<BytePath, byte[]> _attributes = [];

    internal BytePath? Path { get; private set; }
    internal BytePath? LinkPath { get; private set; }
    internal BytePath? SparseName { get; private set; }
    internal long? Size { get; private set; }
    internal uint? Uid { get; private set; }
    internal uint? Gid { get; private set; }
    internal string? UserName { get; private set; }
    internal string? GroupName { get; private set; }
    internal UnixTime? ModifiedAt { get; private set; }
    internal PaxSparseRecords Sparse { get; } = new();

    /// <summary>Shared between all copies.</summary>
    internal HashSet<string> UnreadKeywords { get; private init; } = [];

    /// <summary>To go on with for one member. A sparse layout is never global.</summary>
    internal PaxRecords Copy()
    {
        var copy = new PaxRecords
        {
            Path = Path,
            LinkPath = LinkPath,
            SparseName = SparseName,
            Size = Size,
            Uid = Uid,
            Gid = Gid,
            UserName = UserName,
            GroupName = GroupName,
            ModifiedAt = ModifiedAt,
            UnreadKeywords = UnreadKeywords,
        };
        foreach ((BytePath name, byte[] value) in _attributes) copy._attributes[name] = value;
        return copy;
    }

    internal IReadOnlyList<ExtendedAttribute> ExtendedAttributes()
    {
        if (_attributes.Count == 0) return [];
        var sorted = _attributes.Select(static pair => new ExtendedAttribute(pair.Key, pair.Value)).ToArray();
        Array.Sort(sorted, static (a, b) => a.Name.Bytes.SequenceCompareTo(b.Name.Bytes));
        return sorted;
    }

    /// <summary>Adds a header's records; later ones win.</summary>
    internal void Add(ReadOnlySpan<byte> records, long offset)
    {
        while (!records.IsEmpty)
        {
            if (!Utf8Parser.TryParse(records, out int length, out int digits) || digits > 9 || length > records.Length || length < digits + 4
                || records[digits] != (byte)' ' || records[length - 1] != (byte)'\n')
            {
                throw new TarFormatException(offset, "a pax record's length is wrong");
            }
            ReadOnlySpan<byte> record = records[(digits + 1)..(length - 1)];
            int equals = record.IndexOf((byte)'=');
            if (equals <= 0) throw new TarFormatException(offset, "a pax record has no keyword");
            Add(record[..equals], record[(equals + 1)..], offset);
            records = records[length..];
        }
    }

    private void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long offset)
    {
        // An empty value takes an earlier one back.
        if (key.SequenceEqual("path"u8)) Path = PathOf(value, offset);
        else if (key.SequenceEqual("linkpath"u8)) LinkPath = PathOf(value, offset);
        else if (key.SequenceEqual("GNU.sparse.name"u8)) SparseName = PathOf(value, offset);
        else if (key.SequenceEqual("mtime"u8)) ModifiedAt = value.IsEmpty ? null : TimeOf(value, offset);
        else if (key.SequenceEqual("size"u8)) Size = value.IsEmpty ? null : NumberOf(value, offset);
        else if (key.SequenceEqual("uid"u8)) Uid = value.IsEmpty ? null : IdOf(value, offset);
        else if (key.SequenceEqual("gid"u8)) Gid = value.IsEmpty ? null : IdOf(value, offset);
        else if (key.SequenceEqual("uname"u8)) UserName = value.IsEmpty ? null : Encoding.UTF8.GetString(value);
        else if (key.SequenceEqual("gname"u8)) GroupName = value.IsEmpty ? null : Encoding.UTF8.GetString(value);
        else if (key.StartsWith("SCHILY.xattr."u8)) AddAttribute(key["SCHILY.xattr.".Length..], value, offset);
        else if (key.StartsWith("GNU.sparse."u8)) Sparse.Add(key["GNU.sparse.".Length..], value, offset);
        else if (key.StartsWith("SCHILY.acl."u8) || key.StartsWith("RHT.security."u8)) UnreadKeywords.Add(Encoding.UTF8.GetString(key));
    }

    private void AddAttribute(ReadOnlySpan<byte> escaped, ReadOnlySpan<byte> value, long offset)
    {
        var name = new List<byte>(escaped.Length);
        for (int i = 0; i < escaped.Length; i++)
        {
            ReadOnlySpan<byte> rest = escaped[i..];
            bool isEscape = rest.StartsWith("%25"u8) || rest.StartsWith("%3D"u8);
            name.Add(isEscape ? rest[1] == '2' ? (byte)'%' : (byte)'=' : rest[0]);
            if (isEscape) i += 2;
        }
        if (name.Count == 0 || name.Contains(0)) throw new TarFormatException(offset, "an extended attribute's name is not valid");
        _attributes[new BytePath(name.ToArray())] = value.ToArray();
    }

    private static BytePath? PathOf(ReadOnlySpan<byte> value, long offset)
    {
        if (value.Contains((byte)0)) throw new TarFormatException(offset, "a name holds a NUL byte");
        return value.IsEmpty ? null : new BytePath(value);
    }

    internal static long NumberOf(ReadOnlySpan<byte> value, long offset) =>
        long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
            : throw new TarFormatException(offset, "a pax record's number is not valid");

    private static uint IdOf(ReadOnlySpan<byte> value, long offset) =>
        uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out uint id) ? id
            : throw new TarFormatException(offset, "an owner's number in a pax record is out of range");

    /// <summary>Seconds as a decimal fraction, <c>-0.5</c> being half a second before 1970; what is finer than a nanosecond is cut off towards the past.</summary>
    private static UnixTime TimeOf(ReadOnlySpan<byte> value, long offset)
    {
        bool negative = value.StartsWith("-"u8);
        ReadOnlySpan<byte> text = negative ? value[1..] : value, fraction = default;
        if (text.IndexOf((byte)'.') is >= 0 and int dot)
        {
            fraction = text[(dot + 1)..];
            text = text[..dot];
        }
        if (fraction.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0) throw new TarFormatException(offset, "a time in a pax record is not valid");
        long seconds = NumberOf(text, offset);
        int nanoseconds = 0;
        for (int i = 0; i < 9; i++) nanoseconds = (nanoseconds * 10) + (i < fraction.Length ? fraction[i] - '0' : 0);
        if (!negative) return new UnixTime(seconds, nanoseconds);
        if (fraction.Length > 9 && fraction[9..].IndexOfAnyExcept((byte)'0') >= 0) nanoseconds++;
        return nanoseconds switch
        {
            0 => new UnixTime(-seconds, 0),
            1_000_000_000 => new UnixTime(-seconds - 1, 0),
            _ => new UnixTime(-seconds - 1, 1_000_000_000 - nanoseconds),
        };
    }
}
