using BackupTool.Operations.Schedules;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Schedules;

public sealed class ScheduleTimesTests
{
    private static readonly string[] Zones =
        ["Europe/Berlin", "America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "America/St_Johns", "Africa/Cairo", "Asia/Beirut", "America/Santiago", "Africa/Casablanca", "Asia/Kathmandu", "UTC"];

    [Theory]
    [InlineData("Europe/Berlin", "30 2 * * *")]
    [InlineData("Europe/Berlin", "0 30 2 * * *")]
    [InlineData("America/New_York", "30 2 * * *")]
    [InlineData("America/New_York", "30 1 * * *")]
    [InlineData("Africa/Cairo", "@daily")]
    [InlineData("Europe/Dublin", "30 1 * * *")]
    [InlineData("Australia/Lord_Howe", "45 1 * * *")]
    public void A_nightly_run_happens_exactly_once_on_every_day_of_ten_years(string zone, string cron)
    {
        TimeZoneInfo place = TimeZoneInfo.FindSystemTimeZoneById(zone);
        var clock = new SettableTime(new DateTimeOffset(2024, 12, 31, 12, 0, 0, TimeSpan.Zero));
        ScheduleTimes times = Times(cron, zone, jitter: TimeSpan.FromMinutes(10));

        var days = new Dictionary<DateOnly, int>();
        while (clock.Now.Year < 2035)
        {
            clock.Now = times.Next(clock.GetUtcNow())!.Value;   // as one who waits until then, and asks again
            DateOnly day = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(clock.Now - times.Delay, place).DateTime);
            days[day] = days.GetValueOrDefault(day) + 1;
        }

        DateOnly first = new(2025, 1, 1);
        Enumerable.Range(0, 3652).Should().OnlyContain(n => days.GetValueOrDefault(first.AddDays(n)) == 1);
    }

    [Theory]
    [InlineData("Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00")]   // 02:30 does not exist: when it would have been
    [InlineData("Europe/Berlin", "2026-10-24T22:00Z", "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00")]   // 02:30 is there twice: the first
    [InlineData("America/New_York", "2026-03-08T05:00Z", "2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00")]
    [InlineData("America/New_York", "2026-11-01T04:00Z", "2026-11-01T02:30-05:00", "2026-11-02T02:30-05:00")]
    public void On_the_days_when_the_clock_is_put_forward_and_back_half_past_two_is_this(string zone, string after, string run, string next)
    {
        ScheduleTimes times = Times("30 2 * * *", zone);

        DateTimeOffset first = times.Next(At(after))!.Value;
        first.ToString("yyyy-MM-ddTHH:mmzzz").Should().Be(run);
        times.Next(first)!.Value.ToString("yyyy-MM-ddTHH:mmzzz").Should().Be(next);
    }

    [Fact]
    public void What_repeats_goes_on_repeating_in_the_hour_that_is_there_twice()
    {
        ScheduleTimes times = Times("*/30 * * * *", "Europe/Berlin");

        var runs = new List<string>();
        for (DateTimeOffset at = At("2026-10-24T23:59Z"); runs.Count < 5; at = times.Next(at)!.Value) runs.Add(times.Next(at)!.Value.ToString("HH:mmzzz"));

        runs.Should().Equal("02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00", "03:00+01:00");
    }

    [Fact]
    public void The_latest_run_is_the_one_before_the_next_whatever_the_zone_and_the_clock_do()
    {
        foreach (string zone in Zones)
        {
            foreach (string cron in (string[])["30 2 * * *", "0 0 * * *", "15 1,2 * * *", "*/20 0-3 * * *", "0 30 2 * * SUN", "0 2 L * *", "30 23 * * *"])
            {
                ScheduleTimes times = Times(cron, zone, jitter: TimeSpan.FromHours(2));
                DateTimeOffset last = times.Next(At("2025-02-01T00:00Z"))!.Value;
                while (last.Year < 2028)
                {
                    DateTimeOffset next = times.Next(last)!.Value;
                    next.Should().BeAfter(last, "{0} in {1}", cron, zone);
                    times.Latest(last).Should().Be(last, "{0} in {1}", cron, zone);
                    times.Latest(next - TimeSpan.FromTicks(1)).Should().Be(last, "{0} in {1}", cron, zone);
                    times.Next(next - TimeSpan.FromTicks(1)).Should().Be(next, "{0} in {1}", cron, zone);
                    last = next;
                }
            }
        }
    }

    [Fact]
    public void The_delay_is_the_same_every_night_differs_from_host_to_host_and_stays_within_the_jitter()
    {
        TimeSpan jitter = TimeSpan.FromMinutes(10);
        TimeSpan[] delays = [.. Enumerable.Range(0, 300).Select(n => Times("30 2 * * *", "UTC", jitter, host: $"host{n}").Delay)];

        delays.Should().OnlyContain(delay => delay >= TimeSpan.Zero && delay <= jitter);
        delays.Distinct().Count().Should().BeGreaterThan(150);
        Times("30 2 * * *", "UTC", jitter, host: "host7").Delay.Should().Be(delays[7]);
        Times("30 2 * * *", "UTC", jitter, host: "host7", name: "other").Delay.Should().NotBe(delays[7]);
        Times("30 2 * * *", "UTC", jitter, host: "host7").Delay.Should().Be(TimeSpan.FromSeconds(573), "it is the same in every version");
        Times("30 2 * * *", "UTC").Delay.Should().Be(TimeSpan.Zero);
        Times("30 2 * * *", "UTC", jitter).Next(At("2026-05-01T12:00Z")).Should().Be(At("2026-05-02T02:30Z") + Times("30 2 * * *", "UTC", jitter).Delay);
    }

    [Theory]
    [InlineData("30 2 * * *", "UTC", 24)]
    [InlineData("30 2 * * *", "Europe/Berlin", 25)]
    [InlineData("30 2 * * MON-FRI", "UTC", 72)]
    [InlineData("@hourly", "UTC", 1)]
    [InlineData("0 3 * SEP-MAY *", "UTC", (30 + 31 + 31 + 1) * 24)]
    [InlineData("0 0 29 2 *", "UTC", 1461 * 24)]
    [InlineData("0 0 30 2 *", "UTC", 36_500 * 24)]
    [InlineData("* * * * * *", "UTC", 0)]
    public void The_longest_gap_is_what_one_must_wait_for_a_run_at_worst(string cron, string zone, int hours) =>
        ((int)Times(cron, zone).LongestGap(At("2026-05-01T12:00Z")).TotalHours).Should().Be(hours);

    [Fact]
    public void A_day_that_never_comes_has_no_run()
    {
        Times("0 0 30 2 *", "Europe/Berlin").Next(At("2026-05-01T12:00Z")).Should().BeNull();
        Times("0 0 30 2 *", "Europe/Berlin").Latest(At("2026-05-01T12:00Z")).Should().BeNull();
    }

    [Theory]
    [InlineData("30 25 * * *", "*between 0 and 23*")]
    [InlineData("30 2 * *", "*4 fields*needs 5*")]
    [InlineData("H 2 * * *", "*jitter*")]
    [InlineData("@nightly", "*Macro*")]
    [InlineData("30 2 * * MONDAY", "*")]
    public void What_is_no_cron_expression_is_told_with_its_reason(string cron, string reason)
    {
        Action reading = () => Times(cron, "UTC");
        reading.Should().Throw<FormatException>().WithMessage($"`{cron}` is no cron expression: {reason}").Which.Message.Should().NotContain("invalid format");
    }

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static ScheduleTimes Times(string cron, string zone, TimeSpan jitter = default, string host = "host", string name = "nightly") =>
        new(new ScheduleSettings { File = BytePath.From($"/etc/backup/schedules/{name}.toml"), Name = name, Cron = cron, TimeZone = TimeZoneInfo.FindSystemTimeZoneById(zone), Jitter = jitter, Run = [ScheduleStep.Backup] }, host);
}
