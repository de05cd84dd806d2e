using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Archives;

/// <summary>Reads what a restore would read before it touches contents: the catalog and the chunk list agree, and every chunk is in the index.</summary>
public static class ArchiveCheck
{
    /// <summary>Checks one archive.</summary>
    /// <param name="repository">Where it is.</param>
    /// <param name="index">Its chunks.</param>
    /// <param name="archive">Which.</param>
    /// <param name="where">Names it in an error.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="RepositoryDamagedException">It cannot be restored whole.</exception>
    public static async Task RunAsync(Repository repository, ChunkIndex index, Archive archive, string where, CancellationToken cancellationToken)
    {
        using var reader = new ArchiveReader(repository, index, archive);
        long bytes = 0, chunks = 0, members = 0, end = 0;
        await foreach (ChunkReference chunk in reader.ReadChunkListAsync(cancellationToken))
        {
            if (!index.TryGet(chunk.Id, out ChunkLocation at) || at.Size != chunk.Size) throw new RepositoryDamagedException(where, $"chunk {chunk.Id} is in no pack");
            (bytes, chunks) = (bytes + chunk.Size, chunks + 1);
        }
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken)) (members, end) = (members + 1, entry.StreamOffset + entry.StreamBytes);
        if (bytes != archive.Bytes || chunks != archive.ChunkCount || members != archive.Entries || end + TarHeader.EndOfArchive.Length != bytes)
            throw new RepositoryDamagedException(where, "its chunk list and its catalog do not agree");
    }
}
