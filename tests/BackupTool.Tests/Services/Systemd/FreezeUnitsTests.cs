using BackupTool.Services.Systemd;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Systemd;

public sealed class FreezeUnitsTests(RealSystemd systemd) : ServiceManagerTests(systemd), IClassFixture<RealSystemd>
{
    [Fact]
    public async Task A_frozen_service_stands_still_and_goes_on_when_thawed_as_the_same_process()
    {
        await RunningAsync("f-counts.service", Counter);
        UnitState before = await StateAsync("f-counts");

        await Manager.FreezeAsync("f-counts", Test.Token);

        string count = await CountAsync("f-counts");
        await Task.Delay(200, Test.Token);
        (await CountAsync("f-counts")).Should().Be(count, "its processes stand still");
        (await StateAsync("f-counts")).FreezerState.Should().Be("frozen");
        (await KernelSaysFrozenAsync("f-counts")).Should().BeTrue();

        await Manager.ThawAsync("f-counts", Test.Token);

        await GoesOnAsync("f-counts", count);
        UnitState after = await StateAsync("f-counts");
        (after.FreezerState, after.MainPid, after.InvocationId, after.Restarts).Should().Be(("running", before.MainPid, before.InvocationId, 0));
    }

    [Fact]
    public async Task Freezing_and_thawing_twice_is_as_good_as_once()
    {
        await RunningAsync("f-twice.service", Counter);
        await Manager.ThawAsync("f-twice", Test.Token);
        await Manager.FreezeAsync("f-twice", Test.Token);
        await Manager.FreezeAsync("f-twice", Test.Token);
        (await KernelSaysFrozenAsync("f-twice")).Should().BeTrue();
        await Manager.ThawAsync("f-twice", Test.Token);
        await Manager.ThawAsync("f-twice", Test.Token);
        (await KernelSaysFrozenAsync("f-twice")).Should().BeFalse();
    }

    [Fact]
    public async Task What_has_nothing_to_freeze_is_told_with_a_way_out()
    {
        await Systemd.WriteUnitsAsync(("f-idle.service", Sleeper), ("f-served.service", Sleeper), ("f-served.socket", "[Socket]\nListenStream=/run/f.sock"));
        await Systemd.ExecAsync("systemctl", "start", "f-served.socket");

        ServiceManagerException idle = await FailureAsync(() => Manager.FreezeAsync("f-idle", Test.Token));
        ServiceManagerException socket = await FailureAsync(() => Manager.FreezeAsync("f-served.socket", Test.Token));
        ServiceManagerException nowhere = await FailureAsync(() => Manager.FreezeAsync("f-nowhere", Test.Token));

        idle.Message.Should().Contain("f-idle.service cannot be frozen (it is inactive/dead)");
        socket.Message.Should().Contain("f-served.socket cannot be frozen");
        socket.Hint.Should().Contain("quiesce = \"stop\"");
        nowhere.Message.Should().Contain("not found");
    }

    [Fact]
    public async Task Thawing_what_does_not_run_is_nothing()
    {
        await Systemd.WriteUnitAsync("f-off.service", Sleeper);
        await Manager.ThawAsync("f-off", Test.Token);
        await Manager.ThawAsync("f-never-heard-of", Test.Token);
    }

    [Fact]
    public async Task What_systemd_remembers_of_a_killed_run_does_not_pass_for_a_freeze()
    {
        await RunningAsync("f-stale.service", Counter + "\n[Install]\nWantedBy=multi-user.target");
        await Systemd.ExecAsync("systemctl", "enable", "f-stale");
        await Manager.FreezeAsync("f-stale", Test.Token);
        await Systemd.ExecAsync("systemctl", "kill", "--signal=SIGKILL", "f-stale");
        while ((await StateAsync("f-stale")).ActiveState != "failed") await Task.Delay(10, Test.Token);
        await Manager.ThawAsync("f-stale", Test.Token);
        await Manager.StartAsync("f-stale", Test.Token);
        (await StateAsync("f-stale")).FreezerState.Should().Be("frozen", "this is what systemd 252 remembers wrongly");
        (await KernelSaysFrozenAsync("f-stale")).Should().BeFalse();

        await Manager.FreezeAsync("f-stale", Test.Token);

        (await KernelSaysFrozenAsync("f-stale")).Should().BeTrue();
        await Manager.ThawAsync("f-stale", Test.Token);
        (await StateAsync("f-stale")).FreezerState.Should().Be("running");
    }

    [Fact]
    public async Task A_frozen_service_is_stopped_in_its_own_way()
    {
        await RunningAsync("f-stops.service", """
            [Service]
            Type=notify
            NotifyAccess=all
            ExecStart=/bin/bash -c 'trap "touch /run/f-stopped; exit 0" TERM; systemd-notify --ready; while :; do sleep 0.02; done'
            """);
        await Manager.FreezeAsync("f-stops", Test.Token);

        await Manager.StopAsync(["f-stops"], TimeSpan.FromMinutes(1), Test.Token);

        (await StateAsync("f-stops")).Result.Should().Be("success");
        File.Exists(Systemd.Inside("/run/f-stopped")).Should().BeTrue();
    }

    [Fact]
    public async Task A_service_that_its_watchdog_ends_while_frozen_is_told_and_can_be_stopped_and_started()
    {
        await RunningAsync("f-watched.service", """
            [Service]
            Type=notify
            NotifyAccess=all
            WatchdogSec=500ms
            TimeoutStopSec=10min
            ExecStart=/bin/bash -c 'systemd-notify --ready; while :; do systemd-notify WATCHDOG=1; sleep 0.1; done'
            """);
        (await StateAsync("f-watched")).Watchdog.Should().Be(TimeSpan.FromMilliseconds(500));
        await Manager.FreezeAsync("f-watched", Test.Token);
        while ((await StateAsync("f-watched")).ActiveState == "active") await Task.Delay(20, Test.Token);

        ServiceManagerException failure = await FailureAsync(() => Manager.ThawAsync("f-watched", Test.Token));

        failure.Message.Should().Be("f-watched.service stays frozen: systemd is ending it (stop-watchdog, watchdog) and thaws nothing that it ends");
        await Manager.StopAsync(["f-watched"], TimeSpan.Zero, Test.Token);
        await Manager.StartAsync("f-watched", Test.Token);
        (await StateAsync("f-watched")).ActiveState.Should().Be("active");
        (await KernelSaysFrozenAsync("f-watched")).Should().BeFalse();
    }

    [Fact]
    public async Task A_freeze_that_is_cancelled_leaves_nothing_frozen()
    {
        await RunningAsync("f-cancelled.service", Counter);
        for (int delay = 0; delay < 60; delay += 6)
        {
            using var cancel = new CancellationTokenSource(delay);
            try
            {
                await Manager.FreezeAsync("f-cancelled", cancel.Token);
                await Manager.ThawAsync("f-cancelled", Test.Token);
            }
            catch (OperationCanceledException)
            {
                (await KernelSaysFrozenAsync("f-cancelled")).Should().BeFalse();
            }
        }
        await GoesOnAsync("f-cancelled", await CountAsync("f-cancelled"));
    }

    private async Task GoesOnAsync(string unit, string count)
    {
        while (await CountAsync(unit) == count) await Task.Delay(5, Test.Token);
    }

    private async Task<bool> KernelSaysFrozenAsync(string unit) =>
        (await File.ReadAllTextAsync(Systemd.Inside($"/sys/fs/cgroup/system.slice/{unit}.service/cgroup.events"), Test.Token)).Contains("frozen 1");
}
