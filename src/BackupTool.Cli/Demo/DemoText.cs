using System.Text;

namespace BackupTool.Cli.Demo;

/// <summary>Text that looks written: it compresses as logs and messages do.</summary>
internal static class DemoText
{
    private static readonly string[] Words =
        ["room", "event", "sync", "the", "a", "to", "homeserver", "plugin", "message", "of", "client", "timeout", "joined", "left", "key", "device",
         "backup", "restore", "thanks", "tomorrow", "meeting", "deploy", "green", "broken", "fixed", "again", "why", "because", "lunch", "coffee"];

    public static string Sentence(Random random, int words)
    {
        var text = new StringBuilder();
        for (int i = 0; i < words; i++) text.Append(i == 0 ? "" : " ").Append(Words[random.Next(Words.Length)]);
        return text.ToString();
    }

    /// <summary>Log lines of about the given length in all, from 2026-01-01 on.</summary>
    public static string Log(Random random, int length)
    {
        var text = new StringBuilder(length + 256);
        var time = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        while (text.Length < length)
        {
            time = time.AddMilliseconds(random.Next(3000));
            text.Append($"[{time:yyyy-MM-dd HH:mm:ss,fff}] [INFO@maubot.client] {Sentence(random, random.Next(4, 14))} ${random.NextInt64():x16}\n");
        }
        return text.ToString();
    }
}
