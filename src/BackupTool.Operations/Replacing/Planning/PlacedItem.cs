using BackupTool.Posix;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>Something of the live file system that is replaced as a whole, by one rename.</summary>
internal sealed record PlacedItem
{
    /// <summary>Where it stands or will stand. Its parent has no symbolic link in it; unless it is in <see cref="PlacementPlan.MissingParents"/>, it is there.</summary>
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
    /// Paths relative to <see cref="Live"/> that backups leave out, and which are there now: they go over to the restored tree instead of vanishing. None lies in another, and the archive has
    /// none of them. Directories above one may be missing in the restored tree: they are made as they are now.
    /// </summary>
    internal IReadOnlyList<BytePath> Carried { get; init; } = [];
}

/// <summary>A directory above items that is not there and must be made.</summary>
/// <param name="Path">Absolute, without links.</param>
/// <param name="Mode">Its permission bits. It belongs to who makes it.</param>
internal sealed record MissingDirectory(BytePath Path, uint Mode);

/// <summary>Why the replacement cannot be done.</summary>
/// <param name="Message">What, where and why, as a sentence.</param>
/// <param name="Hint">The way out.</param>
internal sealed record PlacementProblem(string Message, string Hint);

/// <summary>What of the live file system a restore in place replaces. With <see cref="Problems"/> it must not be carried out.</summary>
internal sealed record PlacementPlan
{
    /// <summary>In tree order of the members. None of them lies in another, in the archive or live.</summary>
    internal required IReadOnlyList<PlacedItem> Items { get; init; }

    /// <summary>Those further out first.</summary>
    internal IReadOnlyList<MissingDirectory> MissingParents { get; init; } = [];

    /// <summary>Why it must not be done; empty when it may.</summary>
    internal IReadOnlyList<PlacementProblem> Problems { get; init; } = [];

    /// <summary>What an operator should know, as sentences.</summary>
    internal IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Users whose number here is another than in the snapshot: from, to. Any other number stays.</summary>
    internal IReadOnlyDictionary<uint, uint> UserMap { get; init; } = new Dictionary<uint, uint>();

    /// <summary>The same of groups.</summary>
    internal IReadOnlyDictionary<uint, uint> GroupMap { get; init; } = new Dictionary<uint, uint>();

    /// <summary>Members that are wanted, without PostgreSQL dumps: 0 when the patterns match nothing. More than the items have, where something is left as it is.</summary>
    internal long WantedEntries { get; init; }

    /// <summary>The item that a member belongs to; null for one that is not restored.</summary>
    internal PlacedItem? Find(BytePath member)
    {
        int low = 0, high = Items.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (member.IsAtOrBelow(Items[middle].Member)) return Items[middle];
            if (Items[middle].Member < member) low = middle + 1;
            else high = middle - 1;
        }
        return null;
    }
}
