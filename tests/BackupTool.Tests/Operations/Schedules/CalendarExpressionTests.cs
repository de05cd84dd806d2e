using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using BackupTool.Operations.Schedules;
using Cronos;

namespace BackupTool.Tests.Operations.Schedules;

/// <summary>What a cron expression means to Cronos and what its translation means to the real systemd are the same instants.</summary>
public sealed partial class CalendarExpressionTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("30 2 * * *", "Europe/Berlin", "*-*-* 02:30:00 Europe/Berlin", "Sun *-03~07/1 01:00:00 UTC")]
    [InlineData("30 2 * * *", "America/New_York", "*-*-* 02:30:00 America/New_York", "Sun *-03-08..14 07:00:00 UTC")]
    [InlineData("30 4 * * *", "Europe/Berlin", "*-*-* 04:30:00 Europe/Berlin")]
    [InlineData("0 0 4 * * 1-5", "UTC", "Mon,Tue,Wed,Thu,Fri *-*-* 04:00:00 UTC")]
    [InlineData("*/15 22-2 1,15 JAN-MAR *", "UTC", "*-01..03-01,15 00..02,22,23:00,15,30,45:00 UTC")]
    [InlineData("@weekly", "UTC", "Sun *-*-* 00:00:00 UTC")]
    [InlineData("15 * * * *", "Europe/Berlin", "*-*-* *:15:00 Europe/Berlin", "Sun *-03~07/1 01:00:00 UTC", "Sun *-10~07/1 01:15:00 UTC")]
    [InlineData("*/30 * * * *", "Europe/Berlin", "*-*-* *:00,30:00 Europe/Berlin", "Sun *-10~07/1 01:00,30:00 UTC")]
    [InlineData("30 2 * * MON", "Europe/Berlin", "Mon *-*-* 02:30:00 Europe/Berlin")]
    public void An_expression_is_said_in_systemds_words(string cron, string zone, params string[] lines) =>
        CalendarExpression.From(cron, TimeZoneInfo.FindSystemTimeZoneById(zone), Now).Should().Equal(lines);

    [Theory]
    [InlineData("0 0 L * *")]
    [InlineData("0 0 15W * *")]
    [InlineData("0 0 LW * *")]
    [InlineData("0 0 * * 5L")]
    [InlineData("0 0 * * MON#2")]
    [InlineData("0 0 L-3 * *")]
    public void What_systemd_has_no_words_for_is_refused_and_the_agent_named(string cron)
    {
        Action translate = () => CalendarExpression.From(cron, TimeZoneInfo.Utc, Now);
        translate.Should().Throw<CalendarException>().Which.Hint.Should().Contain("backup install --agent");
    }

    [Theory]
    [InlineData("Europe/Berlin", "2026-03-29", "2026-10-25", "30 2 * * *")]
    [InlineData("America/New_York", "2026-03-08", "2026-11-01", "30 2 * * *")]
    [InlineData("America/New_York", "2026-03-08", "2026-11-01", "30 1 * * *")]
    [InlineData("Europe/Berlin", "2034-03-26", "2034-10-29", "30 2 * * *")]
    [InlineData("Europe/Dublin", "2027-03-28", "2027-10-31", "30 1 * * *")]
    [InlineData("Africa/Casablanca", "2027-02-07", "2027-03-14", "30 2 * * *")]
    public async Task A_nightly_run_happens_exactly_once_on_the_days_on_which_the_clocks_change(string zoneName, string spring, string autumn, string cron)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(zoneName);
        IReadOnlyList<string> lines = CalendarExpression.From(cron, zone, Now);
        foreach (string day in new[] { spring, autumn })
        {
            DateTime date = DateTime.ParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture);
            DateTime[] instants = await AskSystemdAsync(lines, date.AddDays(-2), date.AddDays(3), 8);
            instants.Count(instant => TimeZoneInfo.ConvertTimeFromUtc(instant, zone).Date == date).Should().Be(1, "{0} in {1}", day, zoneName);
        }
    }

    /// <summary>Many of them, among others around the changes of the clocks of each zone.</summary>
    [Theory]
    [InlineData("Europe/Berlin", 1)]
    [InlineData("America/New_York", 2)]
    [InlineData("Australia/Lord_Howe", 3)]
    [InlineData("Asia/Kolkata", 4)]
    [InlineData("America/Sao_Paulo", 5)]
    [InlineData("UTC", 7)]
    [InlineData("Pacific/Chatham", 8)]
    [InlineData("America/Santiago", 9)]
    [InlineData("Europe/London", 10)]
    public async Task Cronos_and_systemd_agree_on_any_expression(string zoneName, int seed)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(zoneName);
        var random = new Random(seed);
        for (int i = 0; i < 11; i++)
        {
            string cron = i < Fixed.Length ? Fixed[i] : MakeExpression(random);
            IReadOnlyList<string> lines = CalendarExpression.From(cron, zone, Now);
            foreach (DateTime begin in Starts(zone, random))
            {
                DateTime[] said = await AskSystemdAsync(lines, begin, begin.AddDays(400), 18);
                CronExpression expression = CalendarExpression.Parse(cron);
                DateTime end = said.Length == 0 ? begin.AddDays(400) : said[^1].AddSeconds(1);
                DateTime[] meant = [.. ClockChanges.Occurrences(expression, zone, begin.AddSeconds(1), end)];
                said.Should().Equal(meant, "{0} in {1} after {2:u}: {3}", cron, zoneName, begin, string.Join(" | ", lines));
            }
        }
    }

    private static readonly string[] Fixed = ["30 2 * * *", "*/20 * * * *", "0,30 1-3 * * *", "5 0 * * 0", "0 */2 * * *", "59 59 23 * * *", "15 1,2,3 * * SUN"];

    private static IEnumerable<DateTime> Starts(TimeZoneInfo zone, Random random)
    {
        yield return new DateTime(2026, 1, 20, 0, 0, 0, DateTimeKind.Utc).AddMinutes(random.Next(500_000));
        for (DateTime hour = new(2027, 1, 20, 0, 0, 0, DateTimeKind.Utc); hour.Year == 2027; hour = hour.AddHours(1))
            if (zone.GetUtcOffset(hour) != zone.GetUtcOffset(hour.AddHours(1))) yield return hour.AddHours(-2);
    }

    private static string MakeExpression(Random random)
    {
        string seconds = random.Next(4) == 0 ? $"{random.Next(60)} " : "";
        string minutes = Pick(random, "*/7", "0", $"{random.Next(60)}", $"{random.Next(60)},{random.Next(60)}", "50-10/5", $"{random.Next(20)}-{20 + random.Next(40)}/{1 + random.Next(12)}");
        string hours = Pick(random, "*", $"{random.Next(24)}", "1-3", "22-2", $"*/{2 + random.Next(8)}", $"{random.Next(24)},{random.Next(24)}", "2", "23-5/2");
        string days = Pick(random, "*", "*", "?", $"{1 + random.Next(28)}", "28-31", $"*/{2 + random.Next(9)}", "1,15,31", "25-5");
        string months = Pick(random, "*", "*", "*", "MAR,OCT", "1-6", "*/2", "NOV-FEB", "3/3");
        string weekdays = Pick(random, "*", "*", "SUN", "0", "7", "1-5", "FRI-SUN", "5-7", "SAT-TUE", "MON,WED", "*/2", "2/3");
        return $"{seconds}{minutes} {hours} {days} {months} {weekdays}";
    }

    private static string Pick(Random random, params string[] choices) => choices[random.Next(choices.Length)];

    /// <summary>When the real systemd would start it: all lines together, as far as each was asked.</summary>
    private static async Task<DateTime[]> AskSystemdAsync(IReadOnlyList<string> lines, DateTime begin, DateTime end, int iterations)
    {
        var start = new ProcessStartInfo("systemd-analyze",
            ["calendar", $"--base-time={begin.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)} UTC", $"--iterations={iterations}", "--", .. lines])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["TZ"] = "UTC";
        start.Environment["LC_ALL"] = "C";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        process.ExitCode.Should().Be(0, "{0}: {1}", string.Join(" | ", lines), await error);
        DateTime[][] answers = [.. output.Split("Normalized form:").Skip(1).Select(static of => Instant().Matches(of).Select(static match => DateTime.SpecifyKind(DateTime.ParseExact(match.Groups[1].Value, "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), DateTimeKind.Utc)).ToArray())];
        answers.Should().HaveCount(lines.Count);
        DateTime horizon = answers.Where(of => of.Length == iterations).Select(static of => of[^1].AddSeconds(1)).Append(end).Min();
        return [.. answers.SelectMany(static of => of).Distinct().Order().Where(instant => instant < horizon)];
    }

    [GeneratedRegex("(?:Next elapse|Iter. #[0-9]+): ... ([0-9-]{10} [0-9:]{8}) UTC")]
    private static partial Regex Instant();
}
