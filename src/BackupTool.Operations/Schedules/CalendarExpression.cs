using System.Globalization;
using Cronos;

namespace BackupTool.Operations.Schedules;

/// <summary>
/// A cron expression in a time zone as systemd's timers say it (systemd.time(7), "Calendar Events"): the values of <c>OnCalendar=</c>, which together name the same instants as Cronos does. One line says
/// it all the year; others add what the first lacks where the clocks change, because systemd leaves out a time that does not exist on that day, and the second of two that are called the same.
/// </summary>
public static class CalendarExpression
{
    /// <summary>So many years of changed clocks are written down where no rule can be made out in them, and a rule must hold for as many.</summary>
    internal const int Years = 10;

    private const string Always = "*-*-*";
    private static readonly string[] Weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

    /// <summary>Translates.</summary>
    /// <param name="cron">5 or 6 fields, or a macro, as Cronos reads them.</param>
    /// <param name="zone">The zone in which it is meant.</param>
    /// <param name="now">From when on it must hold.</param>
    /// <returns>At least one.</returns>
    /// <exception cref="CalendarException">systemd has no words for it.</exception>
    /// <exception cref="CronFormatException">It is no cron expression.</exception>
    public static IReadOnlyList<string> From(string cron, TimeZoneInfo zone, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(cron);
        ArgumentNullException.ThrowIfNull(zone);
        CronExpression expression = Parse(cron);
        CronFields fields = CronFields.Parse(cron);
        string weekdays = fields.Weekdays.Count == 7 ? "" : string.Join(',', fields.Weekdays.Select(static day => Weekdays[day])) + " ";
        string date = fields.Months.Count == 12 && fields.Days.Count == 31 ? Always : $"*-{List(fields.Months, 12)}-{List(fields.Days, 31)}";
        string line = $"{weekdays}{date} {List(fields.Hours, 24)}:{List(fields.Minutes, 60)}:{List(fields.Seconds, 60)}";
        return [line + ZoneSuffix(zone), .. new ClockChanges(expression, fields, zone).MissingFrom(now)];
    }

    /// <summary>As <c>schedules/*.toml</c> are read: a macro, or five fields, or six of which the first are seconds.</summary>
    internal static CronExpression Parse(string cron) =>
        CronExpression.Parse(cron, cron.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries).Length == 6 ? CronFormat.IncludeSeconds : CronFormat.Standard);

    /// <summary>The machine's own zone has no name of its own where /etc/localtime is no link; it is what systemd takes when none is said.</summary>
    private static string ZoneSuffix(TimeZoneInfo zone) => zone.Id == "Local" ? "" : zone.BaseUtcOffset == TimeSpan.Zero && zone.Id is "UTC" or "Etc/UTC" or "Z" ? " UTC" : $" {zone.Id}";

    /// <summary><c>*</c>, or numbers with commas; consecutive ones as a range.</summary>
    internal static string List(IReadOnlyList<int> numbers, int all)
    {
        if (numbers.Count == all) return "*";
        var ranges = new List<string>();
        for (int i = 0; i < numbers.Count; i++)
        {
            int begin = i;
            while (i + 1 < numbers.Count && numbers[i + 1] == numbers[i] + 1) i++;
            if (i - begin >= 2) ranges.Add($"{Two(numbers[begin])}..{Two(numbers[i])}");
            else ranges.AddRange(numbers.Skip(begin).Take(i - begin + 1).Select(Two));
        }
        return string.Join(',', ranges);
    }

    internal static string Two(int number) => number.ToString("00", CultureInfo.InvariantCulture);
}
