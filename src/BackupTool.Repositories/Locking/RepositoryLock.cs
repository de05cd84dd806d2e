using System.Text.Json;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Locking;

/// <summary>What a lock lets others do meanwhile.</summary>
public enum LockMode
{
    /// <summary>Reading: others may read and write, but not remove.</summary>
    Read,
    /// <summary>Adding: others may read.</summary>
    Write,
    /// <summary>Removing: nobody else.</summary>
    Exclusive,
}

/// <summary>The content of a file in <c>locks/</c>.</summary>
public sealed record LockContent
{
    /// <summary>What its holder does.</summary>
    public required LockMode Mode { get; init; }

    /// <summary>The holder's machine.</summary>
    public required string Host { get; init; }

    /// <summary>That machine's boot: /proc/sys/kernel/random/boot_id.</summary>
    public required string Boot { get; init; }

    /// <summary>The holder's process.</summary>
    public required int ProcessId { get; init; }

    /// <summary>That process's start, in clock ticks since boot: tells it from a later one with the same number.</summary>
    public required long ProcessStart { get; init; }

    /// <summary>When it was taken.</summary>
    public required DateTimeOffset TakenAt { get; init; }

    /// <summary>The command, for people.</summary>
    public required string Command { get; init; }
}

/// <summary>
/// A lock on a repository, held until it is disposed. One writer at a time (<c>locks/writer.json</c>, created exclusively); readers each have a file of
/// their own; an exclusive holder is the writer and waits for the readers to leave. A reader that meets an exclusive holder leaves and waits.
/// A lock whose process is gone is taken over at once on the same machine; one of another machine after <see cref="ForeignLifetime"/>.
/// </summary>
public sealed class RepositoryLock : IAsyncDisposable
{
    /// <summary>How long a lock from another machine counts: its process cannot be asked. Longer than any run should take.</summary>
    public static readonly TimeSpan ForeignLifetime = TimeSpan.FromDays(2);

    private const string WriterName = "locks/writer.json", Folder = "locks/";
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);
    private readonly IStorage _storage;
    private readonly string _name;

    private RepositoryLock(IStorage storage, string name) => (_storage, _name) = (storage, name);

    /// <summary>Takes a lock, waiting for others at most so long.</summary>
    /// <exception cref="RepositoryLockedException">Somebody still holds it.</exception>
    public static async ValueTask<RepositoryLock> AcquireAsync(
        IStorage storage, LockMode mode, string command, TimeSpan wait, TimeProvider time, Action<string>? onWaiting, CancellationToken cancellationToken)
    {
        var mine = LockOwner.Describe(mode, command, time);
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(mine, RepositoryJson.Default.LockContent);
        string name = mode == LockMode.Read ? $"{Folder}reader-{Guid.NewGuid():N}.json" : WriterName;
        long started = time.GetTimestamp();
        bool told = false;
        while (true)
        {
            (bool isTaken, string? blocker) = await TryTakeAsync(storage, name, content, mode, time, cancellationToken);
            if (isTaken) return new RepositoryLock(storage, name);
            if (blocker is null) continue;
            if (time.GetElapsedTime(started) >= wait)
            {
                throw new RepositoryLockedException($"The repository at {storage.Description} is in use by {blocker}.",
                    "Wait for it to finish, or give --lock-wait a time; a lock whose process has ended is removed by itself.");
            }
            if (!told) onWaiting?.Invoke($"waiting for {blocker}");
            told = true;
            await Task.Delay(PollInterval, time, cancellationToken);
        }
    }

    /// <summary>Whether it is taken; else who is in the way: null when that was a dead one, which is no more.</summary>
    private static async ValueTask<(bool IsTaken, string? Blocker)> TryTakeAsync(
        IStorage storage, string name, byte[] content, LockMode mode, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!await storage.TryCreateAsync(name, content, cancellationToken))
        {
            string? holder = await FindHolderAsync(storage, name, time, cancellationToken);
            if (holder is not null) return (false, holder);
            return (false, await LockOwner.RemoveStaleAsync(storage, name, content, time, cancellationToken) ? null : "another run that is just starting");
        }
        if (mode == LockMode.Write) await RemoveDeadReadersAsync(storage, time, cancellationToken);
        string? blocker = mode switch
        {
            LockMode.Read => await FindHolderAsync(storage, WriterName, time, cancellationToken, LockMode.Exclusive),
            LockMode.Exclusive => await FindReaderAsync(storage, time, cancellationToken),
            _ => null,
        };
        if (blocker is not null) await storage.DeleteAsync(name, CancellationToken.None);
        return (blocker is null, blocker);
    }

    private static async ValueTask<string?> FindReaderAsync(IStorage storage, TimeProvider time, CancellationToken cancellationToken) =>
        (await RemoveDeadReadersAsync(storage, time, cancellationToken)).FirstOrDefault();

    /// <summary>Killed readers leave their locks. Returns the living ones.</summary>
    private static async ValueTask<List<string>> RemoveDeadReadersAsync(IStorage storage, TimeProvider time, CancellationToken cancellationToken)
    {
        var living = new List<string>();
        foreach (StoredFile file in await storage.ListAsync(Folder, cancellationToken))
        {
            if (file.Name is WriterName or LockOwner.Guard) continue;
            string? holder = await FindHolderAsync(storage, file.Name, time, cancellationToken);
            if (holder is not null) living.Add(holder);
            else await storage.DeleteAsync(file.Name, cancellationToken);   // a reader's name is never used twice: it can only be the dead one
        }
        return living;
    }

    private static async ValueTask<string?> FindHolderAsync(
        IStorage storage, string name, TimeProvider time, CancellationToken cancellationToken, LockMode atLeast = LockMode.Read)
    {
        LockContent? holder;
        try
        {
            holder = await LockOwner.ReadAsync(storage, name, cancellationToken);
        }
        catch (JsonException)
        {
            return $"a lock that cannot be read ({name}; remove it by hand when no backup is running)";
        }
        return holder is null || holder.Mode < atLeast || !LockOwner.IsAlive(holder, time) ? null
            : $"'backup {holder.Command}' (process {holder.ProcessId} on {holder.Host}, since {holder.TakenAt.LocalDateTime:yyyy-MM-dd HH:mm:ss})";
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _storage.DeleteAsync(_name, CancellationToken.None);
}
