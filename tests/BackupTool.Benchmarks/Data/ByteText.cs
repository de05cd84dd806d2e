using System.Buffers.Text;

namespace BackupTool.Benchmarks.Data;

/// <summary>A growing UTF-8 text that is reused: generating gigabytes through strings would take minutes.</summary>
internal sealed class ByteText
{
    private byte[] _bytes = new byte[64 * 1024];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    public ByteText Clear()
    {
        Length = 0;
        return this;
    }

    public ByteText Append(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        Length += text.Length;
        return this;
    }

    public ByteText Append(long number)
    {
        Utf8Formatter.TryFormat(number, Room(20), out int written);
        Length += written;
        return this;
    }

    /// <summary>Random bytes as unpadded Base64.</summary>
    public ByteText AppendBase64(SeededRandom random, int byteCount)
    {
        Span<byte> bytes = stackalloc byte[byteCount];
        random.Fill(bytes);
        Base64.EncodeToUtf8(bytes, Room((byteCount + 2) / 3 * 4), out _, out int written);
        Length += written - ((3 - byteCount % 3) % 3);
        return this;
    }

    private Span<byte> Room(int length)
    {
        if (_bytes.Length - Length < length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + length));
        return _bytes.AsSpan(Length);
    }
}
