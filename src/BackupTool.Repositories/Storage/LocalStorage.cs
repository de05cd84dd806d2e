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
    private static readonly FrozenSet<string> TopNames = FrozenSet.Create("README.txt", "restore.sh", "SHA256SUMS", "locks", TemporaryFolder, "lost+found");

    private readonly BytePath _root;

    /// <summary>Takes a directory that need not exist yet; a relative path starts at the working directory of now.</summary>
    public LocalStorage(BytePath root) => _root = root.IsAbsolute ? root : BytePath.From(Environment.CurrentDirectory).Combine(root);

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
        List(FileName.Check(folder.EndsWith('/') ? folder[..^1] : folder), found, cancellationToken);
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
        return new(new LocalUpload(this));
    }

    /// <inheritdoc/>
    public async ValueTask PutAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await using var upload = new LocalUpload(this);
        await upload.AppendAsync(content, cancellationToken);
        await upload.CommitAsync(name, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> TryCreateAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await using var upload = new LocalUpload(this);
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
            if (LocalUpload.TryRemoveStale(directory, name)) removed++;
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

    internal BytePath PathOf(string name) => _root.Combine(FileName.Check(name));

    internal static void FlushDirectory(BytePath path)
    {
        using PosixDirectory directory = PosixDirectory.Open(path);
        directory.Flush();
    }
}
