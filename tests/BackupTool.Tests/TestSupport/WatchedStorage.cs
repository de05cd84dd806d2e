using BackupTool.Repositories.Storage;

namespace BackupTool.Tests.TestSupport;

/// <summary>A storage that can be told to stop, or to fail, before something is done to it: what disks and networks do.</summary>
internal sealed class WatchedStorage(IStorage inner) : IStorage
{
    /// <summary>Awaited before each call, with what is about to be done: <c>delete locks/writer.json</c>. An upload commits as <c>commit</c>.</summary>
    public Func<string, Task> Before { get; set; } = static _ => Task.CompletedTask;

    public string Description => inner.Description;

    public async ValueTask<long?> GetSizeAsync(string name, CancellationToken cancellationToken)
    {
        await Before($"size {name}");
        return await inner.GetSizeAsync(name, cancellationToken);
    }

    public async ValueTask<IReadOnlyList<StoredFile>> ListAsync(string folder, CancellationToken cancellationToken)
    {
        await Before($"list {folder}");
        return await inner.ListAsync(folder, cancellationToken);
    }

    public async ValueTask ReadAsync(string name, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        await Before($"read {name}");
        await inner.ReadAsync(name, offset, buffer, cancellationToken);
    }

    public async ValueTask<byte[]> ReadAllAsync(string name, int maxBytes, CancellationToken cancellationToken)
    {
        await Before($"read {name}");
        return await inner.ReadAllAsync(name, maxBytes, cancellationToken);
    }

    public ValueTask<string?> FindForeignAsync(CancellationToken cancellationToken) => inner.FindForeignAsync(cancellationToken);

    public async ValueTask<IStorageUpload> BeginUploadAsync(CancellationToken cancellationToken)
    {
        await Before("upload");
        return new Upload(this, await inner.BeginUploadAsync(cancellationToken));
    }

    public async ValueTask PutAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await Before($"put {name}");
        await inner.PutAsync(name, content, cancellationToken);
    }

    public async ValueTask<bool> TryCreateAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await Before($"create {name}");
        return await inner.TryCreateAsync(name, content, cancellationToken);
    }

    public async ValueTask DeleteAsync(string name, CancellationToken cancellationToken)
    {
        await Before($"delete {name}");
        await inner.DeleteAsync(name, cancellationToken);
    }

    public ValueTask<int> RemoveStaleUploadsAsync(CancellationToken cancellationToken) => inner.RemoveStaleUploadsAsync(cancellationToken);

    private sealed class Upload(WatchedStorage storage, IStorageUpload inner) : IStorageUpload
    {
        public async ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            await storage.Before("append");
            await inner.AppendAsync(bytes, cancellationToken);
        }

        public async ValueTask CommitAsync(string name, CancellationToken cancellationToken)
        {
            await storage.Before($"commit {name}");
            await inner.CommitAsync(name, cancellationToken);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
