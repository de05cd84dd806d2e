using BackupTool.Operations.Schedules;
using BackupTool.Repositories.Verification;

namespace BackupTool.Tests.Operations.Schedules;

public sealed class ScheduledRunTests
{
    private static readonly ScheduleStep[] All = [ScheduleStep.Backup, ScheduleStep.Verify, ScheduleStep.Rotate];

    [Theory]
    [InlineData(StepVerdict.Done, StepVerdict.Done, "backup verify rotate", null)]
    [InlineData(StepVerdict.Warned, StepVerdict.Warned, "backup verify rotate", null)]
    [InlineData(StepVerdict.Failed, StepVerdict.Done, "backup verify", "backup failed")]
    [InlineData(StepVerdict.Done, StepVerdict.Failed, "backup verify", "verify failed")]
    [InlineData(StepVerdict.Unwell, StepVerdict.Done, "backup verify", "not well")]
    [InlineData(StepVerdict.Failed, StepVerdict.Failed, "backup verify", "backup failed")]
    [InlineData(StepVerdict.NoRepository, StepVerdict.Done, "backup", "no repository")]
    [InlineData(StepVerdict.Cancelled, StepVerdict.Done, "backup", "was cancelled")]
    public async Task A_rotation_follows_nothing_but_success(StepVerdict backup, StepVerdict verify, string done, string? reason)
    {
        var performed = new List<string>();
        var skipped = new List<string>();
        var run = new ScheduledRun(All, (step, _) =>
        {
            performed.Add(ScheduleLookup.WordOf(step));
            return Task.FromResult(step switch { ScheduleStep.Backup => backup, ScheduleStep.Verify => verify, _ => StepVerdict.Done });
        }, (_, why) => skipped.Add(why));

        IReadOnlyList<EndedStep> ended = await run.RunAsync(TestContext.Current.CancellationToken);

        string.Join(' ', performed).Should().Be(done);
        ended.Select(static end => end.Step).Should().Equal(All);
        ended.Count(static end => end.Verdict == StepVerdict.NotRun).Should().Be(skipped.Count);
        skipped.Should().HaveCount(3 - performed.Count);
        if (reason is not null) skipped[0].Should().Contain(reason);
    }

    [Fact]
    public void Each_run_verifies_the_part_after_the_last_and_the_first_one_everything()
    {
        var sevenths = new ScheduleVerification { Parts = 7 };
        VerificationParts.Next(new ScheduleVerification(), [Report(1, null)]).Should().BeNull();
        VerificationParts.Next(sevenths, []).Should().BeNull("nothing is proved yet");
        VerificationParts.Next(sevenths, [Report(1, null)]).Should().Be(new PackSubset(1, 7));
        VerificationParts.Next(sevenths, [Report(1, null), Report(3, "3/7"), Report(2, "5/7")]).Should().Be(new PackSubset(4, 7));
        VerificationParts.Next(sevenths, [Report(1, null), Report(3, "7/7"), Report(4, "2/30"), Report(5, null)]).Should().Be(new PackSubset(1, 7));
    }

    private static Evidence Report(int day, string? subset) => new()
    {
        FormatVersion = 1,
        Action = "verify",
        Time = new DateTimeOffset(2026, 1, day, 0, 0, 0, TimeSpan.Zero),
        Host = "host",
        Level = "data",
        Subset = subset,
        Snapshots = ["a"],
        Problems = [],
        ReadBytes = 1,
    };
}
