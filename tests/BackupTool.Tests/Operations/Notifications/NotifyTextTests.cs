using BackupTool.Operations.Notifications;

namespace BackupTool.Tests.Operations.Notifications;

/// <summary>What people read.</summary>
public sealed class NotifyTextTests
{
    private static readonly RunOutcome Well = new()
    {
        Host = "stack",
        Schedule = "nightly",
        Started = new DateTimeOffset(2026, 11, 23, 2, 30, 0, TimeSpan.Zero),
        Finished = new DateTimeOffset(2026, 11, 23, 2, 34, 10, TimeSpan.Zero),
        ExitCode = 0,
        Steps = [new StepOutcome("backup", 0, TimeSpan.FromSeconds(190)), new StepOutcome("rotate", 0, TimeSpan.FromSeconds(60))],
        Services = ["homeserver", "maubot"],
        Snapshot = "abc",
        ReadBytes = 5L << 30,
        StoredBytes = 12_345_678,
    };

    [Fact]
    public void A_run_that_is_done_says_what_it_did()
    {
        NotifyEvent told = NotifyText.Ended(Well);
        (told.Kind, told.Title, told.Duration, told.Snapshot, told.Time).Should().Be((NotifyKind.Success, "nightly is done", TimeSpan.FromSeconds(250), "abc", Well.Finished));
        told.Lines.Should().Equal("backup: done in 3 min 10 s", "rotate: done in 1 min 00 s", "services: homeserver, maubot", "read: 5.0 GiB", "stored: 11.8 MiB");
    }

    [Theory]
    [InlineData(0, true, NotifyKind.Recovery, "nightly is well again")]
    [InlineData(75, false, NotifyKind.Success, "nightly is done")]
    [InlineData(3, true, NotifyKind.Warning, "nightly is done with 2 warnings")]
    [InlineData(1, false, NotifyKind.Failure, "nightly failed with 1")]
    [InlineData(20, false, NotifyKind.Failure, "nightly failed with 20")]
    public void The_kind_follows_from_the_exit_code_and_the_run_before(int code, bool wasUnwell, NotifyKind kind, string title)
    {
        NotifyEvent told = NotifyText.Ended(Well with { ExitCode = code, WasUnwell = wasUnwell, Warnings = ["a", "b"] });
        (told.Kind, told.Title, told.ExitCode).Should().Be((kind, title, code));
    }

    [Fact]
    public void A_failure_names_the_step_and_says_why_before_all_else()
    {
        NotifyEvent told = NotifyText.Ended(Well with
        {
            ExitCode = 13,
            Steps = [new StepOutcome("backup", 3, TimeSpan.FromHours(1.5)), new StepOutcome("verify", 13, TimeSpan.FromSeconds(1)), new StepOutcome("rotate", null, null)],
            Errors = ["a pack is damaged\nRun 'backup repair'."],
            Warnings = ["a socket was skipped"],
            StoredBytes = -1024,
        });
        told.Title.Should().Be("nightly failed: verify ended with 13");
        told.Lines.Should().Equal("a pack is damaged\nRun 'backup repair'.", "warning: a socket was skipped", "backup: done with warnings in 1 h 30 min", "verify: failed with 13 in 1 s", "rotate: not run",
            "services: homeserver, maubot", "read: 5.0 GiB", "freed: 1.0 KiB");
    }

    [Fact]
    public void Lines_are_single_bounded_and_counted()
    {
        var message = new NotifyMessage(Listener.Event() with { Title = "a\nb\u001b[31m", Lines = [new string('x', 2000), .. Enumerable.Range(0, 100).Select(static i => $"line {i}\r\n")] });
        message.Title.Should().Be("stack: a b [31m");
        message.Lines.Should().HaveCount(62);
        message.Lines[0].Should().HaveLength(500).And.EndWith("…");
        message.Lines[60].Should().Be("… and 41 more lines");
        message.Body(100).Should().EndWith("…");
        System.Text.Encoding.UTF8.GetByteCount(message.Body(100)).Should().BeLessThanOrEqualTo(100);
    }

    [Theory]
    [InlineData("backup@nightly.service", "nightly")]
    [InlineData(@"backup@every\x2dhour.service", "every-hour")]
    [InlineData("backup-agent.service", null)]
    [InlineData("backup@.service", null)]
    [InlineData("other@nightly.service", null)]
    public void A_unit_of_a_schedule_is_known_by_its_name(string unit, string? schedule) => UnitFailure.ScheduleOf(unit).Should().Be(schedule);
}
