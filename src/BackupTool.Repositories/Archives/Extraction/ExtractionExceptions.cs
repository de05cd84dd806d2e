using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Extraction;

/// <summary>A member cannot be restored where it should go.</summary>
/// <param name="path">The member.</param>
/// <param name="fault">Why, as the end of a sentence, without a full stop.</param>
/// <param name="hint">What to do next.</param>
public sealed class ExtractionException(BytePath path, string fault, string hint) : ExplainedException($"Cannot restore {path}: {fault}.", hint)
{
    /// <summary>The member.</summary>
    public BytePath Path { get; } = path;
}

/// <summary>A member would be written outside the target, or through a symbolic link that may lead there.</summary>
/// <param name="path">The member.</param>
/// <param name="fault">Why, as the end of a sentence, without a full stop.</param>
/// <param name="hint">What to do next; null for the usual advice.</param>
public sealed class UnsafeArchiveException(BytePath path, string fault, string? hint = null)
    : ExplainedException(
        $"Refused to restore {path}: {fault}. Nothing is ever written outside the target.",
        hint ?? "An archive of our own holds no such names: find out who made this one before you go on.")
{
    /// <summary>The member.</summary>
    public BytePath Path { get; } = path;
}

/// <summary>The target's disk or quota is full. What was restored so far is whole; the file in question is gone.</summary>
/// <param name="path">The member.</param>
/// <param name="target">The target directory.</param>
/// <param name="freeBytes">What is free there.</param>
/// <param name="missingBytes">What this file still needs; 0 when it is no file.</param>
/// <param name="cause">What the kernel said.</param>
public sealed class DiskFullException(BytePath path, BytePath target, long freeBytes, long missingBytes, PosixException cause)
    : ExplainedException(
        $"No space left to restore {path}: {target} has {freeBytes} bytes free"
        + (missingBytes > 0 ? $", and this file needs {missingBytes} more." : "."),
        "Free space there (bytes, inodes or the quota), or restore to another target.", cause)
{
    /// <summary>The member.</summary>
    public BytePath Path { get; } = path;
}
