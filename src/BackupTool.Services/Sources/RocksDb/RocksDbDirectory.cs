using BackupTool.Posix;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>A directory that holds a RocksDB, and perhaps other things of its service.</summary>
public static class RocksDbDirectory
{
    /// <summary>What in it is not the engine's, by name: the service's media, its configuration, backups.</summary>
    /// <exception cref="PosixException">It cannot be read.</exception>
    public static IReadOnlyList<BytePath> ReadForeignNames(BytePath directory)
    {
        using PosixDirectory opened = PosixDirectory.Open(directory);
        return [.. opened.ReadNames().Where(static name => RocksDbFile.RoleOf(name) == RocksDbFileRole.Foreign).Order()];
    }
}
