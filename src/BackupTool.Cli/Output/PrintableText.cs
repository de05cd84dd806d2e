using System.Globalization;
using System.Text;

namespace BackupTool.Cli.Output;

/// <summary>Text as a terminal shows it: without anything that would steer it, measured and cut in columns.</summary>
public static class PrintableText
{
    /// <summary>
    /// Writes control characters, direction overrides and halves of surrogate pairs as <c>\xNN</c> or <c>\u{NNNN}</c>: names of files and
    /// messages of others may hold them. Line feeds stay when <paramref name="keepLines"/> says so.
    /// </summary>
    public static string Escape(string text, bool keepLines = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        int first = 0;
        while (first < text.Length && text[first] is >= ' ' and < '\x7f') first++;
        if (first == text.Length) return text;

        var safe = new StringBuilder(text.Length + 16).Append(text, 0, first);
        for (int at = first; at < text.Length;)
        {
            bool valid = Rune.TryGetRuneAt(text, at, out Rune rune);
            int value = valid ? rune.Value : text[at];
            at += valid ? rune.Utf16SequenceLength : 1;
            if (value == '\n' && keepLines) safe.Append('\n');
            else if (value < 0x100 && IsControl(value)) safe.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}");
            else if (!valid || IsSteering(rune)) safe.Append(CultureInfo.InvariantCulture, $"\\u{{{value:x4}}}");
            else safe.Append(rune.ToString());
        }
        return safe.ToString();
    }

    /// <summary>Columns that already printable text takes: two for East Asian wide characters and emoji, none for combining marks.</summary>
    public static int Width(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int width = 0;
        foreach (Rune rune in text.EnumerateRunes()) width += Width(rune);
        return width;
    }

    /// <summary>The text itself when it fits into <paramref name="columns"/>, or its beginning with <c>…</c> after it.</summary>
    public static string Truncate(string text, int columns)
    {
        if (Width(text) <= columns) return text;
        if (columns <= 0) return "";
        var kept = new StringBuilder();
        int width = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            width += Width(rune);
            if (width > columns - 1) break;
            kept.Append(rune.ToString());
        }
        return kept.Append('…').ToString();
    }

    private static bool IsControl(int value) => value is < 0x20 or (>= 0x7f and < 0xa0);

    private static bool IsSteering(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        || rune.Value is 0x061c or 0x200e or 0x200f or (>= 0x202a and <= 0x202e) or (>= 0x2066 and <= 0x2069);

    private static int Width(Rune rune)
    {
        if (rune.Value < 0x300) return 1;
        if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format) return 0;
        return IsWide(rune.Value) ? 2 : 1;
    }

    // The blocks that Unicode's EastAsianWidth.txt calls wide or full-width, without the single characters between them.
    private static bool IsWide(int value) =>
        value is (>= 0x1100 and <= 0x115f) or (>= 0x2e80 and <= 0x303e) or (>= 0x3041 and <= 0xa4cf) or (>= 0xac00 and <= 0xd7a3)
            or (>= 0xf900 and <= 0xfaff) or (>= 0xfe30 and <= 0xfe6f) or (>= 0xff00 and <= 0xff60) or (>= 0xffe0 and <= 0xffe6)
            or (>= 0x1f300 and <= 0x1f64f) or (>= 0x1f680 and <= 0x1f6ff) or (>= 0x1f900 and <= 0x1f9ff) or (>= 0x20000 and <= 0x3fffd);
}
