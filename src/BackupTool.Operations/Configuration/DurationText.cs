using System.Globalization;
using System.Text;

namespace BackupTool.Operations.Configuration;

/// <summary>Lengths of time as people write them: <c>90s</c>, <c>10m</c>, <c>1h30m</c>, <c>2d</c>, <c>1y</c> (of 365 days), <c>0s</c>. Whole numbers with units, the larger first.</summary>
public static class DurationText
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(36_500);
    private static readonly (string Unit, TimeSpan Length)[] Units =
        [("y", TimeSpan.FromDays(365)), ("w", TimeSpan.FromDays(7)), ("d", TimeSpan.FromDays(1)), ("h", TimeSpan.FromHours(1)), ("m", TimeSpan.FromMinutes(1)), ("s", TimeSpan.FromSeconds(1)), ("ms", TimeSpan.FromMilliseconds(1))];

    /// <summary>Reads one; false when it is none, or longer than a hundred years.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        ArgumentNullException.ThrowIfNull(text);
        duration = TimeSpan.Zero;
        int at = 0, nextUnit = 0;
        while (at < text.Length)
        {
            int digits = 0, letters = 0;
            while (at + digits < text.Length && char.IsAsciiDigit(text[at + digits])) digits++;
            while (at + digits + letters < text.Length && char.IsAsciiLetter(text[at + digits + letters])) letters++;
            int unit = Array.FindIndex(Units, known => known.Unit == text.Substring(at + digits, letters));
            if (unit < nextUnit || !int.TryParse(text.AsSpan(at, digits), NumberStyles.None, CultureInfo.InvariantCulture, out int count)) return false;
            if (count > Longest / Units[unit].Length) return false;
            duration += count * Units[unit].Length;
            nextUnit = unit + 1;
            at += digits + letters;
        }
        return text.Length > 0 && duration <= Longest;
    }

    /// <summary>Writes one so that <see cref="TryParse"/> reads it, to the millisecond.</summary>
    public static string Format(TimeSpan duration)
    {
        var text = new StringBuilder();
        foreach ((string unit, TimeSpan length) in Units.SkipWhile(static each => each.Length > TimeSpan.FromDays(1)))
        {
            long count = duration.Ticks / length.Ticks;
            if (count > 0) text.Append(CultureInfo.InvariantCulture, $"{count}{unit}");
            duration -= count * length;
        }
        return text.Length == 0 ? "0s" : text.ToString();
    }
}
