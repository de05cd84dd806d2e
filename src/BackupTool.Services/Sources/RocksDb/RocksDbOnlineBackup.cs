using BackupTool.Posix;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>
/// A running server's own backups of its RocksDB: SIGUSR2 to its main process has it make one more. That it failed is only printed in its log, so
/// <see cref="EngineBackup.WaitForNewAsync"/> alone proves that it succeeded.
/// </summary>
/// <param name="BackupDirectory">Where the server puts them: absolute, as its configuration writes it.</param>
public sealed record RocksDbOnlineBackup(BytePath BackupDirectory);
