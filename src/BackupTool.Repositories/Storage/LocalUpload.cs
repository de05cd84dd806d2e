using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Repositories.Storage;

/// <summary>
/// A file in <c>tmp/</c>, under a lock (flock) that the kernel drops when the process ends: so an upload of somebody who lives is told from one that was left. Written
/// and read back past the page cache.
/// </summary>
internal sealed unsafe class LocalUpload : IStorageUpload
{
    private const int MaxAttempts = 5;
    private static int s_uploads;
    private readonly LocalStorage _storage;
    private readonly BytePath _temporary;
    private readonly SafeFileHandle _file;
    private readonly DirectFileWriter _writer;
    private StripeChecksum _checksum;
    private bool _published;

    internal LocalUpload(LocalStorage storage)
    {
        _storage = storage;
        BytePath folder = storage.Root.Combine(LocalStorage.TemporaryFolder);
        EnsureDirectory(folder);
        (_temporary, _file) = Create(folder);
        _writer = new DirectFileWriter(_file, _temporary);
    }

    private static (BytePath Path, SafeFileHandle File) Create(BytePath folder)
    {
        for (int attempt = 1; ; attempt++)
        {
            BytePath path = folder.Combine($"{Environment.ProcessId}-{Interlocked.Increment(ref s_uploads)}-{Guid.NewGuid():N}");
            SafeFileHandle file = PosixDirectory.Current.CreateFile(path);
            // Between creating and locking, a removal may have taken it for stale. On a file system without flock no removal can.
            if ((PosixFile.TryLock(file) && IsAt(file, path)) || attempt == MaxAttempts) return (path, file);
            Remove(path);
            file.Dispose();
        }
    }

    /// <summary>Removes a file that nobody holds, while holding it, so that who has just created it notices.</summary>
    internal static bool TryRemoveStale(PosixDirectory directory, BytePath name)
    {
        try
        {
            using SafeFileHandle file = directory.OpenForReading(name);
            if (!PosixFile.TryLock(file)) return false;
            directory.RemoveFile(name);
            return true;
        }
        catch (PosixException e) when (e.IsNotFound)
        {
            return false;   // published or removed meanwhile: not ours to remove
        }
    }

    private static bool IsAt(SafeFileHandle file, BytePath path) =>
        PosixDirectory.Current.TryGetStatus(path, out FileStatus status) && status.IsSameFileAs(PosixFile.GetStatus(file, path));

    private static void Remove(BytePath path)
    {
        try
        {
            PosixDirectory.Current.RemoveFile(path);
        }
        catch (PosixException e) when (e.IsNotFound)
        {
            return;   // it is gone, and that is all that is wanted
        }
    }

    public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _writer.Append(bytes.Span);
        _checksum.Append(bytes.Span);
        return default;
    }

    public ValueTask CommitAsync(string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Publish(name, replace: true);
        return default;
    }

    internal bool Publish(string name, bool replace)
    {
        BytePath path = _storage.PathOf(name);
        _writer.Finish();
        PosixFile.Flush(_file, _temporary);
        ReadBack(name);
        EnsureDirectory(path.Parent);
        if (replace) PosixDirectory.Current.Rename(_temporary, PosixDirectory.Current, path);
        else if (!TryRename(path)) return false;
        _published = true;
        LocalStorage.FlushDirectory(path.Parent);
        return true;
    }

    /// <summary>From the disk where the file system lets us pass its cache: what lies in memory proves nothing.</summary>
    private void ReadBack(string name)
    {
        if (ReadChecksum().Value == _checksum.Value) return;
        throw new RepositoryDamagedException(name, "what was read back is not what was written",
            $"Check the disk and the memory of {_storage.Description}; nothing of this file was kept.");
    }

    private StripeChecksum ReadChecksum()
    {
        bool direct = PosixFile.TrySetDirect(_file, true);
        try
        {
            if (direct) return ReadAll();
        }
        catch (PosixException e) when (e.Errno == Errno.EINVAL)
        {
            // The flag was taken and the read is refused all the same: some network and stacked file systems.
            PosixFile.TrySetDirect(_file, false);
        }
        PosixFile.DropFromCache(_file);
        return ReadAll();
    }

    private StripeChecksum ReadAll()
    {
        var read = new StripeChecksum();
        byte* buffer = PageMemory.Allocate(DirectFileWriter.BufferBytes);
        try
        {
            for (long offset = 0; offset < _writer.Length; offset += DirectFileWriter.BufferBytes)
            {
                var part = new Span<byte>(buffer, DirectFileWriter.BufferBytes);
                read.Append(part[..PosixFile.ReadAligned(_file, part, offset, _temporary)]);
            }
            return read;
        }
        finally
        {
            PageMemory.Free(buffer, DirectFileWriter.BufferBytes);
        }
    }

    private bool TryRename(BytePath path)
    {
        try
        {
            PosixDirectory.Current.CreateHardLink(_temporary, PosixDirectory.Current, path);   // as exclusive as O_EXCL, and whole
            PosixDirectory.Current.RemoveFile(_temporary);
            return true;
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            return false;
        }
        catch (PosixException e) when (e.Errno is Errno.EPERM or Errno.EOPNOTSUPP or Errno.ENOSYS)
        {
            return TryRenameWithoutLinks(path);
        }
    }

    // File systems without hard links (exFAT, some FUSE).
    private bool TryRenameWithoutLinks(BytePath path)
    {
        try
        {
            PosixDirectory.Current.RenameWithoutReplacing(_temporary, PosixDirectory.Current, path);
            return true;
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            return false;
        }
    }

    public ValueTask DisposeAsync()
    {
        if (!_published) Remove(_temporary);
        _published = true;
        _file.Dispose();
        _writer.Dispose();
        return default;
    }

    private static void EnsureDirectory(BytePath path)
    {
        if (PosixFile.TryGetStatusFollowing(path, out _)) return;
        EnsureDirectory(path.Parent);
        try
        {
            PosixDirectory.Current.CreateDirectory(path, 0x1c0 /* 0700 */);
            LocalStorage.FlushDirectory(path.Parent);
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            return;   // another run was first
        }
    }
}
