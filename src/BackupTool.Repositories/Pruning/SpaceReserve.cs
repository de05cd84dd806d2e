using System.Security.Cryptography;
using BackupTool.Posix;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Pruning;

/// <summary>
/// <c>pruning/reserve</c>: room for the lock, the new index and the new marks, set aside while packs are marked. On a full disk nothing can be removed without writing a little first.
/// </summary>
public static class SpaceReserve
{
    internal const string Name = "pruning/reserve";
    private const long Least = 128 << 10, Most = 16 << 20;

    /// <summary>Takes the exclusive lock, as <see cref="RepositoryLock.AcquireAsync"/> does; on a full disk it gives the reserve up for it.</summary>
    /// <exception cref="RepositoryLockedException">Somebody still holds it.</exception>
    public static async ValueTask<RepositoryLock> AcquireLockAsync(
        IStorage storage, string command, TimeSpan wait, TimeProvider time, Action<string>? onWaiting, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(storage);
        try
        {
            return await RepositoryLock.AcquireAsync(storage, LockMode.Exclusive, command, wait, time, onWaiting, cancellationToken);
        }
        catch (PosixException e) when (e.IsOutOfSpace)
        {
            if (await storage.GetSizeAsync(Name, cancellationToken) is null) throw;
        }
        await storage.DeleteAsync(Name, cancellationToken);
        return await RepositoryLock.AcquireAsync(storage, LockMode.Exclusive, command, wait, time, onWaiting, cancellationToken);
    }

    /// <summary>Gives it up, for what is to be removed now.</summary>
    internal static ValueTask ReleaseAsync(IStorage storage, CancellationToken cancellationToken) => storage.DeleteAsync(Name, cancellationToken);

    /// <summary>Sets it aside, or removes it when nothing is marked. Best effort: a disk that has no room for it is none that it could help.</summary>
    internal static async ValueTask KeepAsync(IStorage storage, bool isWanted, long largestIndexFile, CancellationToken cancellationToken)
    {
        long? present = await storage.GetSizeAsync(Name, cancellationToken);
        if (!isWanted)
        {
            if (present is not null) await storage.DeleteAsync(Name, cancellationToken);
            return;
        }
        long wanted = Math.Min(Most, Least + (2 * largestIndexFile));
        if (present >= wanted) return;
        try
        {
            // What does not compress: a file system that does must keep the room all the same.
            await storage.PutAsync(Name, RandomNumberGenerator.GetBytes((int)wanted), cancellationToken);
        }
        catch (PosixException e) when (e.IsOutOfSpace)
        {
            return;
        }
    }
}
