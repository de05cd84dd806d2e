using BackupTool.Posix;

namespace BackupTool.Services.Sources;

/// <summary>Why something under a source is not, or not wholly, in the backup.</summary>
public enum FindingKind
{
    /// <summary>Left out on purpose, because it cannot or need not be kept (a socket, a lock file): for information.</summary>
    Skipped,
    /// <summary>Was listed, and gone when it was looked at: a warning.</summary>
    Vanished,
    /// <summary>Is there and could not be looked into: a warning.</summary>
    Unreadable,
}

/// <summary>Something under a source that is not, or not wholly, in the backup.</summary>
/// <param name="Kind">What happened to it.</param>
/// <param name="Path">The entry, absolute.</param>
/// <param name="Reason">Why, for an operator.</param>
public sealed record SourceFinding(FindingKind Kind, BytePath Path, string Reason)
{
    /// <summary>Whether the operator may miss this in the backup, so that the run ends "done with warnings".</summary>
    public bool IsWarning => Kind != FindingKind.Skipped;
}
