using RocksDbSharp;

namespace BackupTool.Tests.Services.Sources.RocksDb;

/// <summary>What a homeserver does to its database, in a process of its own.</summary>
internal static class RocksDbJobs
{
    /// <summary>Keys that <see cref="WriteFlatOut"/> writes round and round.</summary>
    internal const int Keys = 20_000;

    /// <summary>
    /// Writes as fast as it can until its input ends, flushing and compacting all the time. Write number i goes to key i modulo <see cref="Keys"/> and
    /// begins with i: so a reader knows whether what it sees is one moment (<see cref="LastWriteOfOneMoment"/>).
    /// </summary>
    internal static void WriteFlatOut(string path)
    {
        DbOptions options = new DbOptions().SetCreateIfMissing().SetWriteBufferSize(256 * 1024);
        using RocksDbSharp.RocksDb database = RocksDbSharp.RocksDb.Open(options, path);
        var value = new byte[500];
        bool ended = false;
        new Thread(() => { Console.In.ReadToEnd(); Volatile.Write(ref ended, true); }) { IsBackground = true }.Start();
        for (long i = 0; !Volatile.Read(ref ended); i++)
        {
            Random.Shared.NextBytes(value);
            BitConverter.TryWriteBytes(value, i);
            database.Put(BitConverter.GetBytes((int)(i % Keys)), value);
            if (i == 30_000) Console.WriteLine("ready");
        }
    }

    /// <summary>The number of the last write that the database holds, after seeing that it holds all before it and none after it.</summary>
    internal static long LastWriteOfOneMoment(RocksDbSharp.RocksDb database)
    {
        var writes = new List<long>();
        using Iterator iterator = database.NewIterator();
        for (iterator.SeekToFirst(); iterator.Valid(); iterator.Next()) writes.Add(BitConverter.ToInt64(iterator.Value()));
        writes.Sort();
        writes.Should().Equal(Enumerable.Range(0, Keys).Select(i => writes[^1] - Keys + 1 + i));
        return writes[^1];
    }
}
