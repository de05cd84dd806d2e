namespace BackupTool.Operations.Import;

/// <summary>
/// The content of a zip or 7z entry: its last read, the one that returns 0, fails unless length and CRC-32 are what the archive states.
/// SharpCompress does not compare them itself.
/// </summary>
internal sealed class CheckedContent(Stream inner, string name, long size, uint? crc) : ForwardStream
{
    private long _read;
    private uint _crc;

    public override int Read(Span<byte> buffer)
    {
        if (buffer.IsEmpty) return 0;
        int read = inner.Read(buffer);
        _crc = Crc32.Append(_crc, buffer[..read]);
        _read += read;
        if (_read > size || (read == 0 && _read < size))
            throw new InvalidDataException($"{name} should have {size} bytes and has {(read == 0 ? "only" : "at least")} {_read}");
        if (read == 0 && crc is uint stated && stated != _crc)
            throw new InvalidDataException($"the checksum of {name} is {_crc:x8} and should be {stated:x8}");
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
