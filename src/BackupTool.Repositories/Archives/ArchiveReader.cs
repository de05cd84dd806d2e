using System.Runtime.CompilerServices;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Compression;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Repositories.Archives;

/// <summary>Reads the catalog and the chunk list of an archive, front to back, a chunk at a time. One reading at a time.</summary>
public sealed class ArchiveReader(Repository repository, ChunkIndex index, Archive archive) : IDisposable
{
    private readonly ChunkReader _chunks = new(repository, index);

    /// <summary>The members, in the order of the stream, with their place in it.</summary>
    /// <exception cref="RepositoryDamagedException">A chunk is missing or damaged.</exception>
    public async IAsyncEnumerable<CatalogEntry> ReadCatalogAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long offset = 0, ordinal = 0;
        CatalogEntry? last = null;
        await foreach (ReadOnlyMemory<byte> line in ReadLinesAsync(archive.Catalog, cancellationToken))
        {
            CatalogEntry entry = CatalogFormat.ParseLine(line.Span) with { StreamOffset = offset, Ordinal = ordinal++ };
            offset += entry.StreamBytes;
            if (last is not null) yield return last with { EndsSegment = entry.Placement != Placement.Bundled };
            last = entry;
        }
        if (last is not null) yield return last with { EndsSegment = true };
    }

    /// <summary>The chunks of the stream, in order.</summary>
    /// <exception cref="RepositoryDamagedException">A chunk of the list is missing or damaged.</exception>
    public async IAsyncEnumerable<ChunkReference> ReadChunkListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (ReadOnlyMemory<byte> line in ReadLinesAsync(archive.ChunkList, cancellationToken)) yield return ChunkReference.ParseLine(line.Span);
    }

    private async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadLinesAsync(string[] chunks, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        byte[] rest = [];
        foreach (ChunkId id in ChunkReference.Parse(chunks))
        {
            byte[] chunk = await _chunks.ReadAsync(id, cancellationToken);
            ReadOnlyMemory<byte> text = rest.Length == 0 ? chunk : (byte[])[.. rest, .. chunk];
            for (int end; (end = text.Span.IndexOf((byte)'\n')) >= 0; text = text[(end + 1)..]) yield return text[..end];
            rest = text.ToArray();
        }
        if (rest.Length > 0) throw new InvalidDataException("the last line has no end");
    }

    internal static ChunkLocation FindChunk(ChunkIndex index, ChunkId id) =>
        index.TryGet(id, out ChunkLocation location) ? location
            : throw new RepositoryDamagedException("index/", $"chunk {id} is in no index file", "Run 'backup repair index': the index is rebuilt from the packs.");

    /// <summary>Decompresses a frame and checks that it is the chunk asked for.</summary>
    internal static void DecodeChunk(ChunkHasher hasher, FrameDecompressor decompressor, ChunkId id, ReadOnlySpan<byte> frame, Span<byte> content)
    {
        int length = decompressor.Decompress(frame, content);
        if (length != content.Length) throw new InvalidDataException($"{length:N0} bytes instead of {content.Length:N0}");
        if (hasher.Compute(content) != id) throw new InvalidDataException("the content is not what its id says");
    }

    internal static RepositoryDamagedException DamagedChunk(string packFile, ChunkId id, Exception reason) =>
        new(packFile, reason is FileNotFoundException ? "it is missing" : $"chunk {id} cannot be read: {reason.Message}", innerException: reason);

    /// <inheritdoc/>
    public void Dispose() => _chunks.Dispose();
}
