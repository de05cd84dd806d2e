using System.Globalization;

namespace BackupTool.Repositories.Retention;

/// <summary>
/// How many snapshots are kept: what <c>keep = { … }</c> says. Counts are of the newest of each hour, day, ISO week, month and year; zero means that this rule keeps none. A policy in which
/// every rule is zero is invalid: it never means "remove all".
/// </summary>
public sealed record RetentionPolicy
{
    /// <summary>The newest so many.</summary>
    public int Last { get; init; }

    /// <summary>The newest of each of so many hours that have one.</summary>
    public int Hourly { get; init; }

    /// <summary>The newest of each of so many days that have one.</summary>
    public int Daily { get; init; }

    /// <summary>The newest of each of so many ISO weeks (Monday to Sunday) that have one.</summary>
    public int Weekly { get; init; }

    /// <summary>The newest of each of so many months that have one.</summary>
    public int Monthly { get; init; }

    /// <summary>The newest of each of so many years that have one.</summary>
    public int Yearly { get; init; }

    /// <summary>All that are not older than this; null: no such rule.</summary>
    public TimeSpan? Within { get; init; }

    /// <summary>Whether every rule is zero.</summary>
    public bool KeepsNothing => this == new RetentionPolicy();

    /// <summary>For a sentence: <c>last 3, daily 7</c>.</summary>
    public override string ToString()
    {
        (string Name, int Count)[] counts = [("last", Last), ("hourly", Hourly), ("daily", Daily), ("weekly", Weekly), ("monthly", Monthly), ("yearly", Yearly)];
        IEnumerable<string> parts = counts.Where(static rule => rule.Count > 0).Select(static rule => string.Create(CultureInfo.InvariantCulture, $"{rule.Name} {rule.Count}"));
        return string.Join(", ", Within is { } within ? parts.Append($"within {Text(within)}") : parts);
    }

    /// <summary>A length of time as a configuration writes it, in its two largest units: <c>2d</c>, <c>1h30m</c>.</summary>
    internal static string Text(TimeSpan length)
    {
        (long Count, string Unit)[] parts = [(length.Days, "d"), (length.Hours, "h"), (length.Minutes, "m"), (length.Seconds, "s")];
        string text = string.Concat(parts.Where(static part => part.Count > 0).Take(2).Select(static part => string.Create(CultureInfo.InvariantCulture, $"{part.Count}{part.Unit}")));
        return text.Length == 0 ? "0s" : text;
    }
}
