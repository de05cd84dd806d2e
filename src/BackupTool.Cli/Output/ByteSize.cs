using System.Globalization;

namespace BackupTool.Cli.Output;

/// <summary>Amounts of data as people write them.</summary>
public static class ByteSize
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>In powers of 1,024 with about three digits: <c>512 B</c>, <c>1.2 GiB</c>, <c>354 MiB</c>.</summary>
    public static string Format(long bytes)
    {
        double value = Math.Abs((double)bytes);
        int unit = 0;
        // Four digits say nothing that three do not: 1,000 KiB is shown as 1.0 MiB.
        while (unit < Units.Length - 1 && Math.Round(value, unit == 0 ? 0 : 1) >= 1000)
        {
            value /= 1024;
            unit++;
        }
        string digits = value.ToString(unit == 0 || value >= 99.95 ? "0" : "0.0", CultureInfo.InvariantCulture);
        return $"{(bytes < 0 ? "-" : "")}{digits} {Units[unit]}";
    }

    /// <summary>
    /// Reads <c>500M</c>, <c>2GiB</c>, <c>1.5 G</c>, <c>100kB</c>, <c>4096</c>: K, M, G, T and P with or without <c>iB</c> are powers of
    /// 1,024, with <c>B</c> alone powers of 1,000. False when it is none of these, negative or too large.
    /// </summary>
    public static bool TryParse(string? text, out long bytes)
    {
        bytes = 0;
        string trimmed = (text ?? "").Trim();
        int digits = 0;
        while (digits < trimmed.Length && (char.IsAsciiDigit(trimmed[digits]) || trimmed[digits] == '.')) digits++;
        if (!decimal.TryParse(trimmed[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number)) return false;
        if (FactorOf(trimmed[digits..].TrimStart()) is not long factor || number > long.MaxValue / factor) return false;
        bytes = (long)decimal.Round(number * factor);
        return true;
    }

    private static long? FactorOf(string unit)
    {
        if (unit is "" or "B") return 1;
        int power = "KMGTP".IndexOf(char.ToUpperInvariant(unit[0]), StringComparison.Ordinal) + 1;
        if (power == 0) return null;
        long? step = unit[1..] switch { "" or "iB" => 1024, "B" => 1000, _ => null };
        if (step is not long by) return null;
        long factor = 1;
        for (; power > 0; power--) factor *= by;
        return factor;
    }
}
