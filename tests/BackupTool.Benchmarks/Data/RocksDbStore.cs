using System.Buffers.Binary;
using RocksDbSharp;

namespace BackupTool.Benchmarks.Data;

/// <summary>A homeserver's RocksDB: events under random keys in zstd-compressed SST files. Its content follows the seed, the engine's own ids do not.</summary>
internal static class RocksDbStore
{
    private const int KeyBytes = 24;

    /// <param name="directory">Where the database goes.</param>
    /// <param name="rawBytes">Keys and values before compression; the SSTs come to about 55 % of it.</param>
    /// <param name="seed">What the content follows.</param>
    public static void Generate(string directory, long rawBytes, ulong seed)
    {
        Directory.CreateDirectory(directory);
        var options = new DbOptions().SetCreateIfMissing(true).SetCompression(Compression.Zstd)
            .SetWriteBufferSize(64 << 20).SetTargetFileSizeBase(64 << 20).SetDisableAutoCompactions(1);
        using var database = RocksDb.Open(options, directory);
        Put(database, rawBytes, seed, new WriteOptions().DisableWal(1));
        database.CompactRange((byte[]?)null, null);
    }

    /// <summary>As a night's events do: a new SST of 0.7 % beside the old ones.</summary>
    public static void Mutate(string directory, ulong seed)
    {
        long rawBytes = DataSet.SizeOf(directory) / 150;
        using var database = RocksDb.Open(new DbOptions().SetCompression(Compression.Zstd).SetDisableAutoCompactions(1), directory);
        Put(database, rawBytes, seed ^ 0x6d75746174650000, new WriteOptions());
    }

    private static void Put(RocksDb database, long rawBytes, ulong seed, WriteOptions options)
    {
        var events = new EventText(seed, 2);
        var text = new ByteText();
        Span<byte> key = stackalloc byte[KeyBytes];
        key.Clear();
        ulong count = 0;
        for (long written = 0; written < rawBytes; written += text.Length + KeyBytes)
        {
            events.Random.Fill(key[..8]);
            BinaryPrimitives.WriteUInt64BigEndian(key[8..], count++);
            database.Put(key, events.Event(text.Clear()).Bytes, null, options);
        }
        database.Flush(new FlushOptions().SetWaitForFlush(true));
    }
}
