using System.Diagnostics;
using BackupTool.Services.Systemd;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Systemd;

public sealed class StopUnitsTests(RealSystemd systemd) : ServiceManagerTests(systemd), IClassFixture<RealSystemd>
{
    private const string IgnoresTerm = """
        [Service]
        Type=notify
        NotifyAccess=all
        ExecStart=/bin/bash -c 'trap "" TERM; systemd-notify --ready; while :; do sleep 0.05; done'
        """;

    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Stops_units_together_and_returns_when_they_are_down()
    {
        const string slow = """
            [Service]
            Type=notify
            NotifyAccess=all
            ExecStart=/bin/bash -c 'trap "sleep 0.4; exit 0" TERM; systemd-notify --ready; while :; do sleep 0.02; done'
            """;
        await RunningAsync("s-one.service", slow);
        await RunningAsync("s-two.service", slow);

        await Manager.StopAsync(["s-one", "s-two.service"], Long, Test.Token);

        (await Manager.DescribeAsync(["s-one", "s-two"], Test.Token)).Select(state => (state.ActiveState, state.Result)).Should().Equal(("inactive", "success"), ("inactive", "success"));
    }

    [Fact]
    public async Task What_is_down_already_stays_down_and_none_is_no_work()
    {
        await Systemd.WriteUnitAsync("s-idle.service", Sleeper);
        await Manager.StopAsync(["s-idle"], Long, Test.Token);
        await Manager.StopAsync([], Long, Test.Token);
        (await StateAsync("s-idle")).ActiveState.Should().Be("inactive");
    }

    [Fact]
    public async Task Systemd_kills_a_unit_that_ignores_SIGTERM_and_the_result_says_so()
    {
        await RunningAsync("s-stubborn.service", IgnoresTerm + "\nTimeoutStopSec=1");

        await Manager.StopAsync(["s-stubborn"], Long, Test.Token);

        UnitState state = await StateAsync("s-stubborn");
        (state.ActiveState, state.Result, state.MainPid).Should().Be(("failed", "timeout", 0));
    }

    [Fact]
    public async Task Our_patience_ends_before_systemds_own_and_kills()
    {
        await RunningAsync("s-patient.service", IgnoresTerm + "\nTimeoutStopSec=10min");
        long begun = Stopwatch.GetTimestamp();

        await Manager.StopAsync(["s-patient"], TimeSpan.FromSeconds(0.5), Test.Token);

        Stopwatch.GetElapsedTime(begun).Should().BeGreaterThan(TimeSpan.FromSeconds(0.5)).And.BeLessThan(TimeSpan.FromSeconds(8));
        UnitState state = await StateAsync("s-patient");
        (state.ActiveState, state.Result, state.MainPid).Should().Be(("failed", "signal", 0));
    }

    [Fact]
    public async Task Who_waits_for_another_to_stop_first_is_not_killed_for_it()
    {
        const string ordered = """
            [Service]
            Type=notify
            NotifyAccess=all
            ExecStart=/bin/bash -c 'trap "sleep 0.3; touch /run/s-home.ended; exit 0" TERM; systemd-notify --ready; while :; do sleep 0.02; done'
            """;
        await Systemd.WriteUnitsAsync(("s-home.service", ordered), ("s-bridge.service", Unit("After=s-home.service", IgnoresTerm + "\nTimeoutStopSec=10min")));
        await Systemd.ExecAsync("systemctl", "start", "s-home", "s-bridge");

        await Manager.StopAsync(["s-home", "s-bridge"], TimeSpan.FromSeconds(1), Test.Token);

        (await Manager.DescribeAsync(["s-home", "s-bridge"], Test.Token)).Select(state => (state.ActiveState, state.Result)).Should().Equal(("inactive", "success"), ("failed", "signal"));
        File.Exists(Systemd.Inside("/run/s-home.ended")).Should().BeTrue("it ended in its own way");
    }

    [Fact]
    public async Task A_stop_that_others_hold_up_names_who_is_still_up()
    {
        await Systemd.WriteUnitsAsync(("s-held.service", Sleeper), ("s-holder.service", Unit("Requires=s-held.service\nAfter=s-held.service", IgnoresTerm + "\nTimeoutStopSec=10min")));
        await Systemd.ExecAsync("systemctl", "start", "s-held", "s-holder");

        ServiceManagerException failure = await FailureAsync(() => Manager.StopAsync(["s-held"], TimeSpan.FromSeconds(0.2), Test.Token));

        failure.Message.Should().Contain("s-held.service (active/running)").And.Contain("other units stop first");
        failure.Hint.Should().Contain("systemctl list-jobs");
        await Systemd.ExecAsync("systemctl", "kill", "--signal=SIGKILL", "s-holder");
    }

    [Fact]
    public async Task An_ExecStop_that_hangs_is_killed_too()
    {
        await RunningAsync("s-hangs.service", Sleeper + "\nExecStop=/bin/sleep infinity\nExecStopPost=/bin/sleep infinity\nTimeoutStopSec=10min");

        await Manager.StopAsync(["s-hangs"], TimeSpan.FromSeconds(0.3), Test.Token);

        (await StateAsync("s-hangs")).ActiveState.Should().Be("failed");
    }

    [Fact]
    public async Task A_failing_ExecStop_is_a_stop_and_the_result_says_so()
    {
        await RunningAsync("s-bad-stop.service", Sleeper + "\nExecStop=/bin/false");

        await Manager.StopAsync(["s-bad-stop"], Long, Test.Token);

        UnitState state = await StateAsync("s-bad-stop");
        (state.ActiveState, state.Result).Should().Be(("failed", "exit-code"));
    }

    [Fact]
    public async Task A_unit_that_others_start_again_was_not_stopped()
    {
        await Systemd.WriteUnitsAsync(("s-upheld.service", Sleeper), ("s-keeper.service", Unit("Upholds=s-upheld.service")));
        await Systemd.ExecAsync("systemctl", "start", "s-keeper", "s-upheld");

        ServiceManagerException failure = await FailureAsync(() => Manager.StopAsync(["s-upheld"], Long, Test.Token));
        failure.Message.Should().Be("s-upheld.service does not stay down: s-keeper.service upholds it");

        // systemd starts it again while the keeper still stops.
        await Manager.StopAsync(["s-upheld", "s-keeper"], Long, Test.Token);
        await Task.Delay(300, Test.Token);
        (await StateAsync("s-upheld")).ActiveState.Should().Be("inactive");
    }

    [Fact]
    public async Task A_unit_that_is_started_again_at_once_was_not_stopped()
    {
        // What systemctl shows afterwards is made up here: when the real one starts it again is a matter of luck.
        var again = new SystemdServiceManager(TimeProvider.System, "/bin/sh", "-c", "case $2 in show) printf 'Id=s-again.service\nActiveState=active\nTriggeredBy=s-again.timer\n';; esac", "sh");
        (await FailureAsync(() => again.StopAsync(["s-again"], Long, Test.Token))).Message.Should().Be("s-again.service was stopped twice and is active again: s-again.timer may have started it");
    }

    [Fact]
    public async Task A_unit_that_refuses_to_be_stopped_by_hand_is_told_with_a_way_out()
    {
        await Systemd.WriteUnitsAsync(("s-refuses.service", Unit("RefuseManualStop=yes")));
        await Systemd.ExecAsync("systemctl", "start", "s-refuses");

        ServiceManagerException failure = await FailureAsync(() => Manager.StopAsync(["s-refuses"], Long, Test.Token));

        failure.Message.Should().Contain("s-refuses.service cannot be stopped").And.Contain("dependency only");
        failure.Hint.Should().Contain("RefuseManualStop=");
        (await StateAsync("s-refuses")).IsActive.Should().BeTrue();
    }

    [Fact]
    public async Task A_unit_that_is_not_there_is_told_and_the_others_are_stopped()
    {
        await RunningAsync("s-there.service", Sleeper);

        ServiceManagerException failure = await FailureAsync(() => Manager.StopAsync(["s-nowhere", "s-there"], Long, Test.Token));

        failure.Message.Should().Contain("s-nowhere.service not loaded");
        (await StateAsync("s-there")).ActiveState.Should().Be("inactive");
    }

    [Fact]
    public async Task Who_is_not_root_is_told_so_and_nobody_asks_for_a_password()
    {
        await RunningAsync("s-forbidden.service", Sleeper);
        var nobody = new SystemdServiceManager(TimeProvider.System, [.. Systemd.CommandPrefix, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);

        ServiceManagerException[] failures =
        [
            await FailureAsync(() => nobody.StopAsync(["s-forbidden"], Long, Test.Token)), await FailureAsync(() => nobody.StartAsync("s-forbidden", Test.Token)),
            await FailureAsync(() => nobody.FreezeAsync("s-forbidden", Test.Token)), await FailureAsync(() => nobody.SignalAsync("s-forbidden", "SIGUSR1", Test.Token)),
            await FailureAsync(() => nobody.ReadJournalAsync("s-forbidden", new JournalQuery(5), Test.Token)),
        ];

        failures.Should().OnlyContain(failure => failure.Hint!.StartsWith("Run it as root"));
        (await StateAsync("s-forbidden")).IsActive.Should().BeTrue();
    }

    [Fact]
    public async Task A_cancelled_stop_returns_and_goes_on_in_systemd()
    {
        await RunningAsync("s-cancelled.service", IgnoresTerm + "\nTimeoutStopSec=1");
        using var cancel = new CancellationTokenSource();
        Task stop = Manager.StopAsync(["s-cancelled"], Long, cancel.Token);
        while ((await StateAsync("s-cancelled")).ActiveState == "active") await Task.Delay(10, Test.Token);

        await cancel.CancelAsync();

        await stop.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
        UnitState state;
        do state = await StateAsync("s-cancelled"); while (state.ActiveState == "deactivating");
        state.Result.Should().Be("timeout");
    }

    [Fact]
    public async Task A_signal_that_ends_only_our_systemctl_does_not_end_the_stop()
    {
        await RunningAsync("s-hit.service", IgnoresTerm + "\nTimeoutStopSec=2");
        Task stop = Manager.StopAsync(["s-hit"], Long, Test.Token);
        while ((await StateAsync("s-hit")).ActiveState == "active") await Task.Delay(10, Test.Token);

        // What Ctrl-C, or a stop of our own unit, does to everything around us.
        await Systemd.ShellAsync("kill -TERM $(grep -lsz '^s-hit.service$' /proc/[0-9]*/cmdline | xargs grep -lsz '^stop$' | cut -d/ -f3)");

        await stop;
        (await StateAsync("s-hit")).ActiveState.Should().Be("failed");
    }
}
