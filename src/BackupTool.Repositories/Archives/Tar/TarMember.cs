using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Tar;

/// <summary>A stretch of data in a sparse file: everything between two of them is a hole.</summary>
/// <param name="Offset">Bytes from the start of the file.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct SparseExtent(long Offset, long Length)
{
    /// <summary>
    /// The same data in a form that <see cref="TarMember.Sparse"/> takes: widened to whole 512-byte blocks (the last one to the end of the file at
    /// most), and those that then touch joined. File systems whose holes are pages give such extents anyway.
    /// </summary>
    /// <param name="extents">Ascending.</param>
    /// <param name="size">Of the file, bytes.</param>
    public static IReadOnlyList<SparseExtent> AlignToBlocks(IEnumerable<SparseExtent> extents, long size)
    {
        ArgumentNullException.ThrowIfNull(extents);
        const long block = TarHeader.BlockSize;
        var aligned = new List<SparseExtent>();
        foreach (SparseExtent extent in extents)
        {
            if (extent.Length == 0) continue;
            long start = extent.Offset / block * block;
            long end = Math.Min(size, extent.Offset + extent.Length + TarHeader.PaddingAfter(extent.Offset + extent.Length));
            if (aligned.Count > 0 && aligned[^1] is var last && last.Offset + last.Length >= start)
            {
                start = last.Offset;
                aligned.RemoveAt(aligned.Count - 1);
            }
            aligned.Add(new SparseExtent(start, end - start));
        }
        return aligned;
    }
}

/// <summary>One member of a tar archive: everything that its header says.</summary>
public sealed record TarMember
{
    /// <summary>The name as stored: without a leading <c>/</c>, and without the trailing <c>/</c> that tar gives directories.</summary>
    public required BytePath Path { get; init; }

    /// <summary>What it is. Sockets cannot be stored.</summary>
    public required FileKind Kind { get; init; }

    /// <summary>True for a further name of a file that stands earlier in the archive as <see cref="LinkTarget"/>.</summary>
    public bool IsHardLink { get; init; }

    /// <summary>Permission bits, 0–07777.</summary>
    public required uint Mode { get; init; }

    /// <summary>Numeric owner.</summary>
    public required uint Uid { get; init; }

    /// <summary>Numeric group.</summary>
    public required uint Gid { get; init; }

    /// <summary>Owner's name; empty when unknown.</summary>
    public string UserName { get; init; } = "";

    /// <summary>Group's name; empty when unknown.</summary>
    public string GroupName { get; init; } = "";

    /// <summary>mtime, to the nanosecond.</summary>
    public required UnixTime ModifiedAt { get; init; }

    /// <summary>
    /// Size of the restored file in bytes: 0 for everything but a regular file that is no hard link.
    /// A sparse file stores fewer: its extents' sum.
    /// </summary>
    public long Size { get; init; }

    /// <summary>
    /// The stretches of data of a sparse file; null for an ordinary one. Ascending, not empty, not touching; the length of each but the last is a
    /// multiple of 512, for GNU tar begins each at a new block. <see cref="SparseExtent.AlignToBlocks"/> makes any extents so.
    /// </summary>
    public IReadOnlyList<SparseExtent>? Sparse { get; init; }

    /// <summary>Target of a symbolic or hard link; empty otherwise.</summary>
    public BytePath LinkTarget { get; init; }

    /// <summary>Of a device node.</summary>
    public uint DeviceMajor { get; init; }

    /// <summary>Of a device node.</summary>
    public uint DeviceMinor { get; init; }

    /// <summary>Extended attributes and ACLs, sorted by name.</summary>
    public IReadOnlyList<ExtendedAttribute> ExtendedAttributes { get; init; } = [];

    /// <summary>Bytes of file data that follow the header (and the sparse map) in the stream, without padding.</summary>
    public long StoredSize => Sparse is null ? Size : Sparse.Sum(static extent => extent.Length);
}
