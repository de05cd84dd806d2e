using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Packs;

/// <summary>Reads the tables of packs.</summary>
public static class PackReader
{
    /// <summary>Reads a pack's table without its frames.</summary>
    /// <exception cref="RepositoryDamagedException">The pack is truncated or its table malformed.</exception>
    public static async ValueTask<FinishedPack> ReadTableAsync(IStorage storage, PackId id, long packBytes, CancellationToken cancellationToken)
    {
        string name = id.FileName;
        if (packBytes < PackTable.Bytes(1)) throw new RepositoryDamagedException(name, $"it is truncated to {packBytes:N0} bytes");
        byte[] trailer = new byte[PackTable.TrailerBytes];
        await storage.ReadAsync(name, packBytes - trailer.Length, trailer, cancellationToken);
        byte[] table = new byte[PackTable.BytesFromTrailer(name, trailer, packBytes)];
        await storage.ReadAsync(name, packBytes - table.Length, table, cancellationToken);
        List<PackedChunk> chunks = PackTable.Read(name, table, packBytes, out PackKind kind);
        return new FinishedPack(id, kind, packBytes, chunks);
    }
}
