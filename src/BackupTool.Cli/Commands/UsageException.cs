namespace BackupTool.Cli.Commands;

/// <summary>The command line cannot be understood.</summary>
public sealed class UsageException(string message, string? hint = null) : ExplainedException(message, hint);
