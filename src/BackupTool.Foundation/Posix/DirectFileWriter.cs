using Microsoft.Win32.SafeHandles;

namespace BackupTool.Posix;

/// <summary>
/// Writes a large new file from front to back past the page cache (O_DIRECT): several times as fast as through it where memory is not at hand, and
/// the services' own cached pages stay. Where the file system cannot, it writes behind a small window of the cache instead. The caller flushes the file.
/// </summary>
public sealed unsafe class DirectFileWriter : IDisposable
{
    /// <summary>Bytes that are collected before they are written.</summary>
    public const int BufferBytes = 1 << 20;

    private const long Window = 8 << 20;
    private readonly SafeFileHandle _file;
    private readonly BytePath _shown;
    private byte* _buffer;
    private int _filled;
    private long _written, _writtenOut;
    private bool _direct;

    /// <summary>Takes an empty file, which stays the caller's.</summary>
    public DirectFileWriter(SafeFileHandle file, BytePath shown)
    {
        (_file, _shown) = (file, shown);
        _buffer = PageMemory.Allocate(BufferBytes);
        _direct = PosixFile.TrySetDirect(file, true);
    }

    /// <summary>Bytes appended so far.</summary>
    public long Length => _written + _filled;

    /// <summary>Appends.</summary>
    /// <exception cref="PosixException">The disk is full, or failed.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(bytes.Length, BufferBytes - _filled);
            bytes[..count].CopyTo(new Span<byte>(_buffer + _filled, count));
            _filled += count;
            bytes = bytes[count..];
            if (_filled == BufferBytes) WriteBuffer();
        }
    }

    /// <summary>Writes what is left; the file is then as long as what was appended, and is used through the page cache again.</summary>
    public void Finish()
    {
        int aligned = _filled & ~(PosixFile.DirectAlignment - 1), rest = _filled - aligned;
        if (_direct && aligned > 0)
        {
            byte* start = _buffer;
            _filled = aligned;
            WriteBuffer();
            new Span<byte>(start + aligned, rest).CopyTo(new Span<byte>(start, rest));
            _filled = rest;
        }
        if (_direct) PosixFile.TrySetDirect(_file, false);
        _direct = false;
        if (_filled > 0) WriteBuffer();
    }

    private void WriteBuffer()
    {
        var bytes = new ReadOnlySpan<byte>(_buffer, _filled);
        try
        {
            PosixFile.WriteFully(_file, bytes, _written, _shown);
        }
        catch (PosixException e) when (_direct && e.Errno == Errno.EINVAL)
        {
            // The flag was taken and the write is refused all the same: some network and stacked file systems.
            _direct = !PosixFile.TrySetDirect(_file, false);
            PosixFile.WriteFully(_file, bytes, _written, _shown);
        }
        _written += _filled;
        _filled = 0;
        if (!_direct) WriteBehind();
    }

    private void WriteBehind()
    {
        while (_written - _writtenOut >= Window)
        {
            PosixFile.StartWriteOut(_file, _writtenOut, Window);
            if (_writtenOut >= Window) PosixFile.FinishWriteOutAndDrop(_file, _writtenOut - Window, Window);
            _writtenOut += Window;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_buffer == null) return;
        PageMemory.Free(_buffer, BufferBytes);
        _buffer = null;
    }
}
