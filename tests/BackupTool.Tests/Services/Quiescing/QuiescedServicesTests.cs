using BackupTool.Services.Quiescing;

namespace BackupTool.Tests.Services.Quiescing;

public sealed class QuiescedServicesTests : IDisposable
{
    private readonly QuiesceWorld _stack = QuiesceWorld.Stack();

    public void Dispose() => _stack.Dispose();

    [Fact]
    public void Dependents_stop_first_and_start_when_what_they_need_is_healthy()
    {
        QuiesceOutcome outcome = _stack.Run();
        _stack.Systemd.Log.Should().Equal(
            "stopping slack.service", "stopping maubot.service", "stopped slack.service", "stopped maubot.service",
            "stopping continuwuity.service", "stopped continuwuity.service", "window",
            "starting continuwuity.service", "healthy continuwuity.service",
            "starting slack.service", "starting maubot.service", "healthy slack.service", "healthy maubot.service");
        outcome.IsWell.Should().BeTrue();
        outcome.Services.Should().OnlyContain(service => service.CopyKind == CopyKind.Clean && service.IsHealthy == true && !service.IsOwed);
        outcome.Window.Should().Be(TimeSpan.Zero);
        _stack.Journal.IsOwed.Should().BeFalse();
    }

    [Fact]
    public void Downtime_is_measured_from_a_services_own_stop_to_its_health()
    {
        QuiesceOutcome outcome = _stack.Run();
        // 0.3 s to stop, 0.2 s to start, 0.7 s until healthy and up to half a second until it is asked again.
        outcome.Services.Single(service => service.Name == "homeserver").Downtime.Should().BeCloseTo(TimeSpan.FromSeconds(1.4), TimeSpan.FromSeconds(0.3));
        outcome.Services.Single(service => service.Name == "maubot").Downtime.Should().BeGreaterThan(TimeSpan.FromSeconds(2.3));
    }

    [Fact]
    public void Frozen_services_are_thawed_at_once_and_never_end()
    {
        using QuiesceWorld stack = QuiesceWorld.Stack(QuiesceMode.Freeze);
        QuiesceOutcome outcome = stack.Run();
        stack.Systemd.Log.Should().Equal("frozen maubot.service", "frozen slack.service", "frozen continuwuity.service", "window",
            "thawed continuwuity.service", "thawed slack.service", "thawed maubot.service");
        outcome.Services.Should().OnlyContain(service => service.CopyKind == CopyKind.Frozen && service.IsHealthy == true && service.Downtime == TimeSpan.Zero);
        stack.Journal.IsOwed.Should().BeFalse();
    }

    [Theory]
    [InlineData("inactive")]
    [InlineData("failed")]
    public void A_broken_service_that_is_to_start_in_any_case_is_started_and_waited_for(string active)
    {
        (_stack["continuwuity.service"].Active, _stack["continuwuity.service"].IsAtStartLimit) = (active, active == "failed");
        _stack.Change("homeserver", target => target with { WasHealthy = false, StartsInAnyCase = true });
        QuiesceOutcome outcome = _stack.Run();
        _stack.Systemd.Log.Where(line => !line.StartsWith("stop", StringComparison.Ordinal)).Should().Equal("window", "starting continuwuity.service", "healthy continuwuity.service",
            "starting slack.service", "starting maubot.service", "healthy slack.service", "healthy maubot.service");
        outcome.IsWell.Should().BeTrue();
        ServiceOutcome homeserver = outcome.Services.Single(service => service.Name == "homeserver");
        homeserver.Should().Match<ServiceOutcome>(service => service.IsHealthy == true && !service.WasHealthy && service.CopyKind == CopyKind.Inactive && service.CopyReason == null);
        homeserver.Downtime.Should().BeGreaterThan(TimeSpan.FromSeconds(0.9));
        _stack.Journal.IsOwed.Should().BeFalse();
    }

    [Fact]
    public void A_broken_service_that_fails_again_is_not_healthy_and_says_why_and_nothing_is_well()
    {
        (_stack["maubot.service"].Active, _stack["maubot.service"].FailingStarts) = ("failed", 1);
        _stack.Change("maubot", target => target with { WasHealthy = false, StartsInAnyCase = true });
        QuiesceOutcome outcome = _stack.Run();
        outcome.IsWell.Should().BeFalse();
        ServiceOutcome maubot = outcome.Services.Single(service => service.Name == "maubot");
        maubot.Should().Match<ServiceOutcome>(service => service.IsHealthy == false && service.MustBeHealthy && !service.IsOwed && service.HealthReason == "maubot.service failed" && service.Downtime == null);
        maubot.JournalLines.Should().ContainSingle().Which.Text.Should().Be("maubot.service says why");
    }

    [Fact]
    public void A_broken_service_that_starts_and_never_answers_has_its_whole_time_and_is_not_healthy()
    {
        (_stack["maubot.service"].Active, _stack["maubot.service"].NeverHealthy) = ("failed", true);
        _stack.Change("maubot", target => target with { WasHealthy = false, StartsInAnyCase = true });
        QuiesceOutcome outcome = _stack.Run();
        outcome.IsWell.Should().BeFalse();
        ServiceOutcome maubot = outcome.Services.Single(service => service.Name == "maubot");
        maubot.IsHealthy.Should().BeFalse();
        maubot.Downtime.Should().BeGreaterThan(TimeSpan.FromSeconds(60), "that is how long its configuration gives it");
        maubot.JournalLines.Should().NotBeEmpty();
    }

    [Fact]
    public void What_triggers_or_upholds_a_broken_service_is_kept_down_in_the_window_and_comes_back()
    {
        _stack["maubot.service"].Active = "failed";
        _stack.Systemd.Add(new SimulatedUnit("maubot.timer") { Triggers = ["maubot.service"], IsPulled = true });
        _stack.Change("maubot", target => target with { WasHealthy = false, StartsInAnyCase = true });
        _stack.Run(_ =>
        {
            _stack["maubot.timer"].IsActive.Should().BeFalse();
            _stack.JournalText.Should().Contain("maubot.timer").And.Contain("maubot.service");
            return Task.CompletedTask;
        }).IsWell.Should().BeTrue();
        _stack["maubot.timer"].IsActive.Should().BeTrue();
        _stack["maubot.service"].IsActive.Should().BeTrue();
    }

    [Fact]
    public void The_journal_is_there_before_the_first_stop_and_goes_after_the_last_start()
    {
        var owed = new List<(string Call, bool IsOwed)>();
        _stack.Client.OnCall = call => owed.Add((call, _stack.Journal.IsOwed));
        _stack.Run();
        owed.Where(call => call.Call.StartsWith("stop", StringComparison.Ordinal) || call.Call.StartsWith("start", StringComparison.Ordinal)).Should().HaveCount(5)
            .And.OnlyContain(call => call.IsOwed);
        _stack.Journal.IsOwed.Should().BeFalse();
    }

    [Fact]
    public void What_was_inactive_or_failed_before_is_neither_stopped_nor_started()
    {
        _stack["slack.service"].Active = "inactive";
        (_stack["maubot.service"].Active, _stack["maubot.service"].Result) = ("failed", "exit-code");
        QuiesceOutcome outcome = _stack.Run();
        _stack.Systemd.Log.Should().NotContain(line => line.Contains("slack") || line.Contains("maubot"));
        outcome.Services.Where(service => service.Name != "homeserver").Should().OnlyContain(service => service.CopyKind == CopyKind.Inactive && service.IsHealthy == null && service.Downtime == null);
        outcome.Services.Single(service => service.Name == "maubot").Notes.Should().ContainMatch("*failed before*");
    }

    [Fact]
    public void A_timer_is_stopped_before_everything_and_started_before_its_service()
    {
        SimulatedUnit timer = _stack.Systemd.Add(new SimulatedUnit("maubot.timer") { Triggers = ["maubot.service"], IsPulled = true });
        _stack.Run();
        _stack.Systemd.Log.Take(2).Should().Equal("stopping maubot.timer", "stopped maubot.timer");
        _stack.Systemd.Log.Should().ContainInOrder("window", "healthy continuwuity.service", "starting maubot.timer", "maubot.timer brings back maubot.service");
        timer.IsActive.Should().BeTrue();
    }

    [Fact]
    public void A_socket_can_be_had_back_though_the_stop_of_its_service_was_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        _stack.Systemd.Add(new SimulatedUnit("continuwuity.socket") { Triggers = ["continuwuity.service"], IsPulled = true });
        QuiescePlan plan = _stack.Plan();
        _stack.Client.OnCall = call =>
        {
            if (call == "stop continuwuity.socket continuwuity.service") cancel.Cancel();
        };
        FluentActions.Invoking(() => _stack.Time.Run(() => _stack.EnterAsync(plan, cancel.Token))).Should().Throw<QuiesceCancelledException>().Which.Outcome.IsWell.Should().BeTrue();
        _stack.Systemd.Units.Values.Should().OnlyContain(unit => unit.IsActive);
    }

    [Fact]
    public void A_socket_without_which_its_service_cannot_be_stops_in_one_go_with_it()
    {
        _stack.Systemd.Units.Remove("maubot.service");
        _stack.Systemd.Add(new SimulatedUnit("maubot.socket") { Triggers = ["maubot.service"], IsPulled = true });
        _stack.Systemd.Add(new SimulatedUnit("maubot.service") { Requires = ["maubot.socket"] });
        _stack.Run(async services => (await services.RecheckAsync(CancellationToken.None)).Should().BeEmpty());
        _stack.Systemd.Log.TakeWhile(line => line != "window").Should().NotContainMatch("*brings back*");
        _stack["maubot.service"].IsActive.Should().BeTrue();
    }

    [Fact]
    public void The_socket_of_an_inactive_service_is_stopped_too_and_the_service_not_started()
    {
        _stack["maubot.service"].Active = "inactive";
        _stack.Systemd.Add(new SimulatedUnit("maubot.socket") { Triggers = ["maubot.service"] });
        _stack.Run();
        _stack.Systemd.Log.Should().Contain("stopping maubot.socket").And.Contain("starting maubot.socket").And.NotContain("starting maubot.service");
    }

    [Fact]
    public void What_requires_a_service_is_started_again_though_systemd_would_not()
    {
        _stack.Systemd.Add(new SimulatedUnit("dashboard.service") { Requires = ["maubot.service"] });
        _stack.Systemd.Add(new SimulatedUnit("alarm.service") { Requires = ["dashboard.service"] });
        QuiesceOutcome outcome = _stack.Run();
        _stack.Systemd.Log.Should().ContainInOrder("starting maubot.service", "starting dashboard.service", "starting alarm.service");
        outcome.Units.Should().HaveCount(5).And.OnlyContain(unit => unit.IsBack);
    }

    [Fact]
    public void An_upholder_is_stopped_first_and_started_last()
    {
        _stack.Systemd.Add(new SimulatedUnit("guard.service") { Upholds = ["maubot.service"] });
        QuiesceOutcome outcome = _stack.Run(async services => (await services.RecheckAsync(CancellationToken.None)).Should().BeEmpty());
        _stack.Systemd.Log.Should().ContainInOrder("stopped guard.service", "stopping maubot.service", "window", "starting maubot.service", "starting guard.service");
        outcome.Services.Should().OnlyContain(service => service.CopyKind == CopyKind.Clean);
    }

    [Theory]
    [InlineData("timeout", "*did not stop in the time that its unit gives it (TimeoutStopSec=), and was killed*")]
    [InlineData("exit-code", "*ExecStop ended with an error*")]
    [InlineData("signal", "*ended by a signal*")]
    public void What_did_not_end_well_is_a_crash_copy(string result, string reason)
    {
        using var world = new QuiesceWorld();
        world.Add("maubot", new SimulatedUnit("maubot.service") { ResultOfStop = result, StopTakes = TimeSpan.FromMinutes(result == "timeout" ? 9 : 0) }, QuiesceMode.Stop);
        ServiceOutcome service = world.Run().Services.Single();
        (service.CopyKind, service.IsHealthy).Should().Be((CopyKind.Crash, true));
        service.CopyReason.Should().Match(reason);
    }

    [Fact]
    public void A_service_that_comes_back_during_the_window_is_no_clean_copy()
    {
        IReadOnlyList<string> moved = [];
        QuiesceOutcome outcome = _stack.Run(async services =>
        {
            await _stack.Systemd.StartAsync("maubot.service");
            moved = await services.RecheckAsync(CancellationToken.None);
        });
        moved.Should().ContainSingle().Which.Should().Contain("maubot.service came back");
        outcome.Services.Single(service => service.Name == "maubot").CopyKind.Should().Be(CopyKind.Crash);
        outcome.Services.Count(service => service.CopyKind == CopyKind.Clean).Should().Be(2);
    }

    [Fact]
    public void A_service_that_was_started_and_stopped_again_during_the_window_is_no_clean_copy_either()
    {
        QuiesceOutcome outcome = _stack.Run(async services =>
        {
            await _stack.Systemd.StartAsync("maubot.service");
            await _stack.Systemd.StopAsync(["maubot.service"], TimeSpan.FromMinutes(1));
            await services.RecheckAsync(CancellationToken.None);
        });
        outcome.Services.Single(service => service.Name == "maubot").CopyKind.Should().Be(CopyKind.Crash);
    }

    [Fact]
    public void Somebody_who_thaws_in_the_window_is_noticed()
    {
        using QuiesceWorld stack = QuiesceWorld.Stack(QuiesceMode.Freeze);
        QuiesceOutcome outcome = stack.Run(async services =>
        {
            stack["slack.service"].IsFrozen = false;
            (await services.RecheckAsync(CancellationToken.None)).Should().ContainSingle().Which.Should().Contain("thawed");
        });
        outcome.Services.Single(service => service.Name == "slack").CopyKind.Should().Be(CopyKind.Crash);
    }

    [Fact]
    public void Without_its_homeserver_maubot_is_not_started_but_owed_and_a_recovery_pays_when_it_answers()
    {
        _stack["continuwuity.service"].NeverHealthy = true;
        QuiesceOutcome outcome = _stack.Run();
        _stack.Systemd.Log.Should().Contain("starting continuwuity.service").And.NotContain("starting maubot.service");
        outcome.IsWell.Should().BeFalse();
        ServiceOutcome maubot = outcome.Services.Single(service => service.Name == "maubot");
        (maubot.IsOwed, maubot.IsHealthy, maubot.Downtime).Should().Be((true, false, null));
        maubot.HealthReason.Should().Be("'homeserver' is not healthy: no answer");
        ServiceOutcome homeserver = outcome.Services.Single(service => service.Name == "homeserver");
        (homeserver.IsOwed, homeserver.IsHealthy).Should().Be((false, false));
        homeserver.JournalLines.Should().NotBeEmpty();
        _stack.Recover().Status.Should().Be(RecoveryStatus.NotAllPaid);
        _stack["continuwuity.service"].NeverHealthy = false;
        _stack.Recover().Status.Should().Be(RecoveryStatus.Paid);
        _stack["maubot.service"].IsActive.Should().BeTrue();
        _stack.Journal.IsOwed.Should().BeFalse();
    }

    [Fact]
    public void A_service_that_fails_by_itself_is_told_with_its_last_words_and_owed_no_more()
    {
        _stack["maubot.service"].FailingStarts = 1;
        QuiesceOutcome outcome = _stack.Run();
        ServiceOutcome maubot = outcome.Services.Single(service => service.Name == "maubot");
        (maubot.IsOwed, maubot.IsHealthy).Should().Be((false, false));
        maubot.JournalLines.Should().ContainSingle().Which.Text.Should().Be("maubot.service says why");
        outcome.Services.Single(service => service.Name == "slack").IsHealthy.Should().BeTrue("one failure keeps no other down");
        _stack.Journal.IsOwed.Should().BeFalse();
    }

    [Fact]
    public void A_final_answer_ends_the_wait_at_once()
    {
        _stack["continuwuity.service"].DiesAfterStart = true;
        TimeSpan before = _stack.Time.Now;
        ServiceOutcome homeserver = _stack.Run().Services[0];
        (homeserver.IsHealthy, homeserver.IsOwed, homeserver.HealthReason).Should().Be((false, false, "continuwuity.service has failed"));
        (_stack.Time.Now - before).Should().BeLessThan(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void A_service_that_will_not_start_beside_a_reader_gets_its_pins_released_and_a_second_start()
    {
        using var world = new QuiesceWorld();
        world.Add("maubot", new SimulatedUnit("maubot.service") { WantsItsDatabaseAlone = true }, QuiesceMode.Stop);
        bool held = true;
        world.Systemd.ArePinsHeld = _ => held;
        QuiesceOutcome outcome = world.Run(null, service =>
        {
            service.Should().Be("maubot");
            held = false;
            return default;
        });
        ServiceOutcome maubot = outcome.Services.Single();
        maubot.IsHealthy.Should().BeTrue();
        maubot.Notes.Should().ContainMatch("*only after the pins*");
    }

    [Fact]
    public void A_service_that_was_not_healthy_before_keeps_no_other_down_and_is_told_so()
    {
        _stack["continuwuity.service"].NeverHealthy = true;
        _stack.Change("homeserver", target => target with { WasHealthy = false });
        QuiesceOutcome outcome = _stack.Run();
        outcome.Services.Single(service => service.Name == "maubot").IsHealthy.Should().BeTrue();
        outcome.Services.Single(service => service.Name == "homeserver").HealthReason.Should().Contain("was not healthy before either");
        outcome.IsWell.Should().BeTrue();
    }

    [Fact]
    public void Cancelled_during_a_stop_everything_is_resumed_before_the_caller_hears_of_it()
    {
        using var cancel = new CancellationTokenSource();
        QuiescePlan plan = _stack.Plan();
        _stack.Client.OnCall = call =>
        {
            if (call == "stop continuwuity.service") _stack.Time.CreateTimer(_ => cancel.Cancel(), null, TimeSpan.FromMilliseconds(100), Timeout.InfiniteTimeSpan);
        };
        QuiesceCancelledException thrown = FluentActions.Invoking(() => _stack.Time.Run(() => _stack.EnterAsync(plan, cancel.Token))).Should().Throw<QuiesceCancelledException>().Which;
        thrown.Outcome.Units.Should().HaveCount(3).And.OnlyContain(unit => unit.IsBack);
        _stack.Systemd.Units.Values.Should().OnlyContain(unit => unit.IsActive);
        _stack.Journal.IsOwed.Should().BeFalse();
    }

    [Fact]
    public void When_one_cannot_be_frozen_those_that_are_get_thawed_and_the_stopped_ones_start()
    {
        using var world = new QuiesceWorld();
        world.Add("homeserver", new SimulatedUnit("continuwuity.service") { FreezeFails = true }, QuiesceMode.Freeze);
        world.Add("slack", new SimulatedUnit("slack.service"), QuiesceMode.Freeze, "homeserver");
        world.Add("maubot", new SimulatedUnit("maubot.service"), QuiesceMode.Stop, "homeserver");
        QuiescePlan plan = world.Plan();
        QuiesceException thrown = FluentActions.Invoking(() => world.Time.Run(() => world.EnterAsync(plan))).Should().Throw<QuiesceException>().Which;
        thrown.Message.Should().Contain("continuwuity.service cannot be frozen");
        thrown.Outcome!.IsWell.Should().BeTrue();
        world.Systemd.Units.Values.Should().OnlyContain(unit => unit.IsActive && !unit.IsFrozen);
    }

    [Fact]
    public void What_somebody_stops_between_plan_and_window_stays_stopped()
    {
        QuiescePlan plan = _stack.Plan();
        _stack["maubot.service"].Active = "inactive";
        _stack.Time.Run(async () => await (await _stack.EnterAsync(plan)).ResumeAsync());
        _stack["maubot.service"].IsActive.Should().BeFalse();
    }

    [Fact]
    public void Resuming_twice_or_by_disposing_happens_once()
    {
        QuiesceOutcome first = _stack.Run(async services =>
        {
            QuiesceOutcome outcome = await services.ResumeAsync();
            (await services.ResumeAsync()).Should().BeSameAs(outcome);
            await services.DisposeAsync();
        });
        _stack.Systemd.Log.Count(line => line == "starting maubot.service").Should().Be(1);
        first.IsWell.Should().BeTrue();
    }

    [Fact]
    public void A_start_that_never_ends_keeps_nobody_else_waiting_and_is_not_healthy()
    {
        _stack["slack.service"].StartTakes = TimeSpan.FromDays(1);
        QuiesceOutcome outcome = _stack.Run();
        outcome.IsWell.Should().BeFalse();
        ServiceOutcome slack = outcome.Services.Single(service => service.Name == "slack");
        slack.IsHealthy.Should().BeFalse();
        slack.Notes.Should().ContainMatch("*was not waited for any longer*");
        outcome.Services.Where(service => service.Name != "slack").Should().OnlyContain(service => service.IsHealthy == true);
        _stack.Time.Now.Should().BeLessThan(TimeSpan.FromMinutes(4));
    }

    [Fact]
    public void Who_needs_a_service_whose_start_never_ends_stays_owed()
    {
        _stack["continuwuity.service"].StartTakes = TimeSpan.FromDays(1);
        QuiesceOutcome outcome = _stack.Run();
        outcome.Services.Single(service => service.Name == "homeserver").Should().Match<ServiceOutcome>(service => service.IsHealthy == false && !service.IsOwed);
        outcome.Services.Where(service => service.Name != "homeserver").Should().OnlyContain(service => service.IsOwed);
        _stack.Journal.IsOwed.Should().BeTrue();
        _stack.Time.Now.Should().BeLessThan(TimeSpan.FromMinutes(4));
    }

    [Fact]
    public void What_was_down_before_is_not_started_by_way_of_one_that_wants_it()
    {
        using var world = new QuiesceWorld();
        world.Add("homeserver", new SimulatedUnit("homeserver.service") { Active = "inactive" }, QuiesceMode.Stop);
        world.Add("bridge", new SimulatedUnit("bridge.service") { Wants = ["homeserver.service"] }, QuiesceMode.Stop, "homeserver");
        world.Run().IsWell.Should().BeTrue();
        world["homeserver.service"].Active.Should().Be("inactive");
        world["bridge.service"].Active.Should().Be("active");
    }

    [Fact]
    public void What_is_to_wait_for_its_turn_is_not_started_by_way_of_one_that_wants_it()
    {
        using var world = new QuiesceWorld();
        world.Add("homeserver", new SimulatedUnit("homeserver.service") { Wants = ["bridge.service"] }, QuiesceMode.Stop);
        world.Add("bridge", new SimulatedUnit("bridge.service"), QuiesceMode.Stop, "homeserver");
        world.Run().IsWell.Should().BeTrue();
        world.Systemd.Log.Should().ContainInOrder("starting homeserver.service", "healthy homeserver.service", "starting bridge.service");
    }

    [Fact]
    public void One_that_runs_without_what_it_requires_runs_again_without_it()
    {
        using var world = new QuiesceWorld();
        world.Add("homeserver", new SimulatedUnit("homeserver.service") { Active = "failed", FailingStarts = 9 }, QuiesceMode.Stop);
        world.Add("bridge", new SimulatedUnit("bridge.service") { Requires = ["homeserver.service"] }, QuiesceMode.Stop);
        world.Run();
        world["bridge.service"].Active.Should().Be("active");
        world.Systemd.Log.Should().NotContain("starting homeserver.service");
    }

    [Fact]
    public void One_that_somebody_is_stopping_just_then_is_a_crash_copy_and_is_not_started()
    {
        _stack["maubot.service"].Active = "deactivating";
        QuiesceOutcome outcome = _stack.Run();
        outcome.Services.Single(service => service.Name == "maubot").Should().Match<ServiceOutcome>(service => service.CopyKind == CopyKind.Crash && service.CopyReason!.Contains("was being stopped by somebody"));
        _stack.Systemd.Log.Should().NotContain("starting maubot.service");
    }

    [Fact]
    public void Two_runs_never_have_services_at_rest_at_once()
    {
        QuiescePlan plan = _stack.Plan();
        _stack.Run(async _ =>
        {
            await FluentActions.Awaiting(() => _stack.EnterAsync(plan)).Should().ThrowAsync<QuiesceException>().WithMessage("Another run*");
            (await Recovery.RunAsync(new RestartJournal(_stack.Journal.Directory), _stack.Client, (_, unit) => _stack.Client.CheckOf(unit), _stack.Time, _stack.Told.Add, default))
                .Status.Should().Be(RecoveryStatus.HeldByLivingRun);
        });
        _stack.Systemd.Log.Should().ContainInOrder("window", "starting continuwuity.service");
    }

    [Fact]
    public void A_journal_that_cannot_be_written_stops_nothing()
    {
        Directory.CreateDirectory(Path.Combine(_stack.StateDirectory, "restarts.json"));
        QuiescePlan plan = _stack.Plan();
        FluentActions.Invoking(() => _stack.Time.Run(() => _stack.EnterAsync(plan))).Should().Throw<QuiesceException>().WithMessage("*Nothing was stopped.");
        _stack.Systemd.Log.Should().BeEmpty();
    }
}
