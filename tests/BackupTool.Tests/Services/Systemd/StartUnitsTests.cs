using BackupTool.Services.Systemd;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Systemd;

public sealed class StartUnitsTests(RealSystemd systemd) : ServiceManagerTests(systemd), IClassFixture<RealSystemd>
{
    [Fact]
    public async Task Returns_when_a_unit_says_that_it_is_ready()
    {
        await Systemd.WriteUnitAsync("b-ready.service", """
            [Service]
            Type=notify
            NotifyAccess=all
            ExecStart=/bin/bash -c 'sleep 0.3; touch /run/b-ready; systemd-notify --ready; exec sleep infinity'
            """);

        await Manager.StartAsync("b-ready", Test.Token);

        File.Exists(Systemd.Inside("/run/b-ready")).Should().BeTrue();
        (await StateAsync("b-ready")).ActiveState.Should().Be("active");
    }

    [Fact]
    public async Task A_failed_start_says_why_and_where_to_look_and_no_secret()
    {
        await Systemd.WriteUnitAsync("b-fails.service", """
            [Service]
            Type=notify
            Environment=TOKEN=syt_Secret_1
            ExecStart=/bin/sh -c 'echo syt_Secret_2 >&2; exit 14' --password=syt_Secret_3
            """);

        ServiceManagerException failure = await FailureAsync(() => Manager.StartAsync("b-fails", Test.Token));

        failure.Message.Should().StartWith("b-fails.service did not start (failed/failed, exit-code, exit status 14): Job for b-fails.service failed");
        failure.Hint.Should().Contain("journalctl -u b-fails.service");
        failure.ToString().Should().NotContain("syt_");
    }

    [Fact]
    public async Task A_start_that_takes_too_long_is_a_failed_one()
    {
        await Systemd.WriteUnitAsync("b-never.service", "[Service]\nType=notify\nExecStart=/bin/sleep infinity\nTimeoutStartSec=500ms");
        (await FailureAsync(() => Manager.StartAsync("b-never", Test.Token))).Message.Should().Contain("timeout");
    }

    [Fact]
    public async Task A_unit_that_dies_as_soon_as_it_has_started_has_not_started()
    {
        await Systemd.WriteUnitAsync("b-dies.service", "[Unit]\nAfter=b-other.service\n[Service]\nType=simple\nExecStart=/bin/false\nExecStartPost=/bin/sleep 0.2");
        (await FailureAsync(() => Manager.StartAsync("b-dies", Test.Token))).Message.Should().Contain("exit status 1");
    }

    [Theory]
    [InlineData("b-condition", "")]
    [InlineData("b-condition-kept", "[Install]\nWantedBy=multi-user.target")]
    public async Task A_unit_whose_condition_is_not_met_has_not_started(string unit, string install)
    {
        await Systemd.WriteUnitAsync(unit + ".service", Unit("ConditionPathExists=/no/such/file", Sleeper + "\n" + install));
        if (install.Length > 0) await Systemd.ExecAsync("systemctl", "enable", unit);
        (await FailureAsync(() => Manager.StartAsync(unit, Test.Token))).Message.Should().StartWith($"{unit}.service did not start: a condition of its unit file is not met");
    }

    [Theory]
    [InlineData("b-oneshot", "Type=oneshot", "")]
    [InlineData("b-oneshot-kept", "Type=oneshot", "[Install]\nWantedBy=multi-user.target")]
    [InlineData("b-idle-kept", "Type=exec\nExecStartPost=/bin/sleep 0.1", "[Install]\nWantedBy=multi-user.target")]
    public async Task What_has_done_its_work_and_ended_has_started(string unit, string type, string install)
    {
        await Systemd.WriteUnitAsync(unit + ".service", $"[Service]\nExecStart=/bin/true\n{type}\n{install}");
        if (install.Length > 0) await Systemd.ExecAsync("systemctl", "enable", unit);
        await Manager.StartAsync(unit, Test.Token);
        (await StateAsync(unit)).ActiveState.Should().Be("inactive");
    }

    [Fact]
    public async Task A_failure_is_taken_back_with_the_count_of_starts()
    {
        await Systemd.WriteUnitAsync("b-limit.service", "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo >> /run/b-limit; exit 1'\n[Install]\nWantedBy=multi-user.target");
        await Systemd.ExecAsync("systemctl", "enable", "b-limit");
        for (int i = 0; i < 4; i++) await Systemd.TryExecAsync("systemctl", "start", "b-limit");
        File.ReadAllLines(Systemd.Inside("/run/b-limit")).Should().HaveCount(2, "systemd refused the others");

        await Manager.ResetFailedAsync("b-limit", Test.Token);

        (await StateAsync("b-limit")).ActiveState.Should().Be("inactive");
        await Systemd.TryExecAsync("systemctl", "start", "b-limit");
        File.ReadAllLines(Systemd.Inside("/run/b-limit")).Should().HaveCount(3);
    }

    [Fact]
    public async Task Nothing_happens_to_what_has_not_failed_or_is_not_there()
    {
        await RunningAsync("b-well.service", Sleeper);
        string invocation = (await StateAsync("b-well")).InvocationId;
        await Manager.ResetFailedAsync("b-well", Test.Token);
        await Manager.ResetFailedAsync("b-no-such-unit", Test.Token);
        (await StateAsync("b-well")).Should().Match<UnitState>(state => state.ActiveState == "active" && state.InvocationId == invocation);
    }

    [Fact]
    public async Task One_that_is_started_alone_starts_nothing_that_it_wants_or_requires()
    {
        await Systemd.WriteUnitAsync("b-wanted.service", Sleeper);
        await Systemd.WriteUnitAsync("b-required.service", "[Service]\nExecStart=/bin/sleep infinity\nExecStartPre=/bin/false");
        await Systemd.WriteUnitAsync("b-wants.service", Unit("Wants=b-wanted.service\nRequires=b-required.service\nAfter=b-wanted.service b-required.service", Sleeper));

        await Manager.StartAloneAsync("b-wants", Test.Token);

        (await StateAsync("b-wants")).Should().Match<UnitState>(state => state.ActiveState == "active" && state.PullsIn.Contains("b-wanted.service") && state.PullsIn.Contains("b-required.service"));
        (await StateAsync("b-wanted")).ActiveState.Should().Be("inactive");
        (await StateAsync("b-required")).ActiveState.Should().Be("inactive");
    }

    [Theory]
    [InlineData("Type=notify\nTimeoutStartSec=infinity", null, false)]
    [InlineData("Type=notify\nTimeoutStartSec=150", 150, false)]
    [InlineData("Type=oneshot", null, true)]
    [InlineData("Type=oneshot\nRemainAfterExit=yes", null, false)]
    public async Task Tells_how_long_a_start_may_take_and_what_is_down_by_its_nature(string settings, int? seconds, bool isPassing)
    {
        string unit = $"b-kind-{settings.Length}.service";
        await Systemd.WriteUnitAsync(unit, $"[Service]\n{settings}\nExecStart=/bin/sleep infinity");
        (await StateAsync(unit)).Should().Match<UnitState>(state => state.IsPassing == isPassing && state.StartTimeout == (seconds == null ? null : TimeSpan.FromSeconds(seconds.Value)));
    }

    [Fact]
    public async Task A_start_limit_that_our_own_stops_and_starts_have_reached_is_forgotten()
    {
        // WantedBy keeps the unit loaded: systemd forgets the count of one that it unloads.
        await RunningAsync("b-often.service", "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n" + Sleeper + "\n[Install]\nWantedBy=multi-user.target");
        await Systemd.ExecAsync("systemctl", "enable", "b-often");
        for (int i = 0; i < 6; i++)
        {
            await Manager.StopAsync(["b-often"], TimeSpan.FromMinutes(1), Test.Token);
            await Manager.StartAsync("b-often", Test.Token);
        }
        (await StateAsync("b-often")).ActiveState.Should().Be("active");
    }

    [Fact]
    public async Task A_unit_that_fails_for_ever_is_not_saved_by_forgetting_its_start_limit()
    {
        await Systemd.WriteUnitAsync("b-limit.service", "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=1\n[Service]\nType=oneshot\nExecStart=/bin/false");
        await FailureAsync(() => Manager.StartAsync("b-limit", Test.Token));
        ServiceManagerException failure = await FailureAsync(() => Manager.StartAsync("b-limit", Test.Token));
        failure.Message.Should().Contain("exit-code");
    }

    [Theory]
    [InlineData("b-nowhere.service", "not found", "systemctl list-unit-files")]
    [InlineData("b-masked.service", "is masked", "systemctl unmask b-masked.service")]
    [InlineData("b-bad.service", "bad unit file setting", "systemd-analyze verify b-bad.service")]
    public async Task What_cannot_be_started_at_all_is_told_with_a_way_out(string unit, string message, string hint)
    {
        await Systemd.WriteUnitAsync("b-bad.service", "[Service]\nType=simple");
        await Systemd.ExecAsync("systemctl", "mask", "b-masked.service");

        ServiceManagerException failure = await FailureAsync(() => Manager.StartAsync(unit, Test.Token));

        failure.Message.Should().Contain(message);
        failure.Hint.Should().Contain(hint);
    }

    [Fact]
    public async Task A_signal_reaches_the_main_process_only()
    {
        await RunningAsync("b-signalled.service", """
            [Service]
            Type=notify
            NotifyAccess=all
            ExecStart=/bin/bash -c 'trap "echo main >> /run/b-signals" USR2; (trap "echo child >> /run/b-signals" USR2; while :; do sleep 0.02; done) & sleep 0.1; systemd-notify --ready; while :; do sleep 0.02; done'
            """);

        await Manager.SignalAsync("b-signalled", "SIGUSR2", Test.Token);

        string file = Systemd.Inside("/run/b-signals");
        while (!File.Exists(file)) await Task.Delay(10, Test.Token);
        await Task.Delay(100, Test.Token);
        (await File.ReadAllTextAsync(file, Test.Token)).Should().Be("main\n");
    }

    [Fact]
    public async Task A_signal_to_nobody_or_without_a_meaning_is_an_error()
    {
        await Systemd.WriteUnitAsync("b-idle.service", Sleeper);
        await RunningAsync("b-busy.service", Sleeper);

        (await FailureAsync(() => Manager.SignalAsync("b-idle", "SIGUSR2", Test.Token))).Message.Should().StartWith("b-idle.service cannot be sent SIGUSR2: ");
        (await FailureAsync(() => Manager.SignalAsync("b-busy", "SIGNONSENSE", Test.Token))).Message.Should().Contain("SIGNONSENSE");
    }
}
