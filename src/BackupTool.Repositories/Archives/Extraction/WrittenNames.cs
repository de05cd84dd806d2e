using System.Buffers.Binary;
using System.Security.Cryptography;
using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Extraction;

/// <summary>
/// The names that were written so far, as 64 bits of their SHA-256 each: millions fit into little memory, and nobody can make up
/// two that are taken for each other and gain by it.
/// </summary>
internal sealed class WrittenNames
{
    private readonly HashSet<ulong> _names = [];

    internal void Add(MemberPath path) => _names.Add(Digest(path));

    internal bool Contains(MemberPath path) => _names.Contains(Digest(path));

    private static ulong Digest(MemberPath path)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        BytePath joined = path.Joined;
        SHA256.HashData(joined.Bytes, digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }
}
