using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace BackupTool.Operations.Notifications;

/// <summary>An event in the words that people are told, each line free of control characters and none without end.</summary>
internal sealed class NotifyMessage
{
    private const int MostLines = 60, MostCharacters = 500;

    internal NotifyMessage(NotifyEvent notice, bool isLate = false)
    {
        (Event, IsLate) = (notice, isLate);
        byte[] document = JsonSerializer.SerializeToUtf8Bytes(notice, NotifyJson.Default.NotifyEvent);
        Id = Convert.ToHexStringLower(SHA256.HashData(document).AsSpan(0, 16));
    }

    internal NotifyEvent Event { get; }

    /// <summary>Whether nobody could be told when it happened.</summary>
    internal bool IsLate { get; }

    /// <summary>The same for the same event, however often and however late it is told.</summary>
    internal string Id { get; }

    /// <summary>One line, the machine first.</summary>
    internal string Title => OneLine($"{Event.Host}: {Event.Title}{(IsLate ? " (told late)" : "")}");

    /// <summary>What is to be said below the title.</summary>
    internal IReadOnlyList<string> Lines
    {
        get
        {
            string[] all = [.. Event.Lines.SelectMany(static line => line.Split('\n')).Select(OneLine).Where(static line => line.Length > 0)];
            var lines = new List<string>(all.Take(MostLines));
            if (all.Length > MostLines) lines.Add(string.Create(CultureInfo.InvariantCulture, $"… and {all.Length - MostLines} more lines"));
            if (IsLate) lines.Add($"This is told late: it happened at {Time}, and nobody could be reached then.");
            lines.Add(Footer);
            return lines;
        }
    }

    private string Time => Event.Time.ToString("yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture);

    private string Footer
    {
        get
        {
            var parts = new List<string> { Time };
            if (Event.Schedule is { } schedule) parts.Add(OneLine($"schedule {schedule}"));
            if (Event.Duration is { } duration) parts.Add($"took {AmountText.Of(duration)}");
            if (Event.ExitCode is { } code) parts.Add(string.Create(CultureInfo.InvariantCulture, $"exit code {code}"));
            if (Event.Snapshot is { } snapshot) parts.Add($"snapshot {OneLine(snapshot.Length > 12 ? snapshot[..12] : snapshot)}");
            return string.Join(" · ", parts);
        }
    }

    /// <summary>The lines as plain text of at most so many bytes.</summary>
    internal string Body(int mostBytes) => Cut(string.Join('\n', Lines), mostBytes);

    /// <summary>Title and lines as plain text of at most so many bytes.</summary>
    internal string Text(int mostBytes) => Cut($"{Title}\n{string.Join('\n', Lines)}", mostBytes);

    /// <summary>The same as <see cref="Text"/> in HTML, everything escaped.</summary>
    internal string Html(int mostBytes)
    {
        string[] lines = Text(mostBytes).Split('\n');
        return string.Join("<br>", lines.Skip(1).Select(WebUtility.HtmlEncode).Prepend($"<strong>{WebUtility.HtmlEncode(lines[0])}</strong>"));
    }

    private static string OneLine(string text)
    {
        string line = string.Concat(text.Select(static c => char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c)).TrimEnd();
        if (line.Length <= MostCharacters) return line;
        int end = MostCharacters - 1;
        if (char.IsHighSurrogate(line[end - 1])) end--;
        return line[..end] + "…";
    }

    private static string Cut(string text, int mostBytes)
    {
        if (Encoding.UTF8.GetByteCount(text) <= mostBytes) return text;
        const string ellipsis = "…";
        var cut = new byte[mostBytes - Encoding.UTF8.GetByteCount(ellipsis)];
        Encoding.UTF8.GetEncoder().Convert(text, cut, flush: false, out _, out int used, out _);
        return Encoding.UTF8.GetString(cut, 0, used) + ellipsis;
    }
}
