namespace BackupTool.Posix;

/// <summary>What kind of thing a directory entry is.</summary>
public enum FileKind
{
    /// <summary>A regular file.</summary>
    Regular,
    /// <summary>A directory.</summary>
    Directory,
    /// <summary>A symbolic link.</summary>
    SymbolicLink,
    /// <summary>A character device node.</summary>
    CharacterDevice,
    /// <summary>A block device node.</summary>
    BlockDevice,
    /// <summary>A named pipe.</summary>
    Fifo,
    /// <summary>A unix socket: it cannot be archived.</summary>
    Socket,
}

/// <summary>An instant as a file system records it: seconds since 1970-01-01 UTC (negative before) and 0–999,999,999 nanoseconds after it.</summary>
public readonly record struct UnixTime(long Seconds, int Nanoseconds) : IComparable<UnixTime>
{
    /// <inheritdoc/>
    public int CompareTo(UnixTime other) =>
        Seconds != other.Seconds ? Seconds.CompareTo(other.Seconds) : Nanoseconds.CompareTo(other.Nanoseconds);

    /// <summary>To the 100 ns that <see cref="DateTimeOffset"/> can hold.</summary>
    public DateTimeOffset ToDateTimeOffset() => DateTimeOffset.FromUnixTimeSeconds(Seconds).AddTicks(Nanoseconds / 100);

    /// <summary>From a .NET instant.</summary>
    public static UnixTime From(DateTimeOffset time)
    {
        long ticks = time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
        long seconds = Math.DivRem(ticks, TimeSpan.TicksPerSecond, out long rest);
        return rest < 0 ? new(seconds - 1, (int)(rest + TimeSpan.TicksPerSecond) * 100) : new(seconds, (int)rest * 100);
    }

    /// <summary>Earlier than.</summary>
    public static bool operator <(UnixTime left, UnixTime right) => left.CompareTo(right) < 0;

    /// <summary>Later than.</summary>
    public static bool operator >(UnixTime left, UnixTime right) => left.CompareTo(right) > 0;

    /// <summary>Not later than.</summary>
    public static bool operator <=(UnixTime left, UnixTime right) => left.CompareTo(right) <= 0;

    /// <summary>Not earlier than.</summary>
    public static bool operator >=(UnixTime left, UnixTime right) => left.CompareTo(right) >= 0;
}

/// <summary>What <c>statx(2)</c> says of an entry.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Mode">Permission bits with setuid, setgid and sticky: 0–07777.</param>
/// <param name="Uid">Numeric owner.</param>
/// <param name="Gid">Numeric group.</param>
/// <param name="Size">Bytes of a regular file, or of a link's target.</param>
/// <param name="AllocatedBytes">Bytes on disk: less than <paramref name="Size"/> for a sparse file.</param>
/// <param name="ModifiedAt">mtime.</param>
/// <param name="ChangedAt">ctime: also moved by chmod, chown, setxattr, link and rename.</param>
/// <param name="Device">The file system, as major &lt;&lt; 32 | minor.</param>
/// <param name="Inode">Inode number.</param>
/// <param name="LinkCount">Names that this inode has.</param>
/// <param name="DeviceMajor">For device nodes.</param>
/// <param name="DeviceMinor">For device nodes.</param>
public readonly record struct FileStatus(
    FileKind Kind, uint Mode, uint Uid, uint Gid, long Size, long AllocatedBytes, UnixTime ModifiedAt, UnixTime ChangedAt,
    ulong Device, ulong Inode, uint LinkCount, uint DeviceMajor, uint DeviceMinor)
{
    /// <summary>When the inode was made, where the file system records it (ext4, xfs, btrfs); else the epoch.</summary>
    public UnixTime BornAt { get; init; }

    /// <summary>Whether this is the same inode of the same file system.</summary>
    public bool IsSameFileAs(in FileStatus other) => Device == other.Device && Inode == other.Inode;

    /// <summary>Whether this is the same inode, and not a later file that was given its number: file systems use them again at once.</summary>
    public bool IsSameBirthAs(in FileStatus other) => IsSameFileAs(other) && BornAt == other.BornAt;

    /// <summary>Whether nothing that a write, truncate or attribute change leaves a trace in differs: inode, size, mtime and ctime.</summary>
    public bool IsUnchangedSince(in FileStatus earlier) =>
        IsSameFileAs(earlier) && Size == earlier.Size && ModifiedAt == earlier.ModifiedAt && ChangedAt == earlier.ChangedAt;
}
