namespace BackupTool.Services.Sources.Postgres;

/// <summary>A dump could not be tried for want of a server, a program or a right: that says nothing of the dump.</summary>
public sealed class NoScratchDatabaseException(SourceException reason) : SourceException(reason.Message, reason.Hint ?? "See PostgreSQL's log.", reason);
