using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Repositories.Archives;

/// <summary>Something to be put into an archive, as the cut saw it.</summary>
public sealed class ArchiveEntry
{
    /// <summary>Absolute path of the original: attributes are read from here, and the name in the archive is this without its leading slash.</summary>
    public required BytePath Path { get; init; }

    /// <summary>What the cut saw. The size decides where the entry goes; contents are read later, and found to have changed then.</summary>
    public required FileStatus Status { get; init; }

    /// <summary>Target of a symbolic link.</summary>
    public BytePath LinkTarget { get; init; }

    /// <summary>A SQLite database: <see cref="DatabaseCopy"/> gives the consistent copy.</summary>
    public bool IsDatabase { get; init; }

    /// <summary>What else tells that the original changed (see <see cref="CatalogEntry.ChangeKey"/>).</summary>
    public string ChangeKey { get; init; } = "";

    /// <summary>The parent's entry, when the original has not changed since: it is then not opened.</summary>
    public CatalogEntry? Unchanged { get; init; }

    /// <summary>
    /// A staged file to read the content from: exactly <see cref="Status"/>'s size of it, because it may share its inode with an original that still grew. Empty to read
    /// <see cref="Path"/> itself.
    /// </summary>
    public BytePath StagedPath { get; init; }

    /// <summary>Gives the consistent copy of a database; awaited only when it is needed. Its size is its own.</summary>
    public Func<CancellationToken, Task<DatabaseContent>>? DatabaseCopy { get; init; }

    /// <summary>
    /// Gives content that is made while it is read, by a program that dumps a database; <see cref="Path"/> is then only a name, and <see cref="Status"/> what to record. The stream ends
    /// only when the content is whole: otherwise reading it throws, and the archive fails.
    /// </summary>
    public Func<CancellationToken, Task<Stream>>? Streamed { get; init; }

    /// <summary>Whether the content is a copy of our own, or held still by us: then nothing can change it.</summary>
    internal bool IsStaged => !StagedPath.IsEmpty || DatabaseCopy is not null || Streamed is not null;

    /// <summary>Another name for the archive than the original's; empty for its own.</summary>
    public BytePath MemberName { get; init; }

    /// <summary>The name in the archive.</summary>
    public BytePath MemberPath => !MemberName.IsEmpty ? MemberName : Path.WithoutLeadingSlash() is { IsEmpty: false } path ? path : BytePath.From(".");
}

/// <summary>Where the consistent content of a database is read.</summary>
/// <param name="Path">A copy of our own; for messages when <paramref name="File"/> is given.</param>
/// <param name="File">The original, held still by whoever gave it, who also closes it; null to open <paramref name="Path"/>. Its journal mode is read as "rollback".</param>
public sealed record DatabaseContent(BytePath Path, SafeFileHandle? File);

/// <summary>Something that is not in the archive as it should be.</summary>
/// <param name="Path">Which original.</param>
/// <param name="Reason">What happened.</param>
public readonly record struct ArchiveWarning(BytePath Path, string Reason);

/// <summary>An entry whose place among the names of its inode is known.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="HardLinkTo">The member that holds the content, when this is a further name of it.</param>
/// <param name="StoredIn">The chunks of the parent that hold it unchanged, when its bundle must be made anew: it is taken from there, not read again.</param>
internal readonly record struct PlannedEntry(ArchiveEntry Entry, BytePath? HardLinkTo, IReadOnlyList<PlacedChunk>? StoredIn = null);
