using BackupTool.Services.Systemd;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Systemd;

public sealed class DescribeUnitsTests(RealSystemd systemd) : ServiceManagerTests(systemd), IClassFixture<RealSystemd>
{
    [Fact]
    public async Task Tells_many_units_in_the_order_asked_for()
    {
        await Systemd.WriteUnitsAsync(("d-runs.service", Sleeper), ("d-idle.service", Sleeper), ("d-fails.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 7'"),
            ("d-bad.service", "[Service]\nType=simple"));
        File.CreateSymbolicLink(Systemd.Inside("/etc/systemd/system/d-masked.service"), "/dev/null");
        await Systemd.ExecAsync("systemctl", "daemon-reload");
        await Systemd.ExecAsync("systemctl", "start", "d-runs");
        await Systemd.TryExecAsync("systemctl", "start", "d-fails");

        IReadOnlyList<UnitState> states = await Manager.DescribeAsync(["d-fails.service", "d-runs", "d-nowhere.service", "d-masked.service", "d-idle.service", "d-bad.service", "d-runs.service"], Test.Token);

        states.Select(state => (state.Name, state.LoadState, state.ActiveState, state.SubState, state.Result, state.IsActive)).Should().Equal(
            ("d-fails.service", "loaded", "failed", "failed", "exit-code", false),
            ("d-runs.service", "loaded", "active", "running", "success", true),
            ("d-nowhere.service", "not-found", "inactive", "dead", "success", false),
            ("d-masked.service", "masked", "inactive", "dead", "success", false),
            ("d-idle.service", "loaded", "inactive", "dead", "success", false),
            ("d-bad.service", "bad-setting", "inactive", "dead", "success", false),
            ("d-runs.service", "loaded", "active", "running", "success", true));
        states[1].MainPid.Should().BePositive();
        states[1].InvocationId.Should().HaveLength(32);
        states[1].FreezerState.Should().Be("running");
        states[1].CanFreeze.Should().BeTrue();
        states[1].Watchdog.Should().BeNull();
        states[1].After.Should().Contain("basic.target");
    }

    [Fact]
    public async Task Tells_what_could_not_be_brought_back()
    {
        await Systemd.WriteUnitsAsync(("d-no-start.service", Unit("RefuseManualStart=yes")), ("d-no-stop.service", Unit("RefuseManualStop=yes")), ("d-puller.service", Unit("Requires=d-no-start.service\nAfter=d-no-start.service")));
        await Systemd.ExecAsync("systemctl", "start", "d-no-stop", "d-puller");
        await Systemd.ExecAsync("systemd-run", "--unit", "d-transient", "sleep", "60");

        IReadOnlyList<UnitState> states = await Manager.DescribeAsync(["d-no-start", "d-no-stop", "d-puller", "d-transient"], Test.Token);

        states.Select(static state => (state.IsActive, state.RefusesStart, state.RefusesStop, state.IsTransient)).Should().Equal((true, true, false, false), (true, false, true, false), (true, false, false, false), (true, false, false, true));
    }

    [Fact]
    public async Task No_units_are_no_question() => (await Manager.DescribeAsync([], Test.Token)).Should().BeEmpty();

    [Fact]
    public async Task An_alias_is_told_by_its_primary_name()
    {
        await RunningAsync("d-first.service", Sleeper);
        File.CreateSymbolicLink(Systemd.Inside("/etc/systemd/system/d-nick.service"), "d-first.service");
        await Systemd.ExecAsync("systemctl", "daemon-reload");

        UnitState state = await StateAsync("d-nick");

        state.Name.Should().Be("d-first.service");
        state.IsActive.Should().BeTrue();
    }

    [Fact]
    public async Task Tells_what_triggers_a_unit_what_stops_with_it_and_what_upholds_it()
    {
        await Systemd.WriteUnitsAsync(("d-home.service", Sleeper), ("d-home.socket", "[Socket]\nListenStream=/run/d-home.sock"),
            ("d-requires.service", Unit("Requires=d-home.service")), ("d-bound.service", Unit("BindsTo=d-home.service\nAfter=d-home.service")), ("d-part.service", Unit("PartOf=d-home.service")),
            ("d-requisite.service", Unit("Requisite=d-home.service\nAfter=d-home.service")), ("d-told.service", Unit("StopPropagatedFrom=d-home.service")), ("d-wants.service", Unit("Wants=d-home.service")),
            ("d-keeper.service", Unit("Upholds=d-home.service")), ("d-escaped\\x20one.service", Unit("Requires=d-home.service")));
        await Systemd.ExecAsync("systemctl", "start", "d-home.socket", "d-home", "d-requires", "d-bound", "d-part", "d-requisite", "d-told", "d-wants", "d-keeper", "d-escaped\\x20one.service");

        UnitState home = await StateAsync("d-home");
        UnitState bound = await StateAsync("d-bound");

        home.TriggeredBy.Should().Equal("d-home.socket");
        home.StopsWithIt.Should().BeEquivalentTo("d-requires.service", "d-bound.service", "d-part.service", "d-requisite.service", "d-told.service", "d-escaped\\x20one.service");
        home.UpheldBy.Should().Equal("d-keeper.service");
        bound.After.Should().Contain("d-home.service");
    }

    [Fact]
    public async Task Tells_how_often_systemd_restarted_it_and_that_it_is_another_run()
    {
        await RunningAsync("d-restarts.service", Sleeper + "\nRestart=always\nRestartSec=10ms\nWatchdogSec=1min 30s");
        UnitState before = await StateAsync("d-restarts");

        await Systemd.ExecAsync("systemctl", "kill", "--signal=SIGKILL", "d-restarts");
        UnitState after;
        do after = await StateAsync("d-restarts"); while (after.Restarts == 0 || after.ActiveState != "active"); // counted before the next run has begun

        after.InvocationId.Should().NotBe(before.InvocationId);
        after.Watchdog.Should().Be(TimeSpan.FromSeconds(90));
    }

    [Theory]
    [InlineData("d-template@", "*is a template*", "*d-template@NAME.service*")]
    [InlineData("d-template@.service", "*is a template*", "*d-template@NAME.service*")]
    [InlineData("*.service", "*is not the name*", "*systemctl list-unit-files*")]
    [InlineData("with space", "*is not the name*", "*systemd-escape*")]
    [InlineData("", "*is not the name*", "*systemd-escape*")]
    [InlineData("/etc/passwd", "*is not the name*", "*systemd-escape*")]
    [InlineData("one\ntwo.service", "*is not the name*", "*systemd-escape*")]
    public async Task What_is_no_name_of_one_unit_is_refused(string name, string message, string hint)
    {
        ServiceManagerException failure = await FailureAsync(() => Manager.DescribeAsync(["d-runs", name], Test.Token));
        failure.Message.Should().Match(message);
        failure.Hint.Should().Match(hint);
    }

    [Fact]
    public async Task What_looks_like_an_option_is_a_name()
    {
        (await StateAsync("--version")).LoadState.Should().Be("not-found");
        (await StateAsync("-h.service")).Name.Should().Be("-h.service");
    }

    [Fact]
    public async Task An_instance_of_a_template_is_a_unit_like_others()
    {
        await Systemd.WriteUnitAsync("d-template@.service", Sleeper);
        await Systemd.ExecAsync("systemctl", "start", "d-template@one");

        (await StateAsync("d-template@one")).IsActive.Should().BeTrue();
    }

    [Fact]
    public async Task Where_there_is_no_systemd_the_way_out_is_told()
    {
        // A fresh mount namespace without /run/systemd is what a container looks like.
        var elsewhere = new SystemdServiceManager(TimeProvider.System, "/usr/bin/unshare", "--mount", "/bin/sh", "-c", "mount -t tmpfs none /run; exec \"$@\"", "sh");
        ServiceManagerException failure = await FailureAsync(() => elsewhere.DescribeAsync(["d-runs"], Test.Token));
        failure.Message.Should().StartWith("systemd cannot be reached: ");
        failure.Hint.Should().Contain("container");
    }

    [Fact]
    public async Task Where_there_is_no_systemctl_the_way_out_is_told()
    {
        var nowhere = new SystemdServiceManager(TimeProvider.System, "/no/such/program");
        ServiceManagerException failure = await FailureAsync(() => nowhere.StopAsync(["d-runs"], TimeSpan.FromSeconds(1), Test.Token));
        failure.Message.Should().StartWith("/no/such/program cannot be run: ");
        failure.Hint.Should().Contain("container");
    }

    [Fact]
    public async Task A_systemctl_that_ignores_its_orders_in_a_chroot_is_not_believed()
    {
        var chroot = new SystemdServiceManager(TimeProvider.System, "/bin/sh", "-c", "echo \"Running in chroot, ignoring command '$2'\" >&2; exit 0", "sh");
        (await FailureAsync(() => chroot.StartAsync("d-runs", Test.Token))).Message.Should().StartWith("systemd cannot be reached: Running in chroot");
    }

    [Fact]
    public async Task A_systemctl_that_never_answers_is_given_up()
    {
        var time = new BackupTool.Tests.Cli.ManualTime();
        var silent = new SystemdServiceManager(time, "/bin/sh", "-c", "exec sleep 60", "sh");
        Task<IReadOnlyList<UnitState>> asked = silent.DescribeAsync(["d-runs"], Test.Token);
        time.Advance(29);
        asked.IsCompleted.Should().BeFalse();
        time.Advance(2);
        (await FailureAsync(() => asked)).Message.Should().Contain("within 30 s");
    }

    [Theory]
    [InlineData("ExecStart=/bin/sleep infinity --token=syt_Secret", "/bin/sleep")]
    [InlineData("ExecStart=-/bin/sleep infinity", "/bin/sleep")]
    [InlineData("ExecStart=sleep infinity", "sleep")]
    [InlineData("Type=oneshot\nExecStart=/bin/true ' ; argv[]=/x'\nExecStart=/bin/false", "/bin/true")]
    [InlineData("Type=oneshot\nExecStart=/srv/odd\\x20name/run\nExecStart=/bin/false", "/srv/odd name/run")]
    [InlineData("Type=oneshot\nExecStop=/bin/true", null)]
    public async Task The_program_of_a_unit_is_told_without_its_arguments(string service, string? program)
    {
        await Systemd.WriteUnitAsync("b-program.service", "[Service]\n" + service);
        (await Manager.FindProgramAsync("b-program", Test.Token)).Should().Be(program);
    }

    [Fact]
    public async Task What_is_not_there_runs_no_program() => (await Manager.FindProgramAsync("b-no-such-unit", Test.Token)).Should().BeNull();
}
