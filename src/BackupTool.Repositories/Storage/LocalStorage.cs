using System.Collections.Frozen;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Repositories.Storage;

/// <summary>
/// A repository in a directory of this machine (or of anything mounted). Files are written in <c>tmp/</c>, flushed to the disk, renamed to
/// their name, and the directory is flushed: the one place that publishes files of a repository.
/// </summary>
public sealed class LocalStorage : IStorage
{
    internal const string TemporaryFolder = "tmp";

    // What an interrupted init may have left, and what a file system has at its top.
    private static readonly FrozenSet<string> TopNames = FrozenSet.Create("README.txt", "restore.sh", "SHA256SUMS", TemporaryFolder, "lost+found");

    private readonly BytePath _root;
    private int _uploads;

    /// <summary>Takes a directory that need not exist yet.</summary>
    public LocalStorage(BytePath root) => _root = root;

    /// <summary>The directory.</summary>
    public BytePath Root => _root;

    /// <inheritdoc/>
    public string Description => _root.ToString();

    /// <inheritdoc/>
    public ValueTask<long?> GetSizeAsync(string name, CancellationToken cancellationToken) =>
        new(PosixDirectory.Current.TryGetStatus(PathOf(name), out FileStatus status) && status.Kind == FileKind.Regular ? status.Size : null);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredFile>> ListAsync(string folder, CancellationToken cancellationToken)
    {
        var found = new List<StoredFile>();
        List(folder.TrimEnd('/'), found, cancellationToken);
        found.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return new(found);
    }

    private void List(string folder, List<StoredFile> found, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!PosixDirectory.Current.TryGetStatus(_root.Combine(folder), out FileStatus status) || status.Kind != FileKind.Directory) return;
        using PosixDirectory directory = PosixDirectory.Open(_root.Combine(folder));
        foreach (BytePath child in directory.ReadNames())
        {
            string name = $"{folder}/{child}";
            if (!FileName.IsValid(name) || !directory.TryGetStatus(child, out FileStatus entry)) continue;
            if (entry.Kind == FileKind.Directory) List(name, found, cancellationToken);
            else if (entry.Kind == FileKind.Regular) found.Add(new StoredFile(name, entry.Size));
        }
    }

    /// <inheritdoc/>
    public ValueTask ReadAsync(string name, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using SafeFileHandle file = Open(name);
        int read = PosixFile.ReadFully(file, buffer.Span, offset, PathOf(name));
        return read == buffer.Length ? default : throw new EndOfStreamException($"{name} ends at byte {offset + read:N0}");
    }

    /// <inheritdoc/>
    public ValueTask<byte[]> ReadAllAsync(string name, int maxBytes, CancellationToken cancellationToken)
    {
        using SafeFileHandle file = Open(name);
        long size = PosixFile.GetStatus(file, PathOf(name)).Size;
        if (size > maxBytes) throw new InvalidDataException($"{name} has {size:N0} bytes; at most {maxBytes:N0} are expected");
        byte[] content = new byte[size];
        int read = PosixFile.ReadFully(file, content, 0, PathOf(name));
        return read == size ? new(content) : throw new EndOfStreamException($"{name} ends at byte {read:N0}");
    }

    /// <inheritdoc/>
    public ValueTask<string?> FindForeignAsync(CancellationToken cancellationToken)
    {
        if (!PosixFile.TryGetStatusFollowing(_root, out FileStatus status)) return new((string?)null);
        if (status.Kind != FileKind.Directory) return new(_root.ToString());
        using PosixDirectory directory = PosixDirectory.Open(_root);
        return new(directory.ReadNames().Select(static name => name.ToString()).FirstOrDefault(static name => !TopNames.Contains(name)));
    }

    /// <inheritdoc/>
    public ValueTask<IStorageUpload> BeginUploadAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(new Upload(this));
    }

    /// <inheritdoc/>
    public async ValueTask PutAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await using var upload = new Upload(this);
        await upload.AppendAsync(content, cancellationToken);
        await upload.CommitAsync(name, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> TryCreateAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await using var upload = new Upload(this);
        await upload.AppendAsync(content, cancellationToken);
        return upload.Publish(name, replace: false);
    }

    /// <inheritdoc/>
    public ValueTask DeleteAsync(string name, CancellationToken cancellationToken)
    {
        BytePath path = PathOf(name);
        try
        {
            PosixDirectory.Current.RemoveFile(path);
        }
        catch (PosixException e) when (e.IsNotFound)
        {
            return default;
        }
        FlushDirectory(path.Parent);
        return default;
    }

    /// <inheritdoc/>
    public ValueTask<int> RemoveStaleUploadsAsync(CancellationToken cancellationToken)
    {
        BytePath folder = _root.Combine(TemporaryFolder);
        if (!PosixDirectory.Current.TryGetStatus(folder, out _)) return new(0);
        using PosixDirectory directory = PosixDirectory.Open(folder);
        int removed = 0;
        foreach (BytePath name in directory.ReadNames())
        {
            if (Upload.IsInUse(directory, name)) continue;
            directory.RemoveFile(name);
            removed++;
        }
        return new(removed);
    }

    private SafeFileHandle Open(string name)
    {
        BytePath path = PathOf(name);
        try
        {
            return PosixDirectory.Current.OpenForReading(path);
        }
        catch (PosixException e) when (e.IsNotFound)
        {
            throw new FileNotFoundException($"{name} is missing", path.ToString(), e);
        }
    }

    private BytePath PathOf(string name) => _root.Combine(FileName.Check(name));

    private static void FlushDirectory(BytePath path)
    {
        using PosixDirectory directory = PosixDirectory.Open(path);
        directory.Flush();
    }

    /// <summary>
    /// A file in <c>tmp/</c>, under a lock (flock) that the kernel drops when the process ends: so an upload of somebody who lives is told from
    /// one that was left. Written through a small window of the page cache, which spares the services' cache.
    /// </summary>
    private sealed class Upload : IStorageUpload
    {
        private const long Window = 8 << 20;
        private readonly LocalStorage _storage;
        private readonly BytePath _temporary;
        private readonly SafeFileHandle _file;
        private long _length, _written;
        private bool _published;

        internal Upload(LocalStorage storage)
        {
            _storage = storage;
            BytePath folder = storage._root.Combine(TemporaryFolder);
            EnsureDirectory(folder);
            _temporary = folder.Combine($"{Environment.ProcessId}-{Interlocked.Increment(ref storage._uploads)}-{Guid.NewGuid():N}");
            _file = PosixDirectory.Current.CreateFile(_temporary);
            PosixFile.TryLock(_file);
        }

        internal static bool IsInUse(PosixDirectory directory, BytePath name)
        {
            try
            {
                using SafeFileHandle file = directory.OpenForReading(name);
                return !PosixFile.TryLock(file);
            }
            catch (PosixException e) when (e.IsNotFound)
            {
                return true;   // published or removed meanwhile: not ours to remove
            }
        }

        public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            PosixFile.WriteFully(_file, bytes.Span, _length, _temporary);
            _length += bytes.Length;
            while (_length - _written >= Window)
            {
                PosixFile.StartWriteOut(_file, _written, Window);
                if (_written >= Window) PosixFile.FinishWriteOutAndDrop(_file, _written - Window, Window);
                _written += Window;
            }
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
            PosixFile.Flush(_file, _temporary);
            EnsureDirectory(path.Parent);
            if (_length >= Window) PosixFile.DropFromCache(_file);
            if (replace) PosixDirectory.Current.Rename(_temporary, PosixDirectory.Current, path);
            else if (!TryRename(path)) return false;
            _published = true;
            FlushDirectory(path.Parent);
            return true;
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
            _file.Dispose();
            if (_published || !PosixDirectory.Current.TryGetStatus(_temporary, out _)) return default;
            PosixDirectory.Current.RemoveFile(_temporary);
            _published = true;
            return default;
        }

        private static void EnsureDirectory(BytePath path)
        {
            if (PosixFile.TryGetStatusFollowing(path, out _)) return;
            EnsureDirectory(path.Parent);
            try
            {
                PosixDirectory.Current.CreateDirectory(path, 0x1c0 /* 0700 */);
                FlushDirectory(path.Parent);
            }
            catch (PosixException e) when (e.Errno == Errno.EEXIST)
            {
                return;   // another run was first
            }
        }
    }
}
