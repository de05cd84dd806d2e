namespace BackupTool.Repositories.Chunks;

/// <summary>
/// How archives are cut into chunks. Recorded in <c>repository.json</c> at init and never changed afterwards: other cuts would store
/// everything again. Sizes in bytes. Reasons and figures are in FORMAT.md.
/// </summary>
public sealed record ChunkingParameters
{
    /// <summary>No content-defined chunk but a file's last is smaller.</summary>
    public required int MinBytes { get; init; }

    /// <summary>Content-defined chunks are about this large; a power of two.</summary>
    public required int AverageBytes { get; init; }

    /// <summary>No chunk is larger.</summary>
    public required int MaxBytes { get; init; }

    /// <summary>SQLite databases are cut at multiples of this (see <see cref="DatabaseChunkBytes"/>).</summary>
    public required int DatabaseBytes { get; init; }

    /// <summary>Files of at least this size have chunks of their own; smaller ones are bundled.</summary>
    public required int LargeFileBytes { get; init; }

    /// <summary>Bundles of small members are about this large.</summary>
    public required int BundleBytes { get; init; }

    /// <summary>Catalogs and chunk lists are cut into content-defined chunks of about this size; a power of two.</summary>
    public required int MetadataBytes { get; init; }

    /// <summary>The largest chunk that the largest database can have.</summary>
    private const int MaxDatabaseChunkBytes = 2 << 20;

    /// <summary>What new repositories get.</summary>
    public static ChunkingParameters Default { get; } = new()
    {
        MinBytes = 256 << 10,
        AverageBytes = 1 << 20,
        MaxBytes = 4 << 20,
        DatabaseBytes = 16 << 10,
        LargeFileBytes = 256 << 10,
        BundleBytes = 512 << 10,
        MetadataBytes = 32 << 10,
    };

    /// <summary>
    /// The chunk size for a SQLite database of this many bytes: <see cref="DatabaseBytes"/> up to 2 GiB, then doubled for each further
    /// doubling of the size up to 16 times, so that the index of a huge database stays small.
    /// </summary>
    public int DatabaseChunkBytes(long databaseBytes)
    {
        int size = DatabaseBytes;
        for (long limit = 2L << 30; databaseBytes > limit && size < 16 * DatabaseBytes; limit *= 2) size *= 2;
        return size;
    }

    /// <summary>Says what is wrong with these parameters, or null.</summary>
    public string? FindProblem() =>
        !int.IsPow2(AverageBytes) || !int.IsPow2(MetadataBytes) || !int.IsPow2(DatabaseBytes) ? "sizes that must be powers of two are not"
        : MinBytes < 64 || MinBytes > AverageBytes || AverageBytes > MaxBytes || MaxBytes > Chunk.MaxBytes ? "chunk sizes are out of order or range"
        : DatabaseBytes < 512 || 16L * DatabaseBytes > MaxDatabaseChunkBytes ? "databaseBytes is out of range"
        : LargeFileBytes < 1 || BundleBytes < 4096 || 2L * BundleBytes + LargeFileBytes > Chunk.MaxBytes / 2 ? "bundle sizes are out of range"
        : MetadataBytes < 256 || MetadataBytes > 4 << 20 ? "metadataBytes is out of range"
        : null;
}

/// <summary>Limits of format 1.</summary>
public static class Chunk
{
    /// <summary>No chunk's plaintext is larger: a reader may refuse what claims to be.</summary>
    public const int MaxBytes = 16 << 20;
}
