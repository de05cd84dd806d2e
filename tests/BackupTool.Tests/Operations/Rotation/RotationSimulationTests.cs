using BackupTool.Operations;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Verify;
using BackupTool.Repositories.Retention;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Rotation;

public sealed class RotationSimulationTests : IAsyncLifetime
{
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
    private static readonly DateTimeOffset From = new(2026, 11, 23, 0, 0, 0, TimeSpan.FromHours(1));
    private RotationBox _box = null!;

    public async ValueTask InitializeAsync() => _box = await RotationBox.CreateAsync();

    public ValueTask DisposeAsync()
    {
        _box.Dispose();
        return default;
    }

    private IReadOnlyList<SimulationResult> Simulate(int years, params ScheduleSettings[] schedules)
    {
        BackupConfiguration configuration = _box.Configuration("", schedules);
        return RotationSimulation.Run(configuration, [.. schedules.Select(static one => new SimulatedSchedule(one, new ScheduleTimes(one, "host").Next))], From, From.AddYears(years), Berlin, Test.Token);
    }

    [Fact]
    public void Shows_what_exists_after_three_years_of_nights()
    {
        SimulationResult result = Simulate(3, RotationBox.Schedule("nightly", new RetentionPolicy { Last = 3, Daily = 7, Weekly = 4, Monthly = 12, Yearly = 2 }, ScheduleStep.Backup, ScheduleStep.Rotate)).Single();
        result.Runs.Should().Be(1096, "2028 is a leap year");
        result.AtTheEnd.Select(static decision => $"{decision.Snapshot.Time:yyyy-MM-dd}").Should().Equal(
            "2028-12-31", "2029-01-31", "2029-02-28", "2029-03-31", "2029-04-30", "2029-05-31", "2029-06-30", "2029-07-31", "2029-08-31", "2029-09-30", "2029-10-31", "2029-11-04", "2029-11-11",
            "2029-11-16", "2029-11-17", "2029-11-18", "2029-11-19", "2029-11-20", "2029-11-21", "2029-11-22");
        result.AtTheEnd[0].Reasons.Should().Equal("monthly 12 of 12 (2028-12)", "yearly 2 of 2 (2028)");
        result.Most.Should().BeInRange(21, 26, "one more than ever stays exists between backup and rotation");
    }

    [Fact]
    public void What_is_not_rotated_piles_up()
    {
        IReadOnlyList<SimulationResult> results = Simulate(1, RotationBox.Schedule("nightly", new RetentionPolicy { Last = 3 }, ScheduleStep.Backup), RotationBox.Schedule("weekly", null, ScheduleStep.Backup) with { Cron = "0 4 * * 0" });
        results.Select(static result => (result.Settings.Name, result.Runs, result.AtTheEnd.Count, result.Most)).Should().Equal(("nightly", 365, 365, 365), ("weekly", 52, 52, 52));
    }

    [Fact]
    public void What_is_newer_than_the_last_verification_stays_until_the_next()
    {
        SimulationResult[] results = [.. Simulate(1, RotationBox.Schedule("nightly", new RetentionPolicy { Last = 1 }, ScheduleStep.Backup, ScheduleStep.Rotate),
            RotationBox.Schedule("proof", null, ScheduleStep.Verify) with { Cron = "0 5 1 * *" })];
        results[0].Most.Should().Be(33, "a month of nights, the one that was proved before them, and after the next proof one more before it is rotated");
        results[1].Should().BeEquivalentTo(new { Runs = 12, Most = 0 });
    }

    [Fact]
    public void Only_a_verification_that_proves_something_keeps_what_is_newer()
    {
        (int, int)[] most = [.. new[] { new ScheduleVerification { Level = VerifyLevel.Structure }, new() { Level = VerifyLevel.Content }, new() { Parts = 3 } }.Select(verify =>
            Simulate(1, RotationBox.Schedule("nightly", new RetentionPolicy { Last = 2 }, ScheduleStep.Backup, ScheduleStep.Verify, ScheduleStep.Rotate) with { Verify = verify })[0])
            .Select(static result => (result.Most, result.AtTheEnd.Count))];
        most.Should().Equal([(3, 2), (3, 2), (4, 3)], "with three parts the newest that is proved is of the night before the last");
    }

    [Fact]
    public void A_schedule_of_some_services_keeps_what_it_alone_has()
    {
        IReadOnlyList<SimulationResult> results = Simulate(1, RotationBox.Schedule("all", new RetentionPolicy { Daily = 2 }, ScheduleStep.Backup, ScheduleStep.Rotate),
            RotationBox.Schedule("some", new RetentionPolicy { Daily = 3 }, ScheduleStep.Backup, ScheduleStep.Rotate) with { Cron = "0 12 * * *", Services = ["other"] });
        results.Select(static result => result.AtTheEnd.Count).Should().Equal(2, 3);
    }

    [Fact]
    public void Refuses_what_would_take_for_ever() =>
        FluentActions.Invoking(() => Simulate(3, RotationBox.Schedule("often", new RetentionPolicy { Last = 1 }, ScheduleStep.Backup, ScheduleStep.Rotate) with { Cron = "* * * * *" }))
            .Should().Throw<OperationException>().WithMessage("*more than 100,000 times*");
}
