namespace BackupTool.Posix;

/// <summary>What keeps something from being changed.</summary>
public enum WriteObstacle
{
    /// <summary>Nothing that can be seen beforehand.</summary>
    None,
    /// <summary>Its file system is mounted read-only, there at least.</summary>
    ReadOnlyFileSystem,
    /// <summary>The immutable attribute (chattr +i): not even root may change or rename it, or the names in it.</summary>
    Immutable,
    /// <summary>The append-only attribute (chattr +a): what is there cannot be renamed or removed.</summary>
    AppendOnly,
    /// <summary>This process may not write there.</summary>
    NoPermission,
}

/// <summary>Looks for what would keep a change from succeeding, without changing anything.</summary>
public static unsafe class WriteObstacles
{
    /// <summary>What keeps the names in a directory from being changed.</summary>
    /// <exception cref="PosixException">It cannot be looked at.</exception>
    public static WriteObstacle FindIn(BytePath directory)
    {
        fixed (byte* p = PosixDirectory.Terminated(directory))
        {
            if (IsOnReadOnlyFileSystem(directory)) return WriteObstacle.ReadOnlyFileSystem;
            if (FindOn(directory) is var attribute and not WriteObstacle.None) return attribute;
            return Libc.faccessat(Libc.AtFdCwd, p, Libc.AccessWrite | Libc.AccessSearch, Libc.AtEffectiveAccess) == 0 ? WriteObstacle.None : WriteObstacle.NoPermission;
        }
    }

    /// <summary>Which attribute keeps something itself (a link, not its target) from being renamed or removed.</summary>
    /// <exception cref="PosixException">It cannot be looked at.</exception>
    public static WriteObstacle FindOn(BytePath path)
    {
        Libc.Statx status;
        fixed (byte* p = PosixDirectory.Terminated(path))
            if (Libc.statx(Libc.AtFdCwd, p, Libc.AtSymlinkNofollow, Libc.StatxBasicStats, &status) != 0) throw PosixException.FromLastError("stat", path);
        return (status.Attributes & Libc.StatxImmutable) != 0 ? WriteObstacle.Immutable
            : (status.Attributes & Libc.StatxAppendOnly) != 0 ? WriteObstacle.AppendOnly : WriteObstacle.None;
    }

    /// <summary>Whether the file system at a path, at the end of any links, is mounted read-only there.</summary>
    /// <exception cref="PosixException">It cannot be looked at.</exception>
    public static bool IsOnReadOnlyFileSystem(BytePath path)
    {
        Libc.StatVfs status;
        fixed (byte* p = PosixDirectory.Terminated(path))
            if (Libc.statvfs(p, &status) != 0) throw PosixException.FromLastError("ask for the file system of", path);
        return (status.Flags & Libc.StatVfsReadOnly) != 0;
    }
}
