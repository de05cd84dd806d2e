using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Repositories.Archives.Extraction;

/// <summary>A file being restored. It stays only when <see cref="Complete"/> was reached: disposing it before removes it.</summary>
public sealed class FileWriter : IDisposable
{
    /// <summary>From this size on a file is written past the page cache: several times faster, and the cache stays with the services that run here.</summary>
    private const long LargeBytes = 2 << 20;

    private readonly PosixDirectory _directory;
    private readonly BytePath _name;
    private readonly SafeFileHandle _file;
    private readonly TarMember _member;
    private readonly DirectFileWriter? _large;
    private readonly Action<SafeFileHandle> _finish;
    private readonly Func<PosixException, long, DiskFullException> _diskFull;
    private int _extent;
    private long _offset, _stored;
    private bool _isComplete;

    internal FileWriter(
        PosixDirectory directory, BytePath name, TarMember member, Action<SafeFileHandle> finish, Func<PosixException, long, DiskFullException> diskFull)
    {
        (_directory, _name, _member, _finish, _diskFull) = (directory, name, member, finish, diskFull);
        _file = directory.CreateFile(name);
        if (member.Sparse is null && member.Size >= LargeBytes) _large = new DirectFileWriter(_file, directory.Full(name));
        _offset = member.Sparse is { Count: > 0 } extents ? extents[0].Offset : 0;
    }

    /// <summary>Writes the next stored bytes; in a sparse file over its holes.</summary>
    /// <exception cref="ArgumentException">More bytes than the member's <see cref="TarMember.StoredSize"/>.</exception>
    /// <exception cref="DiskFullException">The disk is full.</exception>
    public void Write(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            long end = _member.Sparse is not { } extents ? _member.Size : _extent < extents.Count ? extents[_extent].Offset + extents[_extent].Length : _offset;
            int length = (int)Math.Min(data.Length, end - _offset);
            if (length == 0) throw new ArgumentException($"{_member.Path} gets more than the {_stored} bytes that its header states.", nameof(data));
            Write(data[..length], _offset);
            data = data[length..];
            _offset += length;
            _stored += length;
            if (_member.Sparse is { } all && _offset == end && ++_extent < all.Count) _offset = all[_extent].Offset;
        }
    }

    /// <summary>Ends the file: length, owner, attributes, mode, mtime.</summary>
    /// <exception cref="InvalidOperationException">Fewer bytes came than the member's <see cref="TarMember.StoredSize"/>.</exception>
    /// <exception cref="DiskFullException">The disk is full.</exception>
    public void Complete()
    {
        if (_stored != _member.StoredSize)
            throw new InvalidOperationException($"{_member.Path} got {_stored} of the {_member.StoredSize} bytes that its header states.");
        try
        {
            if (_member.Sparse is not null) PosixFile.SetLength(_file, _member.Size, Shown);
            _large?.Finish();
            _finish(_file);
        }
        catch (PosixException e) when (e.IsOutOfSpace)
        {
            throw _diskFull(e, 0);
        }
        _isComplete = true;
        Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_file.IsClosed) return;
        _large?.Dispose();
        _file.Dispose();
        if (!_isComplete) _directory.RemoveFile(_name);
    }

    private BytePath Shown => _directory.Full(_name);

    private void Write(ReadOnlySpan<byte> data, long offset)
    {
        try
        {
            if (_large is not null) _large.Append(data);
            else PosixFile.WriteFully(_file, data, offset, Shown);
        }
        catch (PosixException e) when (e.IsOutOfSpace)
        {
            throw _diskFull(e, _member.StoredSize - _stored);
        }
    }
}
