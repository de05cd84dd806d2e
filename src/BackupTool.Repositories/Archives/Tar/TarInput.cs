using System.Buffers;

namespace BackupTool.Repositories.Archives.Tar;

/// <summary>A tar stream as blocks and the data between them. A stream that ends too early is a <see cref="TarFormatException"/>.</summary>
internal sealed class TarInput(Stream stream)
{
    private int _padding;

    /// <summary>Bytes read so far.</summary>
    internal long Position { get; private set; }

    /// <summary>Bytes of data that are left of what <see cref="Expect"/> announced.</summary>
    internal long Remaining { get; private set; }

    /// <summary>Announces the data that comes next.</summary>
    internal void Expect(long bytes)
    {
        Remaining = bytes;
        _padding = TarHeader.PaddingAfter(bytes);
    }

    /// <summary>Reads announced data; 0 at its end.</summary>
    internal int Read(Span<byte> buffer)
    {
        if (Remaining == 0 || buffer.IsEmpty) return 0;
        int read = stream.Read(buffer[..(int)Math.Min(buffer.Length, Remaining)]);
        if (read == 0) throw CutOff($"{Remaining} bytes of a member's data are missing");
        Position += read;
        Remaining -= read;
        return read;
    }

    /// <summary>Reads a block of the announced data.</summary>
    internal void ReadBlockOfData(Span<byte> block, string what)
    {
        if (Remaining < block.Length) throw new TarFormatException(Position, $"{what} is longer than its member");
        ReadBlock(block, what);
        Remaining -= block.Length;
    }

    /// <summary>Reads announced data to its end, in steps: a claim alone must not cost memory.</summary>
    internal byte[] ReadToEndOfData()
    {
        var contents = new ArrayBufferWriter<byte>((int)Math.Clamp(Remaining, 1, 4096));
        while (Remaining > 0) contents.Advance(Read(contents.GetSpan((int)Math.Min(Remaining, 64 * 1024))));
        SkipData();
        return contents.WrittenSpan.ToArray();
    }

    /// <summary>Goes on to the block after the announced data.</summary>
    internal void SkipData()
    {
        if (Remaining > 0)
        {
            byte[] buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
            while (Remaining > 0) Read(buffer);
            ArrayPool<byte>.Shared.Return(buffer);
        }
        Span<byte> padding = stackalloc byte[_padding];
        if (Fill(padding) < _padding) throw CutOff("a member is not filled up to a whole block");
        _padding = 0;
    }

    /// <summary>Reads a whole block that must be there.</summary>
    internal void ReadBlock(Span<byte> block, string what)
    {
        int read = Fill(block);
        if (read < block.Length) throw CutOff(read == 0 ? $"{what} is missing" : $"{what} is incomplete");
    }

    /// <summary>Reads until the buffer is full or the stream ends; returns the bytes read.</summary>
    internal int Fill(Span<byte> buffer)
    {
        int read = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        Position += read;
        return read;
    }

    private TarFormatException CutOff(string fault) => new(Position, $"it is cut off: {fault}");
}
