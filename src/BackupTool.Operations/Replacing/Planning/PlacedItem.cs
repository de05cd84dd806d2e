using BackupTool.Posix;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>Something of the live file system that is replaced as a whole, by one rename.</summary>
internal sealed record PlacedItem
{
    /// <summary>Where it stands or will stand. Its parent has no symbolic link in it; unless it is in <see cref="LivePlacement.MissingParents"/>, it is there.</summary>
    internal required BytePath Live { get; init; }

    /// <summary>The member of the archive that stands there, with everything below it: no leading slash.</summary>
    internal required BytePath Member { get; init; }

    /// <summary>Of the member. What is there now may be of another kind, or nothing.</summary>
    internal required FileKind Kind { get; init; }

    /// <summary>Whether something is there now, which is replaced.</summary>
    internal bool IsThere { get; init; }

    /// <summary>A SQLite database that is replaced by itself: the files beside it (<c>-wal</c>, <c>-shm</c>, <c>-journal</c>) must go with the old one.</summary>
    internal bool IsDatabase { get; init; }

    /// <summary>Bytes on disk that it and all below it take, files rounded up to 4 KiB.</summary>
    internal long NeededBytes { get; init; }

    /// <summary>
    /// Paths relative to <see cref="Live"/> that backups leave out, and which are there now: they go over to the restored tree instead of vanishing. None lies in another; the archive has none
    /// of them, but the directory that each is in.
    /// </summary>
    internal IReadOnlyList<BytePath> Carried { get; init; } = [];
}

/// <summary>A directory above items that is not there and must be made.</summary>
/// <param name="Directory">Absolute, without links.</param>
/// <param name="Mode">Its permission bits. It belongs to who makes it.</param>
internal sealed record MissingParent(BytePath Directory, uint Mode);

/// <summary>Why the replacement cannot be done.</summary>
/// <param name="Message">What, where and why, as a sentence.</param>
/// <param name="Hint">The way out.</param>
internal sealed record PlacementProblem(string Message, string Hint);
