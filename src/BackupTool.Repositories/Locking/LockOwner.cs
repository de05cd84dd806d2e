using System.Text.Json;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Locking;

/// <summary>Who holds a lock, and whether that process still lives.</summary>
internal static class LockOwner
{
    /// <summary>Held by whoever removes a dead writer's lock.</summary>
    internal const string Guard = "locks/removal.json";

    private const int MaxBytes = 64 << 10;

    internal static LockContent Describe(LockMode mode, string command, TimeProvider time) => new()
    {
        Mode = mode,
        Host = Environment.MachineName,
        Boot = BootId(),
        ProcessId = Environment.ProcessId,
        ProcessStart = StartOf(Environment.ProcessId) ?? 0,
        TakenAt = time.GetLocalNow(),
        Command = command,
    };

    internal static bool IsAlive(LockContent holder, TimeProvider time) =>
        holder.Host == Environment.MachineName
            ? holder.Boot == BootId() && StartOf(holder.ProcessId) == holder.ProcessStart
            : time.GetUtcNow() - holder.TakenAt < RepositoryLock.ForeignLifetime;

    /// <summary>
    /// Removes a dead writer's lock. Two runs may both have found it dead, and the slower must not remove the faster one's new lock: the removal
    /// itself is guarded by a lock that only removals take, and looks again. False when another run is at it: look again in a moment.
    /// </summary>
    internal static async ValueTask<bool> RemoveStaleAsync(IStorage storage, string name, byte[] mine, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!await storage.TryCreateAsync(Guard, mine, cancellationToken)) return await RemoveStaleGuardAsync(storage, time, cancellationToken);
        try
        {
            if (await ReadAsync(storage, name, cancellationToken) is { } holder && !IsAlive(holder, time)) await storage.DeleteAsync(name, CancellationToken.None);
            return true;
        }
        finally
        {
            await storage.DeleteAsync(Guard, CancellationToken.None);
        }
    }

    /// <summary>A guard lives for milliseconds, unless its process was killed at just that moment. Another machine's process cannot be asked: it gets a second.</summary>
    private static async ValueTask<bool> RemoveStaleGuardAsync(IStorage storage, TimeProvider time, CancellationToken cancellationToken)
    {
        LockContent? holder = await ReadAsync(storage, Guard, cancellationToken);
        if (holder is null) return true;
        bool isOurs = holder.Host == Environment.MachineName;
        if (isOurs && IsAlive(holder, time)) return false;
        if (!isOurs) await Task.Delay(TimeSpan.FromSeconds(1), time, cancellationToken);
        await storage.DeleteAsync(Guard, cancellationToken);
        return true;
    }

    /// <summary>Null when it is not there (any more).</summary>
    /// <exception cref="JsonException">It is no lock.</exception>
    internal static async ValueTask<LockContent?> ReadAsync(IStorage storage, string name, CancellationToken cancellationToken)
    {
        try
        {
            return JsonSerializer.Deserialize(await storage.ReadAllAsync(name, MaxBytes, cancellationToken), RepositoryJson.Default.LockContent);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private static string BootId() => File.Exists("/proc/sys/kernel/random/boot_id") ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim() : "";

    /// <summary>Field 22 of /proc/PID/stat (proc(5)); null when there is no such process, or it is a zombie.</summary>
    private static long? StartOf(int processId)
    {
        string stat;
        try
        {
            stat = File.ReadAllText($"/proc/{processId}/stat");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or IOException)
        {
            return null;
        }
        string[] afterName = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return afterName[0] == "Z" ? null : long.Parse(afterName[19], System.Globalization.CultureInfo.InvariantCulture);
    }
}
