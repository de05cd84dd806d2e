using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Status;
using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Tests.Operations.Status;

public sealed class ExpectedAgesTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private static ScheduleSettings Schedule(string name, string cron, string[]? services = null, params ScheduleStep[] run) => new()
    {
        File = BytePath.From($"/etc/backup/schedules/{name}.toml"),
        Name = name,
        Cron = cron,
        TimeZone = TimeZoneInfo.Utc,
        Run = run.Length == 0 ? [ScheduleStep.Backup] : run,
        Services = services,
    };

    private static ServiceSettings Service(string name, TimeSpan? maxAge = null) => new() { Name = name, Kind = "files", Place = new TextPlace(1, 1), MaxAge = maxAge };

    private static TimeSpan? Of(string service, params ScheduleSettings[] schedules) => new ExpectedAges(schedules, "host").Of(Service(service), Now);

    [Fact]
    public void Of_a_nightly_schedule_a_day_and_a_tenth_of_it_and_the_jitter() =>
        Of("bot", Schedule("nightly", "30 2 * * *") with { Jitter = TimeSpan.FromMinutes(10) }).Should().Be(TimeSpan.FromHours(24) + TimeSpan.FromMinutes(10) + TimeSpan.FromHours(2.4));

    [Fact]
    public void An_hour_is_the_least_tolerance_and_the_longest_gap_counts()
    {
        Of("bot", Schedule("often", "0 * * * *")).Should().Be(TimeSpan.FromHours(2));
        Of("bot", Schedule("working-days", "30 2 * * 1-5")).Should().Be(TimeSpan.FromDays(3) * 1.1);
    }

    [Fact]
    public void Of_several_the_one_that_runs_most_often_and_only_those_that_back_it_up()
    {
        ScheduleSettings nightly = Schedule("nightly", "30 2 * * *"), weekly = Schedule("weekly", "0 4 * * 0"), bots = Schedule("bots", "0 */6 * * *", ["bot"]), check = Schedule("check", "0 * * * *", null, ScheduleStep.Verify);

        Of("bot", nightly, weekly, bots, check).Should().Be(TimeSpan.FromHours(7));
        Of("forge", nightly, weekly, bots, check).Should().Be(TimeSpan.FromHours(26.4));
        Of("forge", bots, check).Should().BeNull();
        new ExpectedAges([nightly, bots], "host").NextOf("bot", Now).Should().Be(new DateTimeOffset(2026, 3, 1, 18, 0, 0, TimeSpan.Zero));
        new ExpectedAges([bots], "host").NextOf("forge", Now).Should().BeNull();
    }

    [Fact]
    public void What_the_service_says_goes_first() =>
        new ExpectedAges([Schedule("nightly", "30 2 * * *")], "host").Of(Service("bot", TimeSpan.FromHours(36)), Now).Should().Be(TimeSpan.FromHours(36));
}
