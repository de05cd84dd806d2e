using System.Collections.Frozen;
using System.Globalization;

namespace BackupTool.Operations.Schedules;

/// <summary>The fields of a cron expression as sets of numbers: what systemd's calendar can say, and no more. All of them must match, days of the month and of the week, too.</summary>
internal sealed record CronFields
{
    private static readonly FrozenDictionary<string, string> Macros = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
    {
        ["@every_second"] = "* * * * * *",
        ["@every_minute"] = "* * * * *",
        ["@hourly"] = "0 * * * *",
        ["@daily"] = "0 0 * * *",
        ["@midnight"] = "0 0 * * *",
        ["@weekly"] = "0 0 * * 0",
        ["@monthly"] = "0 0 1 * *",
        ["@yearly"] = "0 0 1 1 *",
        ["@annually"] = "0 0 1 1 *",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private static readonly string[] MonthNames = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    private static readonly string[] WeekdayNames = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

    internal required IReadOnlyList<int> Seconds { get; init; }

    internal required IReadOnlyList<int> Minutes { get; init; }

    internal required IReadOnlyList<int> Hours { get; init; }

    internal required IReadOnlyList<int> Days { get; init; }

    internal required IReadOnlyList<int> Months { get; init; }

    /// <summary>0 is Sunday.</summary>
    internal required IReadOnlyList<int> Weekdays { get; init; }

    internal bool IsOn(DateOnly date) => Months.Contains(date.Month) && Days.Contains(date.Day) && Weekdays.Contains((int)date.DayOfWeek);

    /// <summary>Reads an expression that Cronos has read without complaint.</summary>
    /// <param name="cron">5 or 6 fields, or a macro.</param>
    /// <exception cref="CalendarException">It has something for which systemd has no words.</exception>
    internal static CronFields Parse(string cron)
    {
        string[] fields = (Macros.GetValueOrDefault(cron.Trim()) ?? cron).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length == 5) fields = ["0", .. fields];
        if (fields.Length != 6) throw Refuse(cron, cron);
        return new CronFields
        {
            Seconds = Set(fields[0], 0, 59, [], cron),
            Minutes = Set(fields[1], 0, 59, [], cron),
            Hours = Set(fields[2], 0, 23, [], cron),
            Days = Set(fields[3], 1, 31, [], cron),
            Months = Set(fields[4], 1, 12, MonthNames, cron),
            Weekdays = Set(fields[5], 0, 6, WeekdayNames, cron),
        };
    }

    private static int[] Set(string field, int first, int last, string[] names, string cron) =>
        [.. field.Split(',').SelectMany(item => Item(item, field, first, last, names, cron)).Distinct().Order()];

    private static IEnumerable<int> Item(string item, string field, int first, int last, string[] names, string cron)
    {
        string[] parts = item.Split('/');
        string[] ends = parts[0].Split('-');
        bool isAll = parts[0] is "*" or "?";
        if (parts.Length > 2 || ends.Length > 2) throw Refuse(field, cron);
        // Sunday is 7, too, and ends a range as such.
        int highest = last == 6 ? 7 : last;
        int step = parts.Length == 2 ? Number(parts[1], 1, int.MaxValue, [], field, cron) : 1;
        int from = isAll ? first : Number(ends[0], first, highest, names, field, cron);
        int to = ends.Length == 2 ? Number(ends[1], first, highest, names, field, cron) : isAll || parts.Length == 2 ? last : from;
        int count = last - first + 1;
        // A range that ends before it begins goes round.
        if (to < from) to += count;
        for (int value = from; value <= to; value += step)
        {
            yield return (value - first) % count + first;
            if (step > count) yield break;
        }
    }

    private static int Number(string text, int first, int last, string[] names, string field, string cron)
    {
        int name = Array.FindIndex(names, each => each.Equals(text, StringComparison.OrdinalIgnoreCase));
        if (name >= 0) return name + first;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= first && number <= last ? number : throw Refuse(field, cron);
    }

    private static CalendarException Refuse(string field, string cron) => new($"`{field}` in the cron expression `{cron}` cannot be said as a systemd timer: systemd knows numbers, lists, ranges and steps, but no L, W and #.");
}

/// <summary>systemd's timers cannot say when something is to run.</summary>
public sealed class CalendarException(string message) : ExplainedException(message, "Write it another way, or let the agent run the schedules: 'backup install --agent'.");
