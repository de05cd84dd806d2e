using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Tests.Services.Quiescing;

public sealed class RecoveryTests : IDisposable
{
    private readonly QuiesceWorld _stack = QuiesceWorld.Stack();

    public void Dispose() => _stack.Dispose();

    [Fact]
    public void What_a_killed_run_stopped_is_started_in_order_with_health_gates()
    {
        _stack.KillInWindow();
        _stack.Systemd.Log.Clear();
        RecoveryReport report = _stack.Recover();
        report.Status.Should().Be(RecoveryStatus.Paid);
        _stack.Systemd.Log.Should().Equal("starting continuwuity.service", "healthy continuwuity.service",
            "starting slack.service", "starting maubot.service", "healthy slack.service", "healthy maubot.service");
        _stack.Recover().Status.Should().Be(RecoveryStatus.NothingOwed);
    }

    [Fact]
    public void What_a_killed_run_froze_is_thawed()
    {
        using QuiesceWorld stack = QuiesceWorld.Stack(QuiesceMode.Freeze);
        stack.KillInWindow();
        stack.Systemd.Units.Values.Should().OnlyContain(unit => unit.IsFrozen);
        stack.Recover().Status.Should().Be(RecoveryStatus.Paid);
        stack.Systemd.Units.Values.Should().OnlyContain(unit => unit.IsActive && !unit.IsFrozen && unit.Invocation == 1);
    }

    [Fact]
    public void What_somebody_has_started_and_stopped_since_is_left_alone()
    {
        _stack.KillInWindow();
        _stack.Time.Run(() => _stack.Systemd.StartAsync("maubot.service"));
        _stack.Time.Run(() => _stack.Systemd.StopAsync(["maubot.service"], TimeSpan.FromMinutes(1)));
        RecoveryReport report = _stack.Recover();
        report.Status.Should().Be(RecoveryStatus.Paid);
        report.LeftAlone.Should().ContainSingle().Which.Should().Contain("maubot.service is left as it is: somebody has started it since");
        _stack["maubot.service"].IsActive.Should().BeFalse();
        _stack["slack.service"].IsActive.Should().BeTrue();
    }

    [Fact]
    public void What_requires_a_unit_that_failed_for_good_waits_until_that_runs_and_does_not_pull_it_up()
    {
        _stack.Systemd.Add(new SimulatedUnit("dashboard.service") { Requires = ["maubot.service"] });
        _stack["maubot.service"].FailingStarts = 1;
        _stack.Run();
        _stack["maubot.service"].Active = "inactive";   // 'systemctl reset-failed': it is to stay so
        _stack.Recover().Units.Should().ContainSingle().Which.Problem.Should().Be("maubot.service does not run: it is inactive");
        _stack["maubot.service"].IsActive.Should().BeFalse();
        _stack.Time.Run(() => _stack.Systemd.StartAsync("maubot.service"));
        _stack.Recover().Status.Should().Be(RecoveryStatus.Paid);
        _stack["dashboard.service"].IsActive.Should().BeTrue();
    }

    [Fact]
    public void After_a_reboot_what_did_not_come_up_by_itself_is_started_and_nothing_is_thawed()
    {
        _stack.KillInWindow();
        Reboot(_stack, unit => unit.Name == "continuwuity.service");
        RecoveryReport report = _stack.Recover();
        report.Status.Should().Be(RecoveryStatus.Paid);
        _stack.Systemd.Units.Values.Should().OnlyContain(unit => unit.IsActive);
    }

    [Theory]
    [InlineData("inactive", false)]
    [InlineData("failed", false)]
    [InlineData("inactive", true)]
    [InlineData("failed", true)]
    public void A_broken_service_that_is_to_start_in_any_case_is_started_after_a_kill(string active, bool isRebooted)
    {
        _stack["maubot.service"].Active = active;
        _stack.Change("maubot", target => target with { WasHealthy = false, StartsInAnyCase = true });
        _stack.KillInWindow();
        if (isRebooted) Reboot(_stack, unit => false);
        RecoveryReport report = _stack.Recover();
        report.LeftAlone.Should().BeEmpty();
        report.Status.Should().Be(RecoveryStatus.Paid);
        _stack["maubot.service"].IsActive.Should().BeTrue();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_failure_that_a_recovery_took_back_before_it_was_killed_is_nobodys_stop(bool isRebooted)
    {
        using var world = new QuiesceWorld();
        world.Add("maubot", new SimulatedUnit("maubot.service"), QuiesceMode.Stop);
        world.KillInWindow();
        if (isRebooted) Reboot(world, unit => true);
        (world["maubot.service"].Active, world["maubot.service"].Invocation) = ("failed", 3);   // somebody's start, or the boot's, that failed
        world.Recover(killedAt: -3);   // twice its state, and the reset
        world["maubot.service"].Active.Should().Be("inactive", "it was killed between the reset and the start");
        RecoveryReport report = world.Recover();
        report.LeftAlone.Should().BeEmpty();
        world["maubot.service"].IsActive.Should().BeTrue();
    }

    private static void Reboot(QuiesceWorld world, Func<SimulatedUnit, bool> isEnabled)
    {
        File.WriteAllText(Path.Combine(world.StateDirectory, "restarts.json"), System.Text.RegularExpressions.Regex.Replace(world.JournalText, "\"bootId\": \"[^\"]+\"", "\"bootId\": \"another\""));
        world.Systemd.Reboot(isEnabled);
        foreach (SimulatedUnit unit in world.Systemd.Units.Values) unit.Invocation = unit.IsActive ? 1 : 0;
    }

    [Fact]
    public void A_service_that_was_killed_in_its_stop_is_started_all_the_same()
    {
        using var world = new QuiesceWorld();
        world.Add("maubot", new SimulatedUnit("maubot.service") { StopTakes = TimeSpan.FromHours(1) }, QuiesceMode.Stop);
        world.KillInWindow();
        world["maubot.service"].Active.Should().Be("failed");
        world.Recover().Status.Should().Be(RecoveryStatus.Paid);
        world["maubot.service"].IsActive.Should().BeTrue();
    }

    [Fact]
    public void A_stop_that_systemd_still_has_before_it_is_taken_back()
    {
        _stack.KillAt(5, null);   // the plan, the gate's states, the stop of the dependents, and then the homeserver's
        _stack.Recover();
        _stack.Time.Run(() => Task.Delay(TimeSpan.FromMinutes(1), _stack.Time));
        _stack.Systemd.Units.Values.Should().OnlyContain(unit => unit.IsActive);
    }

    [Fact]
    public void Nothing_owed_needs_neither_lock_nor_directory()
    {
        var journal = new RestartJournal(BytePath.From("/nonexistent/state"));
        RecoveryReport report = _stack.Now(() => Recovery.RunAsync(journal, _stack.Client, (_, unit) => _stack.Client.CheckOf(unit), _stack.Time, _stack.Told.Add, default));
        report.Status.Should().Be(RecoveryStatus.NothingOwed);
        _stack.Client.Calls.Should().Be(0);
    }
}
