using BackupTool.Operations.Status;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Verification;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Status;

public sealed class ServiceJudgementTests
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 2, 30, 0, TimeSpan.Zero), Now = Start.AddDays(10);

    private static StoredSnapshot Stored(int day, Action<ServiceSnapshot>? change = null, string[]? labels = null, string quiesce = "stop") =>
        SomeSnapshots.Make(Start.AddDays(day), "here", labels ?? [], SomeSnapshots.Service("bot", 1000 + day, 10, quiesce, change));

    private static StoredSnapshot Without(int day)
    {
        StoredSnapshot made = SomeSnapshots.Make(Start.AddDays(day), "here", [], SomeSnapshots.Service("other", 5, 1));
        return made with { Snapshot = made.Snapshot with { Failures = [new ServiceFailure("bot", "its disk is gone.")] } };
    }

    private static ServiceStatus Judge(TimeSpan? expected, params StoredSnapshot[] snapshots) => new ServiceJudgement(snapshots, [], Now).Judge("bot", expected, null);

    [Fact]
    public void The_last_good_snapshot_counts_and_its_age_is_compared()
    {
        ServiceStatus status = Judge(TimeSpan.FromHours(26), Stored(8), Stored(9));

        status.Should().BeEquivalentTo(new { State = BackupState.Good, Age = TimeSpan.FromDays(1), Trouble = (string?)null });
        status.LastGood.Should().BeEquivalentTo(new { Bytes = 1009, Files = 10, Time = Start.AddDays(9), IsCrashCopy = false });
        Judge(TimeSpan.FromHours(23), Stored(9)).State.Should().Be(BackupState.Stale);
        Judge(null, Stored(1)).State.Should().Be(BackupState.Good, "nobody says how old it may be");
        Judge(null).State.Should().Be(BackupState.Never);
    }

    [Fact]
    public void One_that_is_dated_in_the_future_stands_for_none_that_is_not()
    {
        Judge(TimeSpan.FromDays(2), Stored(5), Stored(400)).Should().BeEquivalentTo(new { State = BackupState.Stale, Age = TimeSpan.FromDays(5) });
        Judge(TimeSpan.FromDays(2), Stored(9), Stored(400)).Should().BeEquivalentTo(new { State = BackupState.Good, Age = TimeSpan.FromDays(1), Trouble = (string?)null });
        Judge(TimeSpan.FromDays(2), Stored(400)).Trouble.Should().Contain("dated in the future");
    }

    [Fact]
    public void Suspicious_ones_safety_snapshots_and_imports_are_not_good_and_a_crash_copy_is()
    {
        ServiceStatus status = Judge(TimeSpan.FromDays(2), Stored(5), Stored(6, static service => service.Facts["suspicious"] = "holds no file at all"), Stored(7, labels: ["pre-wipe"]), Stored(8, quiesce: "imported"));

        status.LastGood!.Bytes.Should().Be(1005);
        status.State.Should().Be(BackupState.Stale);
        status.Trouble.Should().StartWith("is suspicious in ").And.EndWith("it holds no file at all");
        SomeSnapshots.Service("bot", 1, 1).Should().NotBeNull();
        new ServiceJudgement([SomeSnapshots.Make(Start, "here", [], SomeSnapshots.Service("bot", 1, 1) with { Copy = "crash", CrashReason = "it was killed", DowntimeSeconds = 1.5 })], [], Now).Judge("bot", null, null).LastGood
            .Should().BeEquivalentTo(new { IsCrashCopy = true, Downtime = TimeSpan.FromSeconds(1.5) });
    }

    [Fact]
    public void What_failed_since_is_told_and_what_failed_before_is_not()
    {
        Judge(null, Stored(1), Without(2)).Trouble.Should().Contain("is not in ").And.EndWith(": its disk is gone");
        Judge(null, Without(2), Stored(3)).Trouble.Should().BeNull();
        Judge(null, Without(2)).Should().BeEquivalentTo(new { State = BackupState.Never });
    }

    [Fact]
    public void A_verification_counts_when_it_looked_at_the_service_and_found_nothing()
    {
        StoredSnapshot first = Stored(1), second = Stored(2);
        Evidence Report(int day, string level, string[] snapshots, params string[] problems) => new()
        {
            FormatVersion = 1,
            Action = "verify",
            Time = Start.AddDays(day),
            Host = "here",
            Level = level,
            Snapshots = snapshots,
            Problems = problems,
            ReadBytes = 0,
        };
        Evidence[] evidence =
        [
            Report(3, "content", [first.Id.Hex, second.Id.Hex]), Report(5, "data", [first.Id.Hex], "packs/ab/…: its contents are not what its name says"), Report(6, "structure", [new string('0', 64)]),
        ];

        new ServiceJudgement([first, second], evidence, Now).Judge("bot", null, null).LastVerify.Should().Be(new ServiceVerification(Start.AddDays(3), "content", second.Id.Hex));
        new ServiceJudgement([first], [evidence[0] with { Level = "data", Subset = "2/7" }], Now).Judge("bot", null, null).LastVerify!.Level.Should().Be("data 2/7");
        new ServiceJudgement([first], [evidence[1]], Now).Judge("bot", null, null).LastVerify.Should().BeNull();
    }
}
