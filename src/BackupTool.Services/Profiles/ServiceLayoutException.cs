namespace BackupTool.Services.Profiles;

/// <summary>Where a service keeps its state cannot be told, or is not what its configuration says. Never holds text of a configuration that may be secret.</summary>
public sealed class ServiceLayoutException(string message, string hint, Exception? innerException = null)
    : ExplainedException(message, hint, innerException);
