namespace BackupTool;

/// <summary>
/// A failure that an operator can act on: the message says what failed, on what and why, in one sentence; <see cref="Hint"/> says what to
/// do next. Only the command line turns it into text and an exit code.
/// </summary>
public abstract class ExplainedException(string message, string? hint = null, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>The way out, as a sentence; null when there is none to give.</summary>
    public string? Hint { get; } = hint;
}
