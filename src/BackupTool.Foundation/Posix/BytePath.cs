using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace BackupTool.Posix;

/// <summary>
/// A path as Linux knows it: bytes, any but NUL, separated by <c>/</c>. Not a string, because names that are not UTF-8 exist
/// and the base library cannot open them. Immutable; compares in <b>tree order</b>.
/// </summary>
/// <remarks>
/// Tree order treats <c>/</c> as the lowest byte, so that a directory is followed by everything below it before its next
/// sibling: <c>a</c>, <c>a/z</c>, <c>a-b</c>. A depth-first walk over byte-sorted names yields exactly this order.
/// </remarks>
public readonly struct BytePath : IEquatable<BytePath>, IComparable<BytePath>
{
    private readonly byte[]? _bytes;

    /// <summary>Takes the bytes over without copying them: the caller gives up the array.</summary>
    /// <exception cref="ArgumentException">A NUL byte is among them.</exception>
    public BytePath(byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        if (bytes.AsSpan().Contains((byte)0)) throw new ArgumentException("A path cannot hold a NUL byte.", nameof(bytes));
        _bytes = bytes;
    }

    /// <summary>Copies the bytes.</summary>
    public BytePath(ReadOnlySpan<byte> bytes) : this(bytes.ToArray()) { }

    /// <summary>The path as raw bytes, without a trailing NUL.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Length in bytes.</summary>
    public int Length => _bytes?.Length ?? 0;

    /// <summary>True for the default value and the empty path.</summary>
    public bool IsEmpty => Length == 0;

    /// <summary>True when the path starts with <c>/</c>.</summary>
    public bool IsAbsolute => Length > 0 && _bytes![0] == (byte)'/';

    /// <summary>The UTF-8 bytes of a string. Surrogates that stand for nothing become U+FFFD: use only for text of our own or an operator's.</summary>
    public static BytePath From(string path) => new(Encoding.UTF8.GetBytes(path));

    /// <summary>This path with <paramref name="name"/> below it.</summary>
    public BytePath Combine(ReadOnlySpan<byte> name)
    {
        if (IsEmpty) return new BytePath(name);
        bool slash = _bytes![^1] != (byte)'/';
        var joined = new byte[_bytes.Length + (slash ? 1 : 0) + name.Length];
        _bytes.CopyTo(joined, 0);
        if (slash) joined[_bytes.Length] = (byte)'/';
        name.CopyTo(joined.AsSpan(joined.Length - name.Length));
        return new BytePath(joined);
    }

    /// <summary>This path with <paramref name="name"/> below it.</summary>
    public BytePath Combine(BytePath name) => Combine(name.Bytes);

    /// <summary>This path with <paramref name="name"/> below it.</summary>
    public BytePath Combine(string name) => Combine(Encoding.UTF8.GetBytes(name));

    /// <summary>The part after the last <c>/</c>; the whole path when there is none.</summary>
    public BytePath Name => new(Bytes[(Bytes.LastIndexOf((byte)'/') + 1)..]);

    /// <summary>The part before the last <c>/</c>; <c>/</c> for a child of the root, empty when there is no slash.</summary>
    public BytePath Parent
    {
        get
        {
            int slash = Bytes.LastIndexOf((byte)'/');
            return slash < 0 ? default : new BytePath(Bytes[..Math.Max(slash, IsAbsolute && slash == 0 ? 1 : slash)]);
        }
    }

    /// <summary>The path without leading slashes, as tar writes it.</summary>
    public BytePath WithoutLeadingSlash() => new(Bytes.TrimStart((byte)'/'));

    /// <summary>True when this path is <paramref name="ancestor"/> or lies below it.</summary>
    public bool IsAtOrBelow(BytePath ancestor)
    {
        ReadOnlySpan<byte> above = ancestor.Bytes.TrimEnd((byte)'/');
        return Bytes.StartsWith(above) && (Length == above.Length || Bytes[above.Length] == (byte)'/');
    }

    /// <summary>Whether the bytes are valid UTF-8, so that <see cref="ToString"/> loses nothing.</summary>
    public bool IsUtf8 => System.Text.Unicode.Utf8.IsValid(Bytes);

    /// <inheritdoc/>
    public int CompareTo(BytePath other)
    {
        ReadOnlySpan<byte> a = Bytes, b = other.Bytes;
        int same = a.CommonPrefixLength(b);
        if (same == a.Length || same == b.Length) return a.Length.CompareTo(b.Length);
        return Rank(a[same]) - Rank(b[same]);
        static int Rank(byte value) => value == (byte)'/' ? -1 : value;
    }

    /// <inheritdoc/>
    public bool Equals(BytePath other) => Bytes.SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override bool Equals([NotNullWhen(true)] object? obj) => obj is BytePath other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    /// <summary>
    /// For people and messages: UTF-8 text, with control characters and bytes that are not UTF-8 written as <c>\xNN</c>,
    /// so that a hostile name cannot steer a terminal.
    /// </summary>
    public override string ToString()
    {
        ReadOnlySpan<byte> bytes = Bytes;
        var text = new StringBuilder(bytes.Length);
        while (!bytes.IsEmpty)
        {
            bool valid = Rune.DecodeFromUtf8(bytes, out Rune rune, out int used) == System.Buffers.OperationStatus.Done;
            if (valid && !Rune.IsControl(rune)) text.Append(rune.ToString());
            else foreach (byte b in bytes[..used]) text.Append("\\x").Append(b.ToString("x2"));
            bytes = bytes[used..];
        }
        return text.ToString();
    }

    /// <summary>Byte equality.</summary>
    public static bool operator ==(BytePath left, BytePath right) => left.Equals(right);

    /// <summary>Byte inequality.</summary>
    public static bool operator !=(BytePath left, BytePath right) => !left.Equals(right);

    /// <summary>Tree order.</summary>
    public static bool operator <(BytePath left, BytePath right) => left.CompareTo(right) < 0;

    /// <summary>Tree order.</summary>
    public static bool operator >(BytePath left, BytePath right) => left.CompareTo(right) > 0;

    /// <summary>Tree order.</summary>
    public static bool operator <=(BytePath left, BytePath right) => left.CompareTo(right) <= 0;

    /// <summary>Tree order.</summary>
    public static bool operator >=(BytePath left, BytePath right) => left.CompareTo(right) >= 0;
}
