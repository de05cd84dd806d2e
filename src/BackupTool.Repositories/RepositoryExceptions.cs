namespace BackupTool.Repositories;

/// <summary>Something is wrong with, or was wrongly asked of, a repository.</summary>
public class RepositoryException(string message, string? hint = null, Exception? innerException = null)
    : ExplainedException(message, hint, innerException);

/// <summary>There is no repository at the place named.</summary>
public sealed class RepositoryNotFoundException(string message, string? hint = null) : RepositoryException(message, hint);

/// <summary>Another run holds the repository.</summary>
public sealed class RepositoryLockedException(string message, string? hint = null) : RepositoryException(message, hint);

/// <summary>A file of the repository is missing, damaged, or not what its name says.</summary>
public sealed class RepositoryDamagedException(string fileName, string problem, string? hint = null, Exception? innerException = null)
    : RepositoryException($"the repository is damaged: {fileName}: {problem}",
        hint ?? "Run 'backup verify --level data' to list all damage; restore the named file from another copy of the repository.", innerException)
{
    /// <summary>The file, relative to the repository.</summary>
    public string FileName { get; } = fileName;

    /// <summary>What is wrong with it.</summary>
    public string Problem { get; } = problem;
}

/// <summary>The repository, or a file in it, was written by a newer version of this tool.</summary>
public sealed class UnsupportedFormatException(string message)
    : RepositoryException(message, "Use a newer version of backup. Files can still be restored with restore.sh in the repository.");

/// <summary>No snapshot, service or path answers to what was asked for.</summary>
public sealed class NotInRepositoryException(string message, string? hint = null) : RepositoryException(message, hint);
