using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Repositories.Archives;

/// <summary>Whose chunks hold a member.</summary>
public enum Placement : byte
{
    /// <summary>First member of a bundle: a chunk begins with its header.</summary>
    BundleStart,
    /// <summary>A further member of the same bundle.</summary>
    Bundled,
    /// <summary>Chunks of its own: header, content, padding.</summary>
    Own,
}

/// <summary>One line of a catalog: a member of the archive, where it stands in the stream, and what tells that the original has not changed.</summary>
public sealed record CatalogEntry
{
    /// <summary>As in the tar stream: no leading slash.</summary>
    public required BytePath Path { get; init; }

    /// <summary>What it is.</summary>
    public required FileKind Kind { get; init; }

    /// <summary>A further name of <see cref="LinkTarget"/>.</summary>
    public bool IsHardLink { get; init; }

    /// <summary>A SQLite database, stored as a consistent copy.</summary>
    public bool IsDatabase { get; init; }

    /// <summary>Which chunks hold it.</summary>
    public required Placement Placement { get; init; }

    /// <summary>0–07777.</summary>
    public required uint Mode { get; init; }

    /// <summary>Numeric owner.</summary>
    public required uint Uid { get; init; }

    /// <summary>Numeric group.</summary>
    public required uint Gid { get; init; }

    /// <summary>Owner's name; may be empty.</summary>
    public required string UserName { get; init; }

    /// <summary>Group's name; may be empty.</summary>
    public required string GroupName { get; init; }

    /// <summary>Bytes of the restored file.</summary>
    public required long Size { get; init; }

    /// <summary>Bytes of its data in the stream: fewer for a sparse file, 0 for what has none.</summary>
    public required long StoredSize { get; init; }

    /// <summary>Bytes of the tar headers (and the sparse map) before the data.</summary>
    public required int HeaderBytes { get; init; }

    /// <summary>mtime.</summary>
    public required UnixTime ModifiedAt { get; init; }

    /// <summary>ctime; null when it was so fresh that a later change might not show in it: such an entry is read again next time.</summary>
    public required UnixTime? ChangedAt { get; init; }

    /// <summary>File system of the original.</summary>
    public required ulong Device { get; init; }

    /// <summary>Inode of the original.</summary>
    public required ulong Inode { get; init; }

    /// <summary>
    /// What its content is: <c>s:</c> and the SHA-256 of a bundled file, <c>c:</c> and the SHA-256 over the ids (32 bytes each) of the content's chunks,
    /// <c>h:</c> and that over the places of a sparse file's data and then those ids; empty for what has no content. Equal keys in one repository mean
    /// equal contents.
    /// </summary>
    public required string ContentKey { get; init; }

    /// <summary>Target of a symbolic or hard link; empty otherwise.</summary>
    public BytePath LinkTarget { get; init; }

    /// <summary>Of a device node.</summary>
    public uint DeviceMajor { get; init; }

    /// <summary>Of a device node.</summary>
    public uint DeviceMinor { get; init; }

    /// <summary>Further facts that must be equal for the original to count as unchanged: the state of a database's <c>-wal</c>.</summary>
    public string ChangeKey { get; init; } = "";

    /// <summary>Bytes of headers, data and padding.</summary>
    public long StreamBytes => HeaderBytes + StoredSize + TarHeader.PaddingAfter(StoredSize);

    /// <summary>Where it stands in the stream. Not written: the lines before say it.</summary>
    public long StreamOffset { get; init; }

    /// <summary>Its number in the catalog, from 0. Not written.</summary>
    public long Ordinal { get; init; }

    /// <summary>Whether it is the last of its bundle, or stands alone. Not written: the next line says it.</summary>
    public bool EndsSegment { get; init; }

    /// <summary>
    /// Whether a file that looks like this now is surely what is stored here. The size of a database's original is in its change key.
    /// </summary>
    public bool IsUnchanged(in FileStatus now, string changeKey) =>
        ChangedAt == now.ChangedAt && Inode == now.Inode && Device == now.Device && ModifiedAt == now.ModifiedAt && Kind == now.Kind
        && (IsDatabase || IsHardLink || Kind != FileKind.Regular || Size == now.Size) && ChangeKey == changeKey;
}
