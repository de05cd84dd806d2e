using System.Buffers;
using System.Buffers.Text;
using System.Text;
using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Tar;

/// <summary>Collects the records of a pax header: <c>LENGTH KEY=VALUE\n</c>, the length in bytes counting itself. Dispose gives the buffer back.</summary>
internal ref struct PaxWriter
{
    private byte[]? _buffer;
    private int _length;

    /// <summary>Valid until the next call.</summary>
    internal readonly ReadOnlySpan<byte> Records => _buffer.AsSpan(0, _length);

    internal void Add(scoped ReadOnlySpan<byte> key, scoped ReadOnlySpan<byte> value, scoped ReadOnlySpan<byte> valueEnd = default)
    {
        int rest = 1 + key.Length + 1 + value.Length + valueEnd.Length + 1;
        int digits = 1;
        while (Digits(rest + digits) > digits) digits++;
        Span<byte> record = Take(rest + digits);
        Utf8Formatter.TryFormat(rest + digits, record, out _);
        record[digits] = (byte)' ';
        record = record[(digits + 1)..];
        key.CopyTo(record);
        record[key.Length] = (byte)'=';
        record = record[(key.Length + 1)..];
        value.CopyTo(record);
        valueEnd.CopyTo(record[value.Length..]);
        record[^1] = (byte)'\n';
    }

    internal void Add(scoped ReadOnlySpan<byte> key, long number)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(number, digits, out int length);
        Add(key, digits[..length]);
    }

    internal void Add(scoped ReadOnlySpan<byte> key, string text) => Add(key, Encoding.UTF8.GetBytes(text));

    /// <summary>Seconds as a decimal fraction without trailing zeros; before 1970 the fraction counts away from zero: half a second before is <c>-0.5</c>.</summary>
    internal void Add(scoped ReadOnlySpan<byte> key, UnixTime time)
    {
        Span<byte> text = stackalloc byte[32];
        int length = 0;
        Int128 nanoseconds = (Int128)time.Seconds * 1_000_000_000 + time.Nanoseconds;
        if (nanoseconds < 0) text[length++] = (byte)'-';
        nanoseconds = Int128.Abs(nanoseconds);
        Utf8Formatter.TryFormat((ulong)(nanoseconds / 1_000_000_000), text[length..], out int digits);
        length += digits;
        int fraction = (int)(nanoseconds % 1_000_000_000);
        if (fraction != 0)
        {
            text[length++] = (byte)'.';
            Utf8Formatter.TryFormat(fraction, text[length..], out _, new StandardFormat('D', 9));
            length += text.Slice(length, 9).TrimEnd((byte)'0').Length;
        }
        Add(key, text[..length]);
    }

    /// <summary><c>SCHILY.xattr.NAME</c>, as star and GNU tar write it: the value raw, <c>%</c> and <c>=</c> in the name as %25 and %3D.</summary>
    internal void AddExtendedAttribute(ExtendedAttribute attribute)
    {
        var key = new ArrayBufferWriter<byte>(64);
        key.Write("SCHILY.xattr."u8);
        foreach (byte b in attribute.Name.Bytes)
        {
            ReadOnlySpan<byte> escaped = b switch
            {
                (byte)'%' => "%25"u8,
                (byte)'=' => "%3D"u8,
                _ => [b],
            };
            key.Write(escaped);
        }
        Add(key.WrittenSpan, attribute.Value);
    }

    internal void Dispose()
    {
        if (_buffer is not null) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = null;
    }

    private Span<byte> Take(int length)
    {
        if (_buffer is null || _buffer.Length - _length < length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(1024, checked(2 * (_length + length))));
            Records.CopyTo(larger);
            Dispose();
            _buffer = larger;
        }
        Span<byte> taken = _buffer.AsSpan(_length, length);
        _length += length;
        return taken;
    }

    private static int Digits(int number)
    {
        int digits = 1;
        for (; number >= 10; number /= 10) digits++;
        return digits;
    }
}
