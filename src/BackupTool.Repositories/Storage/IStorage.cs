namespace BackupTool.Repositories.Storage;

/// <summary>A stored file.</summary>
/// <param name="Name">Relative to the repository, with <c>/</c>.</param>
/// <param name="Bytes">Its size.</param>
public readonly record struct StoredFile(string Name, long Bytes);

/// <summary>
/// Where a repository lives: whole, immutable files under flat names (<see cref="FileName"/>). What is committed is durable; what is not
/// committed is never seen by readers under its name. Every implementation passes the same contract suite. Thread-safe.
/// Failures of the place itself are <see cref="IOException"/>s (with <see cref="FileNotFoundException"/> for a missing file).
/// </summary>
public interface IStorage
{
    /// <summary>For people: where this is.</summary>
    string Description { get; }

    /// <summary>Size of a file in bytes, or null when there is none.</summary>
    ValueTask<long?> GetSizeAsync(string name, CancellationToken cancellationToken);

    /// <summary>All committed files below a folder (<c>packs/</c>), sorted by name, ordinal.</summary>
    ValueTask<IReadOnlyList<StoredFile>> ListAsync(string folder, CancellationToken cancellationToken);

    /// <summary>Fills the buffer from an offset. A file that ends before is an <see cref="EndOfStreamException"/>.</summary>
    ValueTask ReadAsync(string name, long offset, Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>The whole file, when it is no larger than the limit; a larger one is an <see cref="InvalidDataException"/>.</summary>
    ValueTask<byte[]> ReadAllAsync(string name, int maxBytes, CancellationToken cancellationToken);

    /// <summary>The name of something at the top that is no repository's, or null: a new repository is made in an empty place only.</summary>
    ValueTask<string?> FindForeignAsync(CancellationToken cancellationToken);

    /// <summary>Starts a file whose name is known only when it is complete.</summary>
    ValueTask<IStorageUpload> BeginUploadAsync(CancellationToken cancellationToken);

    /// <summary>Writes a small file atomically, replacing what is there.</summary>
    ValueTask PutAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Writes a small file atomically unless the name is taken; false when it is. Of several racers one wins.</summary>
    ValueTask<bool> TryCreateAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Removes a file; nothing happens when there is none.</summary>
    ValueTask DeleteAsync(string name, CancellationToken cancellationToken);

    /// <summary>
    /// Removes what interrupted uploads left behind; those that go on, in this process or another, stay. Only for the holder of the writer's lock. Returns how many
    /// were removed.
    /// </summary>
    ValueTask<int> RemoveStaleUploadsAsync(CancellationToken cancellationToken);
}

/// <summary>A file being written. Disposing it before <see cref="CommitAsync"/> removes what was written.</summary>
public interface IStorageUpload : IAsyncDisposable
{
    /// <summary>Appends bytes. The memory may be reused when this returns.</summary>
    ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>
    /// Makes the file durable, reads it back from where it is stored, compares that with what was appended, and makes it visible under its name. Returns once all of it
    /// is so.
    /// </summary>
    /// <exception cref="RepositoryDamagedException">What was read back is not what was written: nothing is visible.</exception>
    ValueTask CommitAsync(string name, CancellationToken cancellationToken);
}

/// <summary>The names that files of a repository may have. Checked on the way in and on the way out.</summary>
public static class FileName
{
    /// <summary>
    /// Lower-case letters, digits, <c>.</c>, <c>-</c> and <c>_</c> (and the four fixed names at the top), in at most three components, none
    /// starting with a dot.
    /// </summary>
    public static bool IsValid(string name)
    {
        if (name is "README.txt" or "SHA256SUMS") return true;
        string[] components = name.Split('/');
        return components.Length is 1 or 2 or 3 && components.All(static c => c.Length is > 0 and <= 200 && c[0] != '.' && c.All(IsAllowed));
        static bool IsAllowed(char c) => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '.' or '-' or '_';
    }

    /// <summary>The name itself.</summary>
    /// <exception cref="ArgumentException">It is not valid.</exception>
    public static string Check(string name) =>
        IsValid(name) ? name : throw new ArgumentException($"'{name}' cannot name a file of a repository.", nameof(name));
}
