namespace BackupTool.Operations;

/// <summary>An operation cannot be done as it was asked for, or could not be finished.</summary>
public class OperationException(string message, string? hint = null, Exception? innerException = null)
    : ExplainedException(message, hint, innerException);

/// <summary>The configuration knows no service of this name.</summary>
public sealed class UnknownServiceException(string message, string hint) : OperationException(message, hint);
