using System.Security.Cryptography;
using System.Text.Json;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Locking;

/// <summary>A file in <c>locks/</c> as it was read.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Content">Its bytes: no two locks have the same.</param>
/// <param name="Holder">What they say; null when this version cannot read them.</param>
internal sealed record LockFile(string Name, byte[] Content, LockContent? Holder)
{
    internal const string Folder = "locks/", WriterName = "locks/writer.json", ReaderPrefix = "locks/reader-", TakeoverPrefix = "locks/takeover-";
    private const int MaxBytes = 64 << 10;

    /// <summary>Reads one; null when it is not there.</summary>
    internal static async ValueTask<LockFile?> ReadAsync(IStorage storage, string name, CancellationToken cancellationToken)
    {
        try
        {
            byte[] content = await storage.ReadAllAsync(name, MaxBytes, cancellationToken);
            return new LockFile(name, content, Parse(content));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private static LockContent? Parse(byte[] content)
    {
        try
        {
            return JsonSerializer.Deserialize(content, RepositoryJson.Default.LockContent);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Whether its process lives. A lock that cannot be read may be that of a newer version: it counts.</summary>
    internal bool IsAlive(TimeProvider time) => Holder is null || LockOwner.IsAlive(Holder, time);

    /// <summary>For people.</summary>
    internal string Describe() => Holder is null
        ? $"a lock that cannot be read ({Name}; remove it by hand when no backup is running)"
        : $"'backup {Holder.Command}' (process {Holder.ProcessId} on {Holder.Host}, since {Holder.TakenAt.LocalDateTime:yyyy-MM-dd HH:mm:ss})";

    /// <summary>
    /// Removes this dead lock; false when another run is at it. Two runs may both have found it dead, and the slower must not remove the faster one's new lock
    /// of the same name, however slow it is. So only who creates <c>locks/takeover-&lt;SHA-256 of the dead lock&gt;.json</c> may remove it, and looks again
    /// first: a lock of that content is then his alone to remove. Who is killed just then leaves a dead takeover, which is taken over in the same way.
    /// </summary>
    internal async ValueTask<bool> TryRemoveAsync(IStorage storage, byte[] mine, TimeProvider time, CancellationToken cancellationToken)
    {
        string right = $"{TakeoverPrefix}{Convert.ToHexStringLower(SHA256.HashData(Content))}.json";
        if (!await storage.TryCreateAsync(right, mine, cancellationToken))
        {
            LockFile? other = await ReadAsync(storage, right, cancellationToken);
            if (other is null || other.IsAlive(time) || !await other.TryRemoveAsync(storage, mine, time, cancellationToken)) return false;
            return await TryRemoveAsync(storage, mine, time, cancellationToken);
        }
        try
        {
            LockFile? now = await ReadAsync(storage, Name, cancellationToken);
            if (now is not null && now.Content.AsSpan().SequenceEqual(Content)) await storage.DeleteAsync(Name, CancellationToken.None);
            return true;
        }
        finally
        {
            await storage.DeleteAsync(right, CancellationToken.None);
        }
    }
}
