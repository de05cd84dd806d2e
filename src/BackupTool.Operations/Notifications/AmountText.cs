using System.Globalization;

namespace BackupTool.Operations.Notifications;

/// <summary>Amounts in messages to people.</summary>
internal static class AmountText
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>With the two largest units that matter: <c>42 s</c>, <c>2 min 05 s</c>, <c>1 h 12 min</c>, <c>3 d 4 h</c>.</summary>
    internal static string Of(TimeSpan duration)
    {
        TimeSpan whole = TimeSpan.FromSeconds(Math.Round(Math.Max(duration.TotalSeconds, 0)));
        CultureInfo plain = CultureInfo.InvariantCulture;
        return whole.TotalSeconds < 60 ? string.Create(plain, $"{whole.Seconds} s")
            : whole.TotalHours < 1 ? string.Create(plain, $"{whole.Minutes} min {whole.Seconds:00} s")
            : whole.TotalDays < 1 ? string.Create(plain, $"{whole.Hours} h {whole.Minutes:00} min") : string.Create(plain, $"{whole.Days} d {whole.Hours} h");
    }

    /// <summary>In powers of 1,024: <c>512 B</c>, <c>1.2 GiB</c>.</summary>
    internal static string OfBytes(long bytes)
    {
        double value = Math.Abs((double)bytes);
        int unit = 0;
        for (; unit < Units.Length - 1 && value >= 999.5; unit++) value /= 1024;
        string digits = value.ToString(unit == 0 || value >= 99.95 ? "0" : "0.0", CultureInfo.InvariantCulture);
        return $"{(bytes < 0 ? "-" : "")}{digits} {Units[unit]}";
    }
}
