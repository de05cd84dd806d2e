using System.Globalization;
using BackupTool.Posix;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>
/// Where databases are staged: a directory <c>.backup-staging-PID-STARTTIME-N</c>, mode 0700, beside the database. The name says which process made
/// it (its id, and its start time in clock ticks since boot, because ids come again), so that what a killed run left is known.
/// </summary>
public static class StagingDirectory
{
    private static ReadOnlySpan<byte> Prefix => ".backup-staging-"u8;

    private static int _made;

    /// <summary>Whether a name is that of a staging directory: a walk over the parent leaves it out.</summary>
    public static bool IsStagingName(BytePath name) => TryParse(name, out _, out _);

    /// <summary>
    /// Makes one in the database's parent directory, or in <paramref name="fallbackDirectory"/> where the parent cannot be written. Of the two, the one on the database's
    /// own file system comes first: only there files can be linked.
    /// </summary>
    /// <exception cref="SourceException">Neither can be written.</exception>
    public static BytePath Create(BytePath database, BytePath fallbackDirectory)
    {
        if (!PosixFile.TryGetStatusFollowing(database, out FileStatus status))
            throw new SourceException($"the database {database} does not exist", "Correct the path in the configuration.");
        BytePath name = NewName();
        PosixException? failure = null;
        foreach (BytePath place in ((BytePath[])[database.Parent, fallbackDirectory]).OrderBy(p => IsOnDevice(p, status.Device) ? 0 : 1))
        {
            try
            {
                PosixDirectory.Current.CreateDirectory(place.Combine(name), 0x1c0 /* 0700 */);
                return place.Combine(name);
            }
            catch (PosixException e)
            {
                failure = e;
            }
        }
        throw new SourceException($"there is no place to stage {database}: {failure!.Message}",
            $"Make {database.Parent} or {fallbackDirectory} writable, best on the database's own file system.", failure);
    }

    /// <summary>Makes one in a directory.</summary>
    public static BytePath CreateIn(BytePath parentDirectory)
    {
        BytePath path = parentDirectory.Combine(NewName());
        PosixDirectory.Current.CreateDirectory(path, 0x1c0 /* 0700 */);
        return path;
    }

    private static BytePath NewName() => BytePath.From(string.Create(CultureInfo.InvariantCulture,
        $".backup-staging-{Environment.ProcessId}-{StartTimeOf(Environment.ProcessId)}-{Interlocked.Increment(ref _made)}"));

    internal static bool TryParse(BytePath name, out int processId, out ulong startTime)
    {
        (processId, startTime) = (0, 0);
        if (!name.Bytes.StartsWith(Prefix)) return false;
        string[] parts = name.ToString()[Prefix.Length..].Split('-');
        return parts.Length == 3 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out processId)
            && ulong.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out startTime);
    }

    /// <summary>Field 22 of /proc/PID/stat (proc_pid_stat(5)); null when there is no such process.</summary>
    internal static ulong? StartTimeOf(int processId)
    {
        try
        {
            string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
            // The second field is the program's name in parentheses, and may hold anything; the third follows the last ')'.
            return ulong.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[22 - 3], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException || e is IOException { HResult: 3 /* ESRCH: it ended while we read */ })
        {
            return null;
        }
    }

    private static bool IsOnDevice(BytePath directory, ulong device) =>
        PosixFile.TryGetStatusFollowing(directory, out FileStatus status) && status.Device == device;
}
