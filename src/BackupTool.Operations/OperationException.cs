namespace BackupTool.Operations;

/// <summary>An operation cannot be done as it was asked for, or could not be finished.</summary>
public class OperationException(string message, string? hint = null, Exception? innerException = null)
    : ExplainedException(message, hint, innerException);
