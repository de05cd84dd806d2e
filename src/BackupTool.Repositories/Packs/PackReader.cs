using System.Security.Cryptography;
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
        byte[] table = new byte[await ReadTableBytesAsync(storage, id, packBytes, cancellationToken)];
        await storage.ReadAsync(name, packBytes - table.Length, table, cancellationToken);
        List<PackedChunk> chunks = PackTable.Read(name, table, packBytes, out PackKind kind);
        return new FinishedPack(id, kind, packBytes, chunks);
    }

    /// <summary>How long a pack says that its table is. Reads 16 bytes.</summary>
    /// <exception cref="RepositoryDamagedException">The pack is truncated, or does not end as packs do.</exception>
    internal static async ValueTask<int> ReadTableBytesAsync(IStorage storage, PackId id, long packBytes, CancellationToken cancellationToken)
    {
        string name = id.FileName;
        if (packBytes < PackTable.Bytes(1)) throw new RepositoryDamagedException(name, $"it is truncated to {packBytes:N0} bytes");
        byte[] trailer = new byte[PackTable.TrailerBytes];
        await storage.ReadAsync(name, packBytes - trailer.Length, trailer, cancellationToken);
        return PackTable.BytesFromTrailer(name, trailer, packBytes);
    }

    /// <summary>Whether a pack's bytes are what its name says. Reads all of it.</summary>
    internal static async ValueTask<bool> IsWholeAsync(IStorage storage, PackId id, long packBytes, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 20];
        for (long offset = 0; offset < packBytes; offset += buffer.Length)
        {
            Memory<byte> part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, packBytes - offset));
            await storage.ReadAsync(id.FileName, offset, part, cancellationToken);
            hash.AppendData(part.Span);
        }
        return PackId.FromDigest(hash.GetHashAndReset()) == id;
    }
}
