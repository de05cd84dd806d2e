using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Chunks;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// Decides, from names and sizes alone, which members share a bundle. The same tree always gives the same bundles, whatever was read or reused.
/// A bundle ends behind a member whose path hashes below its share of the aimed size; so an insertion or removal moves one bundle.
/// </summary>
internal sealed class SegmentPlanner(ChunkingParameters chunking)
{
    private readonly long _min = chunking.BundleBytes / 8, _max = 2L * chunking.BundleBytes;
    private long _bytes;

    /// <summary>Whether an entry gets chunks of its own.</summary>
    internal bool IsOwn(ArchiveEntry entry) =>
        entry.Status.Kind == FileKind.Regular && (entry.IsDatabase || entry.Streamed is not null || entry.Status.Size >= chunking.LargeFileBytes);

    /// <summary>Whether the open bundle has no room for a member of this size.</summary>
    internal bool MustCloseBefore(ArchiveEntry entry) => _bytes > 0 && _bytes + Share(entry) > _max;

    /// <summary>Counts a member into the open bundle; true when the bundle ends behind it.</summary>
    internal bool AddAndIsLast(ArchiveEntry entry)
    {
        long share = Share(entry);
        _bytes += share;
        return _bytes >= _min && Hash(entry.MemberPath.Bytes) % (ulong)chunking.BundleBytes < (ulong)share;
    }

    /// <summary>The bundle was closed.</summary>
    internal void StartNext() => _bytes = 0;

    private static long Share(ArchiveEntry entry) =>
        3 * TarHeader.BlockSize + (entry.Status.Kind == FileKind.Regular ? entry.Status.Size : 0);

    /// <summary>FNV-1a, 64 bits, with the finalizer of MurmurHash3: part of format 1.</summary>
    private static ulong Hash(ReadOnlySpan<byte> path)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (byte b in path) hash = (hash ^ b) * 0x100000001b3;
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
        return hash ^ (hash >> 33);
    }
}
