using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Compression;
using BackupTool.Repositories.Index;

namespace BackupTool.Repositories.Archives;

/// <summary>Reads single chunks, checked against their ids. One at a time.</summary>
internal sealed class ChunkReader(Repository repository, ChunkIndex index) : IDisposable
{
    private readonly FrameDecompressor _decompressor = FrameCodec.CreateDecompressor();

    /// <summary>The plaintext of a chunk.</summary>
    /// <exception cref="RepositoryDamagedException">It is missing or damaged.</exception>
    internal async ValueTask<byte[]> ReadAsync(ChunkId id, CancellationToken cancellationToken)
    {
        ChunkLocation location = ArchiveReader.FindChunk(index, id);
        byte[] frame = new byte[location.Length], content = new byte[location.Size];
        string file = location.Pack.FileName;
        try
        {
            await repository.Storage.ReadAsync(file, location.Offset, frame, cancellationToken);
            ArchiveReader.DecodeChunk(repository.Hasher, _decompressor, id, frame, content);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FileNotFoundException)
        {
            throw ArchiveReader.DamagedChunk(file, id, e);
        }
        return content;
    }

    public void Dispose() => _decompressor.Dispose();
}
