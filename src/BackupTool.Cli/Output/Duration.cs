using System.Globalization;

namespace BackupTool.Cli.Output;

/// <summary>Lengths of time as people write them.</summary>
public static class Duration
{
    /// <summary>With the two largest units that matter: <c>3 ms</c>, <c>1.24 s</c>, <c>42 s</c>, <c>2 min 05 s</c>, <c>1 h 12 min</c>, <c>3 d 4 h</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration < TimeSpan.Zero) return "-" + Format(duration.Negate());
        double seconds = duration.TotalSeconds;
        if (seconds < 0.9995) return Invariant($"{duration.TotalMilliseconds:0} ms");
        if (seconds < 9.995) return Invariant($"{seconds:0.00} s");
        var whole = TimeSpan.FromSeconds(Math.Round(seconds));
        if (whole.TotalSeconds < 60) return Invariant($"{whole.Seconds} s");
        if (whole.TotalHours < 1) return Invariant($"{whole.Minutes} min {whole.Seconds:00} s");
        if (whole.TotalDays < 1) return Invariant($"{whole.Hours} h {whole.Minutes:00} min");
        return Invariant($"{whole.Days} d {whole.Hours} h");
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
