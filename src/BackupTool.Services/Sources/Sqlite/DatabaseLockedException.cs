namespace BackupTool.Services.Sources.Sqlite;

/// <summary>Another process keeps a database locked longer than anybody wants to wait.</summary>
public sealed class DatabaseLockedException(string message, string hint) : SourceException(message, hint);
