using System.Text;

namespace BackupTool.Benchmarks.Data;

/// <summary>Configuration and state of many small things: 1 to 12 KiB of JSON or key-value text each, two directories deep, a hundred to a directory.</summary>
internal static class SmallFiles
{
    private const int PerDirectory = 100;

    public static void Generate(string directory, int count, ulong seed) =>
        Parallel.For(0, (count + PerDirectory - 1) / PerDirectory, leaf =>
        {
            string below = Path.Combine(directory, $"group{leaf % 16:x}", $"part{leaf:d4}");
            Directory.CreateDirectory(below);
            var events = new EventText(seed, 10_000 + (ulong)leaf);
            var text = new ByteText();
            for (int i = leaf * PerDirectory; i < Math.Min(count, (leaf + 1) * PerDirectory); i++)
            {
                bool json = i % 3 != 0;
                int length = events.Random.NextLength(1024, 12 * 1024);
                string name = $"{Encoding.UTF8.GetString(events.Word())}-{i:d5}.{(json ? "json" : "conf")}";
                File.WriteAllBytes(Path.Combine(below, name), (json ? Json(text.Clear(), events, length) : Settings(text.Clear(), events, length)).Bytes);
            }
        });

    /// <summary>Adds a line to every hundredth file.</summary>
    public static void Mutate(string directory, ulong seed)
    {
        string[] files = Directory.GetFiles(directory, "*", SearchOption.AllDirectories);
        Array.Sort(files, StringComparer.Ordinal);
        for (int i = 0; i < files.Length; i += 100) File.AppendAllText(files[i], $"\n# changed {seed}");
    }

    private static ByteText Json(ByteText text, EventText events, int length)
    {
        text.Append("{\n  \"room_id\": \""u8).Append(events.Room()).Append("\",\n  \"members\": [\n"u8);
        while (text.Length < length - 60)
            text.Append("    { \"user_id\": \""u8).Append(events.User()).Append("\", \"level\": "u8).Append(events.Random.Next(100)).Append(" },\n"u8);
        return text.Append("    null\n  ],\n  \"enabled\": true\n}\n"u8);
    }

    private static ByteText Settings(ByteText text, EventText events, int length)
    {
        while (text.Length < length)
        {
            text.Append(events.Word()).Append("_"u8).Append(events.Word()).Append(" = \""u8);
            events.Prose(text, events.Random.Next(1, 6)).Append("\"\n"u8);
        }
        return text;
    }
}
