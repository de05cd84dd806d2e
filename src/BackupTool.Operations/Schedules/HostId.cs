using System.Text;
using BackupTool.Posix;

namespace BackupTool.Operations.Schedules;

/// <summary>What tells this machine apart from others that have the same schedules.</summary>
public static class HostId
{
    private const int MaxBytes = 4096;

    private static readonly BytePath MachineIdFile = BytePath.From("/etc/machine-id");

    /// <summary>The machine's id (machine-id(5)); its name where it has none. For <see cref="ScheduleTimes"/> only: it is not to be shown.</summary>
    public static string Read()
    {
        try
        {
            string id = Encoding.UTF8.GetString(PosixFile.ReadAllFollowing(MachineIdFile, MaxBytes)).Trim();
            return id.Length > 0 ? id : Environment.MachineName;
        }
        catch (PosixException)
        {
            return Environment.MachineName;   // a container without one: the times must be the same every night, no more
        }
    }
}
