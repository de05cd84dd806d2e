using System.Buffers.Binary;
using SharpCompress.Compressors;
using SharpCompress.Compressors.Deflate;

namespace BackupTool.Operations.Import;

/// <summary>
/// One gzip member (RFC 1952): header, deflated data, CRC-32 and length, both checked. Read to its end it leaves the file right behind itself, which no
/// gzip reader at hand does: the base library's takes a cut-off file for a whole one, SharpCompress's does not say where it ended.
/// </summary>
internal sealed class GzipStreamReader : ForwardStream
{
    private const int HasHeaderChecksum = 2, HasExtra = 4, HasName = 8, HasComment = 16, Reserved = 0xe0;

    private readonly Stream _file;
    private readonly long _dataStart;
    private readonly DeflateStream _data;
    private uint _crc, _length;
    private bool _ended;

    /// <param name="file">Seekable, at the member's first byte. It stays open.</param>
    internal GzipStreamReader(Stream file)
    {
        _file = file;
        SkipHeader();
        _dataStart = file.Position;
        _data = new DeflateStream(file, CompressionMode.Decompress);
    }

    public override int Read(Span<byte> buffer)
    {
        if (_ended || buffer.IsEmpty) return 0;
        int read = _data.Read(buffer);
        _crc = Crc32.Append(_crc, buffer[..read]);
        _length += (uint)read;
        if (read == 0) End();
        return read;
    }

    private void End()
    {
        _ended = true;
        // The decompressor has read ahead; what it took is known.
        _file.Position = _dataStart + _data.TotalIn;
        Span<byte> trailer = stackalloc byte[8];
        if (_file.ReadAtLeast(trailer, trailer.Length, throwOnEndOfStream: false) < trailer.Length) throw new InvalidDataException("it is cut off");
        if (BinaryPrimitives.ReadUInt32LittleEndian(trailer) != _crc || BinaryPrimitives.ReadUInt32LittleEndian(trailer[4..]) != _length)
            throw new InvalidDataException("the checksum of the compressed data is wrong");
    }

    private void SkipHeader()
    {
        Span<byte> header = stackalloc byte[10];
        _file.ReadExactly(header);
        int flags = header[3];
        if (header[2] != 8 || (flags & Reserved) != 0) throw new InvalidDataException("its gzip header is of a kind that does not exist");
        if ((flags & HasExtra) != 0)
        {
            Span<byte> length = stackalloc byte[2];
            _file.ReadExactly(length);
            _file.Position += BinaryPrimitives.ReadUInt16LittleEndian(length);
        }
        if ((flags & HasName) != 0) SkipText();
        if ((flags & HasComment) != 0) SkipText();
        if ((flags & HasHeaderChecksum) != 0) _file.Position += 2;
    }

    private void SkipText()
    {
        int read;
        do read = _file.ReadByte();
        while (read > 0);
        if (read < 0) throw new InvalidDataException("it is cut off");
    }
}
