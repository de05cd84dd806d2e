using System.Text.Json;
using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary><c>backup run</c> of a stack on a real systemd.</summary>
public sealed class ScheduledStackTests
{
    [Fact]
    public async Task A_run_stops_and_resumes_the_stack_and_what_ends_it_leaves_no_service_down()
    {
        await using BotStack stack = await BotStack.StartAsync(backsUp: false);
        Directory.CreateDirectory(stack.Machine.Below("schedules"));
        await File.WriteAllTextAsync(stack.Machine.Below("schedules/nightly.toml"),
            "cron = \"30 2 * * *\"\nrun = [\"backup\", \"verify\", \"rotate\"]\nservices = [\"maubot\"]\nlabels = [\"night\"]\nkeep = { last = 2 }\n", TestContext.Current.CancellationToken);

        CliResult run = (await stack.Machine.RunAsync("run", "nightly", "--json")).ShouldExit(0);
        JsonElement quiesced = run.Json.GetProperty("steps")[0].GetProperty("backup").GetProperty("quiesced");
        quiesced.EnumerateArray().Select(static service => service.GetProperty("name").GetString()).Should().Equal("maubot");
        (await stack.Machine.RunAsync("list", "--json")).ShouldExit(0).Output.Should().Contain("\"nightly\"").And.Contain("\"night\"");
        await stack.ShouldBeWellAsync("after a run");

        CliResult killed = await stack.Machine.RunWithAsync(["BACKUP_FAIL_POINT=window"], "run", "nightly");
        killed.ExitCode.Should().Be(137, killed.Error);
        File.Exists(stack.Machine.RestartJournal).Should().BeTrue("the premise");
        (await stack.Machine.RunAsync("recover")).ShouldExit(0);
        await stack.ShouldBeWellAsync("after a kill and a recover");

        (await stack.Machine.RunWithAsync(["BACKUP_FAIL_POINT=window"], "run", "nightly")).ExitCode.Should().Be(137);
        (await stack.Machine.RunAsync("run", "nightly")).ShouldExit(0).Error.Should().Contain("restarts are owed");
        await stack.ShouldBeWellAsync("the next run pays first");

        await stack.WithBotDownAsync(() => Tests.Services.Sources.Sqlite.Sql.Make(stack.Database, "CREATE TABLE deadly(x);"));
        run = await stack.Machine.RunAsync("run", "nightly", "--json");
        run.ShouldFail(20, "rotate is not run");
        run.Json.GetProperty("steps")[2].GetProperty("result").GetString().Should().Be("not run");
    }

    [Fact]
    public async Task A_signal_in_the_window_resumes_first_and_ends_the_run_with_130()
    {
        await using StackMachine machine = await StackMachine.StartAsync();
        await machine.Systemd.WriteUnitsAsync(("homeserver.service", StackUnits.Idle("ExecStop=/bin/sleep 2\nTimeoutStopSec=20")));
        await machine.Systemd.ExecAsync("systemctl", "start", "homeserver.service");
        await machine.ConfigureAsync(machine.Service("homeserver", ""));
        Directory.CreateDirectory(machine.Below("schedules"));
        await File.WriteAllTextAsync(machine.Below("schedules/nightly.toml"), "cron = \"@daily\"\nrun = [\"backup\", \"verify\", \"rotate\"]\nkeep = { last = 2 }\n", TestContext.Current.CancellationToken);

        Task<CliResult> running = machine.RunAsync("run", "nightly", "--json");
        await machine.UntilAsync("[ $(systemctl show -P ActiveState homeserver.service) = deactivating ]");
        await machine.SignalAsync("TERM");

        CliResult run = (await running).ShouldFail(130, "verify is not run: backup was cancelled");
        run.Json.GetProperty("steps").EnumerateArray().Select(static step => step.GetProperty("result").GetString()).Should().Equal("cancelled", "not run", "not run");
        await machine.UntilAsync("[ $(systemctl show -P ActiveState homeserver.service) = active ]");
        File.Exists(machine.RestartJournal).Should().BeFalse();
        (await machine.RunAsync("schedules")).ShouldExit(0).Output.Should().Contain("cancelled");
    }
}
