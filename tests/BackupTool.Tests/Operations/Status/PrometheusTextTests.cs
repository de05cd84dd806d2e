using BackupTool.Operations.History;
using BackupTool.Operations.Status;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Status;

public sealed class PrometheusTextTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    private static readonly RunRecord Run = new() { Action = "run", Schedule = "night\"ly\\\n", Started = Now.AddHours(-1), Finished = Now.AddHours(-1).AddSeconds(90.5), ExitCode = 3 };

    private static readonly StatusReport Status = new()
    {
        Time = Now,
        Host = "here",
        Repository = "/var/backups/stack",
        Contents = new RepositoryContents(5_000_000_000, 42),
        Services =
        [
            new ServiceStatus
            {
                Name = "bot", State = BackupState.Good, LastGood = new GoodSnapshot(new string('a', 64), Now.AddHours(-1), 12_345_678_901, 10, TimeSpan.FromSeconds(1.25), false), Age = TimeSpan.FromHours(1),
                ExpectedAge = TimeSpan.FromHours(26), LastVerify = new ServiceVerification(Now.AddDays(-1), "data 2/7", new string('a', 64)),
            },
            new ServiceStatus { Name = "forge", State = BackupState.Never },
        ],
        Schedules = [new ScheduleStatus(Run.Schedule!, Now.AddHours(23), Run), new ScheduleStatus("yearly", null, null)],
        Runs = [Run, Run with { Action = "now", Schedule = null, ExitCode = 0 }, Run with { Action = "now", Schedule = null, ExitCode = 1 }],
        Notices = [],
    };

    [Fact]
    public void Everything_that_is_known_is_a_sample()
    {
        string label = "schedule=\"night\\\"ly\\\\\\n\"";
        PrometheusParser.Parse(PrometheusText.Write(Status)).Should().BeEquivalentTo(new Dictionary<string, double>
        {
            ["backup_repository_readable"] = 1,
            ["backup_repository_bytes"] = 5_000_000_000,
            ["backup_snapshots"] = 42,
            ["backup_snapshots_damaged"] = 0,
            ["backup_last_success_timestamp_seconds{service=\"bot\"}"] = 1_800_000_000 - 3600,
            ["backup_snapshot_bytes{service=\"bot\"}"] = 12_345_678_901,
            ["backup_service_downtime_seconds{service=\"bot\"}"] = 1.25,
            ["backup_expected_age_seconds{service=\"bot\"}"] = 26 * 3600,
            ["backup_stale{service=\"bot\"}"] = 0,
            ["backup_stale{service=\"forge\"}"] = 1,
            ["backup_last_verify_timestamp_seconds{service=\"bot\",level=\"data 2/7\"}"] = 1_800_000_000 - 86400,
            [$"backup_last_run_timestamp_seconds{{{label},action=\"run\"}}"] = 1_800_000_000 - 3600,
            ["backup_last_run_timestamp_seconds{schedule=\"\",action=\"now\"}"] = 1_800_000_000 - 3600,
            [$"backup_last_run_duration_seconds{{{label},action=\"run\"}}"] = 90.5,
            ["backup_last_run_duration_seconds{schedule=\"\",action=\"now\"}"] = 90.5,
            [$"backup_last_run_exit_code{{{label},action=\"run\"}}"] = 3,
            ["backup_last_run_exit_code{schedule=\"\",action=\"now\"}"] = 0,
            [$"backup_next_run_timestamp_seconds{{{label}}}"] = 1_800_000_000 + (23 * 3600),
        });
    }

    [Fact]
    public void Of_a_repository_that_cannot_be_read_that_is_said_and_nothing_made_up()
    {
        StatusReport unreadable = Status with { Contents = null, Failure = new RepositoryException("gone"), Services = [new ServiceStatus { Name = "bot", State = BackupState.Unknown }], Schedules = [], Runs = [] };

        PrometheusParser.Parse(PrometheusText.Write(unreadable)).Should().Equal(new Dictionary<string, double> { ["backup_repository_readable"] = 0 });
    }

    [Fact]
    public void The_file_is_replaced_whole_readable_by_all_and_nothing_is_left_beside_it()
    {
        using var there = new TemporaryDirectory();
        BytePath file = BytePath.From(there.Below("backup.prom"));
        File.WriteAllText(there.Below("backup.prom"), "what was there");

        MetricsFile.Write(file, Status);

        File.ReadAllText(there.Below("backup.prom")).Should().Be(PrometheusText.Write(Status));
        PosixDirectory.Current.GetStatus(file).Mode.Should().Be(0x1a4);
        Directory.GetFileSystemEntries(there.Text).Should().HaveCount(1);
        File.Delete(there.Below("backup.prom"));
        there.Make("backup.prom/x");
        ((Action)(() => MetricsFile.Write(file, Status))).Should().Throw<PosixException>();
        Directory.GetFileSystemEntries(there.Text).Should().HaveCount(1);
    }
}
