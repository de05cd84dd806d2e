namespace BackupTool.Services.Sources;

/// <summary>A source as a whole cannot be taken: it is missing, unreadable, locked, or does not hold still.</summary>
public class SourceException(string message, string hint, Exception? innerException = null)
    : ExplainedException(message, hint, innerException);
