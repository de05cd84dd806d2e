using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using BackupTool.Posix;

namespace BackupTool.Repositories.Locking;

/// <summary>Who holds a lock, and whether that process still lives.</summary>
internal static class LockOwner
{
    private static readonly string Machine = MachineId(), Boot = ReadFirstLine("/proc/sys/kernel/random/boot_id"), Namespace = ProcessNamespace();

    internal static LockContent Describe(LockMode mode, string command, TimeProvider time) => new()
    {
        Mode = mode,
        Host = Environment.MachineName,
        Machine = Machine,
        Boot = Boot,
        ProcessNamespace = Namespace,
        ProcessId = Environment.ProcessId,
        ProcessStart = StartOf(Environment.ProcessId) ?? 0,
        TakenAt = time.GetUtcNow(),
        Command = command,
    };

    /// <summary>
    /// A process of this machine is asked for; one that cannot be (another machine, a container beside us, a /proc that hides others' processes) counts as
    /// living until its lock is too old.
    /// </summary>
    internal static bool IsAlive(LockContent holder, TimeProvider time)
    {
        bool isHere = holder.Host == Environment.MachineName && holder.Machine == Machine;
        if (isHere && holder.Boot != Boot) return false;
        bool canBeAsked = isHere && holder.ProcessNamespace == Namespace && (File.Exists("/proc/1/stat") || holder.ProcessId == Environment.ProcessId);
        return canBeAsked ? StartOf(holder.ProcessId) == holder.ProcessStart : time.GetUtcNow() - holder.TakenAt < RepositoryLock.ForeignLifetime;
    }

    // machine-id(5) asks not to show the id itself.
    private static string MachineId() =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.ASCII.GetBytes(ReadFirstLine("/etc/machine-id")), "backup lock"u8).AsSpan(0, 8));

    // Process numbers mean something within their namespace only.
    private static string ProcessNamespace()
    {
        try
        {
            return PosixDirectory.Current.ReadLink(BytePath.From("/proc/self/ns/pid")).ToString();
        }
        catch (PosixException e) when (e.IsNotFound)
        {
            return "";   // a kernel without namespaces
        }
    }

    private static string ReadFirstLine(string path) => File.Exists(path) ? File.ReadAllText(path).Trim() : "";

    /// <summary>Field 22 of /proc/PID/stat (proc(5)); null when there is no such process, or it is a zombie.</summary>
    private static long? StartOf(int processId)
    {
        string stat;
        try
        {
            stat = File.ReadAllText($"/proc/{processId}/stat");
        }
        catch (IOException)
        {
            return null;
        }
        string[] afterName = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return afterName[0] == "Z" ? null : long.Parse(afterName[19], CultureInfo.InvariantCulture);
    }
}
