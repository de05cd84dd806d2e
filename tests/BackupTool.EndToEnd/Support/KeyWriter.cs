using System.Globalization;
using RocksDbSharp;

namespace BackupTool.EndToEnd.Support;

/// <summary>A homeserver: adds keys to its RocksDB one after another, and acknowledges each in a file beside it once the engine has taken it.</summary>
internal static class KeyWriter
{
    /// <summary>Writes 3,000 keys a second at most, with flushes and compactions, until its input ends. Key i has the value <see cref="ValueOf"/> i.</summary>
    internal static void WriteKeys(string path, string acknowledged)
    {
        DbOptions options = new DbOptions().SetCreateIfMissing().SetWriteBufferSize(512 * 1024);
        using RocksDb database = RocksDb.Open(options, path);
        using var acknowledge = new FileStream(acknowledged, FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        Func<bool> ended = ChildProcess.WatchInput();
        for (long i = 0; !ended(); i++)
        {
            database.Put(BitConverter.GetBytes(i), ValueOf(i));
            acknowledge.Position = 0;
            acknowledge.Write(BitConverter.GetBytes(i));
            if (i == 20_000) Console.WriteLine("ready");
            if (i > 20_000 && i % 3 == 0) Thread.Sleep(1);
        }
    }

    internal static byte[] ValueOf(long key)
    {
        var value = new byte[400];
        new Random((int)key).NextBytes(value);
        return value;
    }

    /// <summary>The last key that was acknowledged.</summary>
    internal static long LastAcknowledged(string acknowledged)
    {
        using var file = new FileStream(acknowledged, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[8];
        file.ReadExactly(bytes);
        return BitConverter.ToInt64(bytes);
    }

    /// <summary>Fails unless the database at <paramref name="path"/> opens and holds every key up to <paramref name="last"/>. Returns how many it holds.</summary>
    internal static long CheckUpTo(string path, long last)
    {
        using RocksDb database = RocksDb.Open(new DbOptions(), path);
        for (long i = 0; i <= last; i++)
        {
            byte[]? value = database.Get(BitConverter.GetBytes(i));
            if (value is null || !value.AsSpan().SequenceEqual(ValueOf(i)))
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{path} lacks key {i} of {last}"));
        }
        long held = last + 1;
        while (database.Get(BitConverter.GetBytes(held)) is not null) held++;
        return held;
    }
}
