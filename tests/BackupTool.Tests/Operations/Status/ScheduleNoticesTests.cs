using BackupTool.Operations.History;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Status;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Status;

public sealed class ScheduleNoticesTests : IDisposable
{
    private static readonly DateTimeOffset Day = new(2026, 3, 5, 0, 0, 0, TimeSpan.Zero);
    private readonly TemporaryDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    private ScheduleSettings Schedule => new()
    {
        File = BytePath.From(_temp.Below("nightly.toml")),
        Name = "nightly",
        Cron = "30 2 * * *",
        TimeZone = TimeZoneInfo.Utc,
        Run = [ScheduleStep.Backup],
    };

    private static RunRecord Run(DateTimeOffset started, int exitCode = 0, string? problem = null) =>
        new() { Action = "run", Schedule = "nightly", Started = started, Finished = started + TimeSpan.FromMinutes(20), ExitCode = exitCode, Problem = problem };

    private string[] Of(RunRecord? last, DateTimeOffset now) => [.. ScheduleNotices.Of(Schedule, new ScheduleTimes(Schedule, "host"), last, now).Select(static notice =>
    {
        notice.IsTrouble.Should().BeTrue();
        return notice.Text;
    })];

    [Theory]
    [InlineData(8.4, false)]    // it may still run
    [InlineData(8.6, true)]
    [InlineData(32, true)]
    public void A_run_that_was_due_and_has_not_come_is_trouble(double hours, bool isMissed)
    {
        string[] notices = Of(Run(Day.AddDays(-1).AddHours(2.5)), Day.AddHours(hours));
        notices.Any(static text => text.StartsWith("nightly was due at ", StringComparison.Ordinal)).Should().Be(isMissed);
        notices.Should().HaveCount(isMissed ? 1 : 0);
    }

    [Fact]
    public void One_that_ran_late_has_come_and_nothing_is_known_without_any()
    {
        Of(Run(Day.AddHours(7)), Day.AddHours(20)).Should().BeEmpty();
        Of(null, Day.AddHours(20)).Should().BeEmpty();
    }

    [Fact]
    public void What_was_due_before_the_schedule_was_written_was_not()
    {
        string file = _temp.Below("nightly.toml");
        File.WriteAllText(file, "");
        File.SetLastWriteTimeUtc(file, Day.AddHours(5).UtcDateTime);
        Of(Run(Day.AddHours(-22)), Day.AddHours(20)).Should().BeEmpty();
        Of(Run(Day.AddHours(-22)), Day.AddHours(33)).Should().ContainSingle("the next night counts");
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(3, false)]
    [InlineData(1, true)]
    [InlineData(11, true)]
    [InlineData(20, true)]
    [InlineData(130, true)]
    public void A_last_run_that_failed_is_trouble(int exitCode, bool isTrouble)
    {
        string[] notices = Of(Run(Day.AddHours(2.5), exitCode, "bot is not in the snapshot."), Day.AddHours(9));
        if (isTrouble) notices.Should().ContainSingle().Which.Should().EndWith($"ended with {exitCode}: bot is not in the snapshot ('backup run nightly' runs it again)");
        else notices.Should().BeEmpty();
    }
}
