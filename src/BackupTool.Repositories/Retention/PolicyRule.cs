using System.Globalization;

namespace BackupTool.Repositories.Retention;

/// <summary>One rule of a policy that keeps the newest snapshot of each of the newest so many stretches of time that have one.</summary>
/// <param name="Name">As the configuration calls it.</param>
/// <param name="Count">How many stretches.</param>
/// <param name="BucketOf">In which stretch a local time lies; its text is shown.</param>
internal sealed record PolicyRule(string Name, int Count, Func<DateTimeOffset, string> BucketOf)
{
    /// <summary>The rules of a policy that count.</summary>
    internal static IEnumerable<PolicyRule> Of(RetentionPolicy policy) => ((PolicyRule[])
    [
        // With the offset: the hour that comes twice when summer time ends is two hours.
        new("hourly", policy.Hourly, static at => Text(at, "yyyy-MM-dd HH:00zzz")),
        new("daily", policy.Daily, static at => Text(at, "yyyy-MM-dd")),
        new("weekly", policy.Weekly, static at => string.Create(CultureInfo.InvariantCulture, $"{ISOWeek.GetYear(at.DateTime):0000}-W{ISOWeek.GetWeekOfYear(at.DateTime):00}")),
        new("monthly", policy.Monthly, static at => Text(at, "yyyy-MM")),
        new("yearly", policy.Yearly, static at => Text(at, "yyyy")),
    ]).Where(static rule => rule.Count > 0);

    private static string Text(DateTimeOffset at, string format) => at.ToString(format, CultureInfo.InvariantCulture);
}
