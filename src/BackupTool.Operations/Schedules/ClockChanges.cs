using System.Globalization;
using Cronos;

namespace BackupTool.Operations.Schedules;

/// <summary>What a calendar line of systemd lacks, compared with Cronos, in the hours in which a zone changes its clocks.</summary>
internal sealed class ClockChanges(CronExpression expression, CronFields fields, TimeZoneInfo zone)
{
    /// <summary>Summer time is called the standard one (Europe/Dublin, Africa/Casablanca): there Cronos 0.13 is wrong where the clocks change, so that what is skipped is made up for as it does elsewhere.</summary>
    private readonly bool _isInverted = zone.GetAdjustmentRules().Any(static rule => rule.DaylightDelta < TimeSpan.Zero);

    /// <summary>Lines of systemd's that add it, in UTC.</summary>
    internal IEnumerable<string> MissingFrom(DateTimeOffset now)
    {
        DateTime begin = new(now.UtcDateTime.Year, 1, 1, 0, 0, 0, DateTimeKind.Utc), end = begin.AddYears(CalendarExpression.Years);
        List<DateTime> missing = [.. Changes(begin, end).SelectMany(MissingAround)];
        // What the clocks do in March has nothing to do with what they do in October.
        foreach (IGrouping<int, DateTime> season in missing.GroupBy(static instant => instant.Month).OrderBy(static group => group.Key))
            foreach (string line in Say([.. season.Order()], begin.Year)) yield return line;
    }

    /// <summary>From an instant on, UTC, another offset holds.</summary>
    private sealed record Change(DateTime At, TimeSpan Before, TimeSpan After);

    private IEnumerable<Change> Changes(DateTime begin, DateTime end)
    {
        for (DateTime day = begin; day < end; day = day.AddDays(1))
        {
            TimeSpan before = zone.GetUtcOffset(day), after = zone.GetUtcOffset(day.AddDays(1));
            if (before == after) continue;
            DateTime low = day, high = day.AddDays(1);
            while (high - low > TimeSpan.FromSeconds(1))
            {
                DateTime middle = low.AddSeconds(Math.Floor((high - low).TotalSeconds / 2));
                if (zone.GetUtcOffset(middle) == before) low = middle;
                else high = middle;
            }
            yield return new Change(high, before, after);
        }
    }

    private bool IsAnySkipped(Change change)
    {
        for (DateTime local = change.At + change.Before; local < change.At + change.After; local = local.AddSeconds(1))
            if (fields.IsOn(DateOnly.FromDateTime(local)) && fields.Hours.Contains(local.Hour) && fields.Minutes.Contains(local.Minute) && fields.Seconds.Contains(local.Second)) return true;
        return false;
    }

    private IEnumerable<DateTime> MissingAround(Change change)
    {
        if (_isInverted) return change.After > change.Before && IsAnySkipped(change) && !InstantsOfSystemd(change, TimeSpan.FromHours(1)).Contains(change.At) ? [change.At] : [];
        TimeSpan size = (change.After - change.Before).Duration();
        HashSet<DateTime> said = [.. InstantsOfSystemd(change, size)];
        HashSet<DateTime> meant = [.. Occurrences(expression, zone, change.At - size, change.At + size)];
        return said.IsSubsetOf(meant) ? meant.Except(said)
            : throw new CalendarException($"systemd would run `{expression}` in {zone.Id} at {said.Except(meant).First():u}, where the clocks change, and it is not meant to be.");
    }

    /// <summary>
    /// When Cronos runs it, from the first instant on and before the second. Cronos 0.13 gives the same instant again and again where the clocks of Africa/Casablanca go
    /// back: its own enumeration never ends there.
    /// </summary>
    internal static IEnumerable<DateTime> Occurrences(CronExpression expression, TimeZoneInfo zone, DateTime begin, DateTime end)
    {
        DateTime from = begin;
        while (expression.GetNextOccurrence(from, zone, inclusive: true) is { } next && next < end)
        {
            if (next >= from) yield return next;
            from = (next > from ? next : from).AddSeconds(1);
        }
    }

    /// <summary>
    /// A local time that is skipped is left out; of one that there is twice, the first is taken. (What the zone says of invalid and ambiguous times is not asked: it is wrong where summer time is called the
    /// standard one, in Europe/Dublin.)
    /// </summary>
    private IEnumerable<DateTime> InstantsOfSystemd(Change change, TimeSpan size)
    {
        TimeSpan ahead = change.Before > change.After ? change.Before : change.After, behind = change.Before + change.After - ahead;
        DateTime begin = change.At - size, end = change.At + size;
        for (DateTime hour = begin + behind - TimeSpan.FromMinutes((begin + behind).Minute); hour <= end + ahead; hour = hour.AddHours(1))
        {
            if (!fields.Hours.Contains(hour.Hour) || !fields.IsOn(DateOnly.FromDateTime(hour))) continue;
            foreach (DateTime local in fields.Minutes.SelectMany(minute => fields.Seconds.Select(second => hour.AddMinutes(minute).AddSeconds(second))))
            {
                DateTime first = local - change.Before, second = local - change.After;
                DateTime? instant = first < change.At ? first : second >= change.At ? second : null;
                if (instant >= begin && instant < end) yield return instant.Value;
            }
        }
    }

    private static IEnumerable<string> Say(List<DateTime> instants, int firstYear)
    {
        DateOnly[] dates = [.. instants.Select(DateOnly.FromDateTime).Distinct()];
        bool isAlike = instants.GroupBy(DateOnly.FromDateTime).Select(static day => string.Join(' ', day.Select(static instant => instant.TimeOfDay))).Distinct().Count() == 1;
        if (isAlike && Rule(dates, firstYear) is { } rule) return Times(rule, instants.Where(instant => DateOnly.FromDateTime(instant) == dates[0]));
        return dates.SelectMany(date => Times(date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), instants.Where(instant => DateOnly.FromDateTime(instant) == date)));
    }

    /// <summary>A weekday and seven days of a month, of which one is it every year; null when it is not so.</summary>
    private static string? Rule(DateOnly[] dates, int firstYear)
    {
        DateOnly sample = dates[0];
        for (int week = 0; week < 4; week++)
            if (Holds(date => (date.Day - 1) / 7 == week)) return $"{sample.DayOfWeek.ToString()[..3]} *-{CalendarExpression.Two(sample.Month)}-{CalendarExpression.Two(week * 7 + 1)}..{CalendarExpression.Two(week * 7 + 7)}";
        return Holds(static date => date.AddDays(7).Month != date.Month) ? $"{sample.DayOfWeek.ToString()[..3]} *-{CalendarExpression.Two(sample.Month)}~07/1" : null;

        bool Holds(Func<DateOnly, bool> isInWeek) => Enumerable.Range(firstYear, CalendarExpression.Years)
            .SelectMany(year => Enumerable.Range(1, DateTime.DaysInMonth(year, sample.Month)).Select(day => new DateOnly(year, sample.Month, day)))
            .Where(date => date.DayOfWeek == sample.DayOfWeek && isInWeek(date)).SequenceEqual(dates);
    }

    private static IEnumerable<string> Times(string date, IEnumerable<DateTime> instants) => instants
        .GroupBy(static instant => (instant.Hour, instant.Minute)).Select(static group => (group.Key.Hour, group.Key.Minute, Seconds: CalendarExpression.List([.. group.Select(static instant => instant.Second).Order()], 60)))
        .GroupBy(static group => (group.Hour, group.Seconds))
        .Select(hour => $"{date} {CalendarExpression.Two(hour.Key.Hour)}:{CalendarExpression.List([.. hour.Select(static group => group.Minute).Order()], 60)}:{hour.Key.Seconds} UTC");
}
