using System.Text.Json;
using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>The agent as a unit of a real systemd: it is ready, it runs, it hears, it is watched, and it leaves no service down.</summary>
public sealed class AgentTests
{
    [Fact]
    public async Task A_schedule_that_is_due_runs_as_a_process_of_its_own_and_what_the_agent_says_is_true()
    {
        await using AgentStack stack = await AgentStack.SetUpAsync(AgentStack.EveryTwoSeconds);
        await stack.StartAsync();
        (await stack.ShowAsync("ActiveState")).Should().Be("active");
        await stack.UntilItSaysAsync("often ended after");
        (await stack.Machine.RunAsync("list")).ShouldExit(0).Output.Should().NotBeEmpty("it was backed up");
        await stack.Machine.UntilAsync($"systemctl show -P StatusText {AgentStack.Unit} | grep -Eq 'next: often|running often'");

        (int code, string body) = await stack.GetAsync("/health");
        code.Should().Be(200, body);
        body.Should().Contain("\"healthy\": true");
        JsonElement status = await stack.StatusAsync();
        status.GetProperty("recovery").GetInt32().Should().Be(0);
        status.GetProperty("process").GetInt32().ToString(System.Globalization.CultureInfo.InvariantCulture).Should().Be(await stack.ShowAsync("MainPID"));
        status.GetProperty("schedules")[0].GetProperty("name").GetString().Should().Be("often");
        (await stack.GetAsync("/metrics")).Body.Should().Contain("backup_agent_healthy 1").And.Contain("backup_agent_schedule_next_run_time_seconds{schedule=\"often\"}");

        (await stack.Machine.RunAsync("agent")).ShouldFail(11, "Another agent");
        (await stack.ShowAsync("NRestarts")).Should().Be("0");
        await stack.Machine.Systemd.ExecAsync("systemctl", "stop", AgentStack.Unit);
        (await stack.ShowAsync("Result")).Should().Be("success");
        File.Exists(stack.Machine.Below(AgentStack.Socket)).Should().BeFalse();
        await stack.ServicesShouldRunAsync("it has ended");
    }

    [Fact]
    public async Task A_bad_configuration_at_a_reload_is_refused_and_runs_go_on_by_the_old_one()
    {
        await using AgentStack stack = await AgentStack.SetUpAsync(AgentStack.EveryTwoSeconds);
        await stack.StartAsync();
        stack.WriteSchedule("often", "61 25 * * *");
        await stack.Machine.Systemd.ExecAsync("systemctl", "reload", AgentStack.Unit);
        await stack.UntilItSaysAsync("often.toml:1:");
        await stack.Machine.UntilAsync($"systemctl show -P StatusText {AgentStack.Unit} | grep -q 'configuration: refused'");
        (await stack.StatusAsync()).GetProperty("configuration").GetProperty("state").GetString().Should().Be("refused");
        CliResult asked = await stack.Machine.RunAsync("agent", "status");
        asked.Error.Should().Contain("the older one goes on").And.Contain("often.toml:1:");
        asked.Output.Should().Contain("SCHEDULE").And.Contain("often", "who asks with that configuration is answered");
        int before = (await stack.Machine.RunAsync("list")).Output.Split('\n').Length;
        for (int i = 0; i < 100 && (await stack.Machine.RunAsync("list")).Output.Split('\n').Length < before + 2; i++) await Task.Delay(200, TestContext.Current.CancellationToken);
        (await stack.StatusAsync()).GetProperty("problems").EnumerateArray().Select(static problem => problem.GetString()).Should().NotContain(static problem => problem!.Contains("the run of"), "runs by the old configuration are well");
        (await stack.Machine.RunAsync("list")).Output.Split('\n').Length.Should().BeGreaterThanOrEqualTo(before + 2);

        stack.WriteSchedule("often", AgentStack.OnceAYear);
        await stack.Machine.Systemd.ExecAsync("systemctl", "reload", AgentStack.Unit);
        await stack.UntilItSaysAsync("again; schedules: often");
        await stack.Machine.UntilAsync($"! systemctl show -P StatusText {AgentStack.Unit} | grep -q refused");
        (await stack.StatusAsync()).GetProperty("configuration").GetProperty("state").GetString().Should().Be("loaded");
        (await stack.ShowAsync("NRestarts")).Should().Be("0");
    }

    [Theory]
    [InlineData("systemctl stop backup-agent.service", "success")]
    [InlineData("systemctl kill -s KILL --kill-who=main backup-agent.service; systemctl stop backup-agent.service", "")]
    [InlineData("systemctl kill -s KILL backup-agent.service; systemctl stop backup-agent.service", "")]
    public async Task However_it_ends_in_the_middle_of_a_window_the_services_run_again(string end, string result)
    {
        await using AgentStack stack = await AgentStack.SetUpAsync(AgentStack.EverySecond, stopsWithin: 4);
        await stack.StartAsync();
        await stack.InWindowAsync();
        stack.WriteSchedule("often", AgentStack.OnceAYear);   // the next agent, if systemd starts one, is to rest
        await stack.Machine.Systemd.ShellAsync(end);
        await stack.Machine.UntilAsync($"systemctl show -P ActiveState {AgentStack.Unit} | grep -Eq 'inactive|failed'", 60);
        if (result.Length > 0) (await stack.ShowAsync("Result")).Should().Be(result);
        await stack.ServicesShouldRunAsync(end);
        JsonDocument.Parse(await File.ReadAllTextAsync(stack.Memory, TestContext.Current.CancellationToken)).RootElement.GetProperty("schedules").GetProperty("often").GetProperty("lastRun").ValueKind.Should().Be(JsonValueKind.Object);
    }

    [Fact]
    public async Task Killed_outside_of_a_unit_its_run_brings_the_services_back_itself()
    {
        await using AgentStack stack = await AgentStack.SetUpAsync(AgentStack.EverySecond, stopsWithin: 4);
        Task<CliResult> agent = stack.Machine.RunAsync("agent");
        await stack.InWindowAsync();
        await stack.Machine.SignalAsync("KILL");
        await agent;
        await stack.Machine.UntilAsync($"[ ! -e {stack.Machine.RestartJournal} ]", 60);
        await stack.ServicesShouldRunAsync("nobody else is there to do it");
    }

    [Fact]
    public async Task An_agent_that_does_not_move_any_more_is_killed_and_started_again_by_the_watchdog()
    {
        await using AgentStack stack = await AgentStack.SetUpAsync(AgentStack.OnceAYear);
        await stack.WriteUnitsAsync(watchdog: 4);
        await stack.StartAsync();
        string process = await stack.ShowAsync("MainPID");
        await Task.Delay(TimeSpan.FromSeconds(9), TestContext.Current.CancellationToken);
        (await stack.ShowAsync("MainPID")).Should().Be(process, "the premise: as long as it moves, it is left alone");
        await stack.Machine.Systemd.ExecAsync("systemctl", "kill", "-s", "STOP", "--kill-who=main", AgentStack.Unit);
        await stack.Machine.UntilAsync($"[ $(systemctl show -P NRestarts {AgentStack.Unit}) = 1 ] && [ $(systemctl show -P ActiveState {AgentStack.Unit}) = active ]", 60);
        (await stack.ShowAsync("MainPID")).Should().NotBe(process).And.Be($"{(await stack.StatusAsync()).GetProperty("process").GetInt32()}", "the socket of the one that was killed is the new one's");
    }

    [Fact]
    public async Task After_a_power_cut_in_the_middle_of_a_window_the_agent_that_boots_starts_the_services_again()
    {
        await using AgentStack stack = await AgentStack.SetUpAsync(AgentStack.EverySecond, stopsWithin: 4);
        await stack.StartAsync();
        await stack.InWindowAsync();
        File.Exists(stack.Machine.RestartJournal).Should().BeTrue("the premise");
        await stack.LosePowerAsync();
        stack.WriteSchedule("often", AgentStack.OnceAYear);
        await File.WriteAllTextAsync(stack.Machine.Below("boot_id"), "11111111-2222-3333-4444-555555555555\n", TestContext.Current.CancellationToken);
        // All machines of the tests share the kernel's boot id: here the agent sees another.
        await stack.WriteUnitsAsync(more: $"BindReadOnlyPaths={stack.Machine.Below("boot_id")}:/proc/sys/kernel/random/boot_id");
        (await stack.Machine.LookAsync(AgentStack.Services)).Values.Should().OnlyContain(static look => look.ActiveState == "inactive", "the premise: they are not enabled");

        await stack.StartAsync();

        await stack.ServicesShouldRunAsync("it is ready only when nothing is owed");
        JsonElement schedule = (await stack.StatusAsync()).GetProperty("schedules")[0];
        schedule.GetProperty("outcome").GetString().Should().Be("interrupted");
        (await stack.GetAsync("/health")).Code.Should().Be(503, "a run was cut short, and somebody should know");
    }

    [Fact]
    public async Task A_night_that_was_missed_while_the_machine_was_off_is_run_at_once_after_the_boot()
    {
        await using AgentStack stack = await AgentStack.SetUpAsync("0 0 * * *");
        await stack.StartAsync();
        await stack.Machine.Systemd.ExecAsync("systemctl", "stop", AgentStack.Unit);
        string memory = await File.ReadAllTextAsync(stack.Memory, TestContext.Current.CancellationToken);
        string lastSlot = JsonDocument.Parse(memory).RootElement.GetProperty("schedules").GetProperty("often").GetProperty("lastSlot").GetString()!;
        await File.WriteAllTextAsync(stack.Memory, memory.Replace(lastSlot, "2026-01-01T00:00:00+00:00", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        await stack.StartAsync();
        await stack.UntilItSaysAsync("often ended after");
        (await stack.Machine.RunAsync("list")).Output.Trim().Split('\n').Length.Should().BeLessThan(4, "it was run once");
        await stack.UntilItSaysAsync("is caught up");
    }
}
