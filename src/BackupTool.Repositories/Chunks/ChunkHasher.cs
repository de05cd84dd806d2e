using System.Security.Cryptography;

namespace BackupTool.Repositories.Chunks;

/// <summary>
/// Turns plaintext into chunk ids. Without a key: SHA-256, so that <c>sha256sum</c> of a decompressed frame is its id. With the
/// repository's id key (sealed repositories): HMAC-SHA-256, so that ids tell nothing about contents. Thread-safe.
/// </summary>
public sealed class ChunkHasher(byte[]? idKey = null)
{
    /// <summary>The id of a chunk with this plaintext.</summary>
    public ChunkId Compute(ReadOnlySpan<byte> plaintext)
    {
        Span<byte> digest = stackalloc byte[ChunkId.Size];
        if (idKey is null) SHA256.HashData(plaintext, digest);
        else HMACSHA256.HashData(idKey, plaintext, digest);
        return new ChunkId(digest);
    }
}
