using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Locking;

/// <summary>The attempts of one run to take a lock. Each leaves either the lock or nothing.</summary>
internal sealed class LockTaking(IStorage storage, LockMode mode, byte[] content, TimeProvider time)
{
    /// <summary>The file that is the lock.</summary>
    internal string Name { get; } = mode == LockMode.Read ? $"{LockFile.ReaderPrefix}{Guid.NewGuid():N}.json" : LockFile.WriterName;

    /// <summary>Null when taken; else who is in the way.</summary>
    internal async ValueTask<string?> TryTakeAsync(CancellationToken cancellationToken)
    {
        while (!await storage.TryCreateAsync(Name, content, cancellationToken))
        {
            if (await LockFile.ReadAsync(storage, Name, cancellationToken) is not { } held) continue;   // let go just now
            if (held.IsAlive(time)) return held.Describe();
            if (!await held.TryRemoveAsync(storage, content, time, cancellationToken)) return "another run that is just starting";
        }
        try
        {
            string? blocker = mode == LockMode.Read ? await FindExclusiveHolderAsync(cancellationToken) : await FindReaderAsync(cancellationToken);
            if (blocker is not null) await storage.DeleteAsync(Name, CancellationToken.None);
            return blocker;
        }
        catch
        {
            await storage.DeleteAsync(Name, CancellationToken.None);
            throw;
        }
    }

    // The reader has its file before it looks for an exclusive holder, who has his before he looks for readers: one of them sees the other.
    private async ValueTask<string?> FindExclusiveHolderAsync(CancellationToken cancellationToken)
    {
        LockFile? writer = await LockFile.ReadAsync(storage, LockFile.WriterName, cancellationToken);
        bool isExclusive = writer is not null && writer.Holder is not { Mode: LockMode.Write } && writer.IsAlive(time);
        return isExclusive ? writer!.Describe() : null;
    }

    /// <summary>Clears away what dead runs left, which only the writer does; and for an exclusive holder finds a living reader.</summary>
    private async ValueTask<string?> FindReaderAsync(CancellationToken cancellationToken)
    {
        foreach (StoredFile file in await storage.ListAsync(LockFile.Folder, cancellationToken))
        {
            bool isReader = file.Name.StartsWith(LockFile.ReaderPrefix, StringComparison.Ordinal);
            if (!isReader && !file.Name.StartsWith(LockFile.TakeoverPrefix, StringComparison.Ordinal)) continue;
            if (await LockFile.ReadAsync(storage, file.Name, cancellationToken) is not { } other) continue;
            // No name of these is used twice while this lock is held, so it can only be the dead one that goes.
            if (!other.IsAlive(time)) await storage.DeleteAsync(file.Name, cancellationToken);
            else if (isReader && mode == LockMode.Exclusive) return other.Describe();
        }
        return null;
    }
}
