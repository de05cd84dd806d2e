using System.Globalization;

namespace BackupTool.Operations.Configuration;

/// <summary>Amounts of data as a configuration writes them: a whole number and B, KiB, MiB, GiB or TiB.</summary>
public static class SizeText
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>Reads one; false when it is none, or too large.</summary>
    public static bool TryParse(string text, out long bytes)
    {
        ArgumentNullException.ThrowIfNull(text);
        bytes = 0;
        int digits = 0;
        while (digits < text.Length && char.IsAsciiDigit(text[digits])) digits++;
        int unit = Array.IndexOf(Units, text[digits..].TrimStart(' '));
        if (unit < 0 || !long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out long count) || count > long.MaxValue >> (10 * unit)) return false;
        bytes = count << (10 * unit);
        return true;
    }

    /// <summary>Writes one so that <see cref="TryParse"/> reads it, exactly.</summary>
    public static string Format(long bytes)
    {
        int unit = 0;
        while (unit < Units.Length - 1 && bytes != 0 && bytes % 1024 == 0) (bytes, unit) = (bytes / 1024, unit + 1);
        return string.Create(CultureInfo.InvariantCulture, $"{bytes}{Units[unit]}");
    }
}
