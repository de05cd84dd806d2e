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

    /// <summary>Tells machines of the same name apart: 16 digits made from /etc/machine-id.</summary>
    public required string Machine { get; init; }

    /// <summary>That machine's boot: /proc/sys/kernel/random/boot_id.</summary>
    public required string Boot { get; init; }

    /// <summary>In which process numbers are valid: /proc/self/ns/pid.</summary>
    public required string ProcessNamespace { get; init; }

    /// <summary>The holder's process.</summary>
    public required int ProcessId { get; init; }

    /// <summary>That process's start, in clock ticks since boot: tells it from a later one with the same number.</summary>
    public required long ProcessStart { get; init; }

    /// <summary>When it was taken, in UTC.</summary>
    public required DateTimeOffset TakenAt { get; init; }

    /// <summary>The command, for people.</summary>
    public required string Command { get; init; }
}

/// <summary>
/// A lock on a repository, held until it is disposed. One writer at a time (<c>locks/writer.json</c>, created exclusively); readers each have a file of
/// their own; an exclusive holder is the writer and waits for the readers to leave. A reader that meets an exclusive holder leaves and waits.
/// A lock whose process is gone is taken over at once on the same machine; one whose process cannot be asked after <see cref="ForeignLifetime"/>.
/// </summary>
public sealed class RepositoryLock : IAsyncDisposable
{
    /// <summary>How long a lock from another machine counts: its process cannot be asked. Longer than any run should take.</summary>
    public static readonly TimeSpan ForeignLifetime = TimeSpan.FromDays(2);

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);
    private readonly IStorage _storage;
    private readonly string _name;
    private readonly byte[] _content;

    private RepositoryLock(IStorage storage, string name, byte[] content) => (_storage, _name, _content) = (storage, name, content);

    /// <summary>Takes a lock, waiting for others at most so long.</summary>
    /// <exception cref="RepositoryLockedException">Somebody still holds it.</exception>
    public static async ValueTask<RepositoryLock> AcquireAsync(
        IStorage storage, LockMode mode, string command, TimeSpan wait, TimeProvider time, Action<string>? onWaiting, CancellationToken cancellationToken)
    {
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(LockOwner.Describe(mode, command, time), RepositoryJson.Default.LockContent);
        var taking = new LockTaking(storage, mode, content, time);
        long started = time.GetTimestamp();
        bool told = false;
        while (true)
        {
            string? blocker = await taking.TryTakeAsync(cancellationToken);
            if (blocker is null) return new RepositoryLock(storage, taking.Name, content);
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

    /// <summary>Fails when the lock is not ours any more: held too long, it may have been taken over. To be called before what must not be done without it.</summary>
    /// <exception cref="RepositoryLockedException">It was taken over.</exception>
    public async ValueTask RequireHeldAsync(CancellationToken cancellationToken)
    {
        LockFile? now = await LockFile.ReadAsync(_storage, _name, cancellationToken);
        if (now is not null && now.Content.AsSpan().SequenceEqual(_content)) return;
        throw new RepositoryLockedException(
            $"The lock on the repository at {_storage.Description} is not ours any more{(now is null ? "" : $": it was taken over by {now.Describe()}")}.",
            "This run was too long asleep. Run it again.");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // Held too long, it may have been taken over: then it is not ours any more.
        LockFile? now = await LockFile.ReadAsync(_storage, _name, CancellationToken.None);
        if (now is not null && now.Content.AsSpan().SequenceEqual(_content)) await _storage.DeleteAsync(_name, CancellationToken.None);
    }
}
