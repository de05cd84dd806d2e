using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Locking;

/// <summary>Who holds a lock, and whether that process still lives.</summary>
internal static class LockOwner
{
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
    /// itself is guarded by a lock that only removals take, and looks again.
    /// </summary>
    internal static async ValueTask RemoveStaleAsync(IStorage storage, string name, CancellationToken cancellationToken)
    {
        const string guard = "locks/removal.json";
        if (!await storage.TryCreateAsync(guard, "{}"u8.ToArray(), cancellationToken))
        {
            // A guard lives for milliseconds. One that stays was left by a kill at just that moment.
            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
            await storage.DeleteAsync(guard, cancellationToken);
            return;
        }
        try
        {
            byte[] content = await storage.ReadAllAsync(name, 64 << 10, cancellationToken);
            LockContent? holder = System.Text.Json.JsonSerializer.Deserialize(content, RepositoryJson.Default.LockContent);
            if (holder is not null && !IsAlive(holder, TimeProvider.System)) await storage.DeleteAsync(name, CancellationToken.None);
        }
        catch (FileNotFoundException)
        {
            return;   // its holder or another run removed it
        }
        finally
        {
            await storage.DeleteAsync(guard, CancellationToken.None);
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
