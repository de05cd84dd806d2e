using RocksDbSharp;

namespace BackupTool.Tests.Services.Sources.RocksDb;

/// <summary>What a homeserver does to its database, in a process of its own.</summary>
internal static class RocksDbJobs
{
    /// <summary>Writes, flushes and compacts as fast as it can until it is killed.</summary>
    internal static void WriteFlatOut(string path)
    {
        DbOptions options = new DbOptions().SetCreateIfMissing().SetWriteBufferSize(256 * 1024);
        using RocksDbSharp.RocksDb database = RocksDbSharp.RocksDb.Open(options, path);
        var value = new byte[500];
        for (int i = 0; ; i++)
        {
            Random.Shared.NextBytes(value);
            database.Put(BitConverter.GetBytes(i % 100_000), value);
            if (i == 10_000) Console.WriteLine("ready");
        }
    }
}
