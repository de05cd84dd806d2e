using System.Globalization;

namespace BackupTool.Benchmarks.Data;

/// <summary>Four log files of requests: compressible about five times.</summary>
internal static class LogFiles
{
    private const int Files = 4;
    private static readonly string[] Levels = ["INFO", "DEBUG", "WARN", "INFO", "INFO"];

    public static void Generate(string directory, long bytes, ulong seed)
    {
        Directory.CreateDirectory(directory);
        Parallel.For(0, Files, i => Write(Path.Combine(directory, $"app{i}.log"), FileMode.Create, bytes / Files, new EventText(seed, 100 + (ulong)i)));
    }

    /// <summary>One of them grows by a thousandth of all.</summary>
    public static void Mutate(string directory, ulong seed) =>
        Write(Path.Combine(directory, "app0.log"), FileMode.Append, DataSet.SizeOf(directory) / 1000, new EventText(seed ^ 0x6d75746174650000, 100));

    private static void Write(string path, FileMode mode, long bytes, EventText events)
    {
        using var file = new FileStream(path, mode, FileAccess.Write, FileShare.Read, 1 << 20);
        var text = new ByteText();
        SeededRandom random = events.Random;
        Span<byte> stamp = stackalloc byte[32];
        var time = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        for (long written = 0; written < bytes; written += text.Length)
        {
            time = time.AddMilliseconds(random.Next(2000));
            time.TryFormat(stamp, out int length, "yyyy-MM-ddTHH:mm:ss.fff", CultureInfo.InvariantCulture);
            text.Clear().Append(stamp[..length]).Append("Z "u8);
            foreach (char letter in Levels[random.Next(Levels.Length)]) text.Append([(byte)letter]);
            text.Append(" conduit::"u8).Append(events.Word()).Append("::"u8).Append(events.Word()).Append(": "u8).Append(events.User());
            text.Append(" GET /_matrix/client/v3/rooms/"u8).Append(events.Room()).Append("/messages "u8).Append(random.Next(200, 500));
            text.Append(" "u8).Append(random.Next(100_000)).Append("us req="u8).AppendBase64(random, 12).Append(" "u8);
            file.Write(events.Prose(text, random.Next(2, 12)).Append("\n"u8).Bytes);
        }
    }
}
