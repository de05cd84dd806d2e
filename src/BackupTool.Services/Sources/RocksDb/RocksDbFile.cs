using BackupTool.Posix;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>What a file in a RocksDB directory is for, told by its name as the engine itself does (file/filename.cc, ParseFileName).</summary>
internal enum RocksDbFileRole
{
    /// <summary>Not the engine's: the service's own.</summary>
    Foreign,
    /// <summary>A table or blob file: written once, then only ever deleted.</summary>
    Immutable,
    /// <summary>Written in place or appended to: CURRENT, MANIFEST, OPTIONS, IDENTITY and the write-ahead logs.</summary>
    Mutable,
    /// <summary>Worth nothing in a backup: the lock, the texts for people, what was being written or deleted.</summary>
    Leftover,
}

internal static class RocksDbFile
{
    internal static RocksDbFileRole RoleOf(BytePath name)
    {
        ReadOnlySpan<byte> n = name.Bytes;
        if (n.SequenceEqual("CURRENT"u8) || n.SequenceEqual("IDENTITY"u8) || HasNumberAfter(n, "MANIFEST-"u8) || HasNumberAfter(n, "OPTIONS-"u8)
            || HasNumberBefore(n, ".log"u8)) return RocksDbFileRole.Mutable;
        if (HasNumberBefore(n, ".sst"u8) || HasNumberBefore(n, ".ldb"u8) || HasNumberBefore(n, ".blob"u8)) return RocksDbFileRole.Immutable;
        if (n.SequenceEqual("LOCK"u8) || n.SequenceEqual("LOG"u8) || n.StartsWith("LOG.old"u8) || n.EndsWith(".dbtmp"u8) || n.EndsWith(".trash"u8))
            return RocksDbFileRole.Leftover;
        return RocksDbFileRole.Foreign;
    }

    private static bool HasNumberAfter(ReadOnlySpan<byte> name, ReadOnlySpan<byte> prefix) =>
        name.StartsWith(prefix) && IsNumber(name[prefix.Length..]);

    private static bool HasNumberBefore(ReadOnlySpan<byte> name, ReadOnlySpan<byte> suffix) =>
        name.EndsWith(suffix) && IsNumber(name[..^suffix.Length]);

    private static bool IsNumber(ReadOnlySpan<byte> text) => !text.IsEmpty && !text.ContainsAnyExceptInRange((byte)'0', (byte)'9');
}
