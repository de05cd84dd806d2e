using BackupTool.Posix;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>Directories that hold the files of many: no service has one as a whole.</summary>
internal static class SharedDirectories
{
    private static readonly HashSet<BytePath> Known =
    [
        .. new[]
        {
            "/var/lib", "/var/lib/private", "/var/cache", "/var/cache/private", "/var/log", "/var/log/private", "/var/spool", "/var/tmp", "/var/backups", "/var/opt", "/var/local", "/var/mail",
            "/var/run", "/var/lock", "/var/lib/systemd", "/var/lib/docker", "/var/lib/containers", "/var/lib/dpkg", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/share", "/usr/include",
            "/usr/src", "/usr/local", "/usr/local/bin", "/usr/local/etc", "/usr/local/lib", "/usr/local/share", "/etc/systemd", "/etc/systemd/system", "/etc/ssl", "/etc/default", "/etc/static",
            "/nix/store", "/nix/var", "/gnu/store", "/run/user", "/dev/shm",
        }.Select(BytePath.From),
    ];
    private static readonly BytePath[] OfTheKernel = [BytePath.From("/proc"), BytePath.From("/sys")];

    /// <summary>Whether a directory is <c>/</c>, one right below it, or another that is known to be shared.</summary>
    internal static bool Contains(BytePath directory) =>
        directory.Bytes.Trim((byte)'/').IndexOf((byte)'/') < 0 || Known.Contains(directory) || Array.Exists(OfTheKernel, top => directory.IsAtOrBelow(top));
}
