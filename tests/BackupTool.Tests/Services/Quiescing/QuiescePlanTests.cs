using BackupTool.Services.Quiescing;
using BackupTool.Services.Systemd;

namespace BackupTool.Tests.Services.Quiescing;

public sealed class QuiescePlanTests : IDisposable
{
    private readonly QuiesceWorld _stack = QuiesceWorld.Stack();

    public void Dispose() => _stack.Dispose();

    [Fact]
    public void A_plan_is_told_in_sentences()
    {
        _stack["slack.service"].Active = "inactive";
        _stack.Systemd.Add(new SimulatedUnit("maubot.timer") { Triggers = ["maubot.service"] });
        _stack.Systemd.Add(new SimulatedUnit("dashboard.service") { Requires = ["maubot.service"] });
        _stack.Add("forge", new SimulatedUnit("forgejo.service"), QuiesceMode.Freeze);
        _stack.Add("static", new SimulatedUnit("nginx.service"), QuiesceMode.Online);
        _stack.Plan().Steps.Select(step => step.Sentence).Should().Equal(
            "leave slack.service ('slack') as it is: it is not running",
            "leave nginx.service ('static') as it is: it is cut while it runs",
            "stop maubot.timer: it would start maubot.service again; killed after 120 s",
            "stop dashboard.service: it stops with maubot.service, and systemd would not start it again; killed after 120 s",
            "stop maubot.service ('maubot'): quiesce = stop; before 'homeserver', which it needs; killed after 120 s",
            "stop continuwuity.service ('homeserver'): quiesce = stop; killed after 120 s",
            "freeze forgejo.service ('forge'): quiesce = freeze",
            "take the cut",
            "thaw forgejo.service ('forge')",
            "start continuwuity.service ('homeserver'), and wait at most 60 s until it is healthy",
            "start maubot.timer when 'homeserver' is healthy",
            "start maubot.service ('maubot') when 'homeserver' is healthy, and wait at most 60 s until it is healthy",
            "start dashboard.service");
    }

    [Fact]
    public void A_service_that_is_to_start_in_any_case_is_told_so()
    {
        _stack["continuwuity.service"].Active = "failed";
        _stack.Change("homeserver", target => target with { WasHealthy = false, StartsInAnyCase = true });
        _stack.Plan().Steps.Select(step => step.Sentence).Should().Contain(
        [
            "stop continuwuity.service ('homeserver'): it is failed, and is to run afterwards in any case; killed after 120 s",
            "start continuwuity.service ('homeserver'), and wait at most 60 s until it is healthy",
            "start maubot.service ('maubot') when 'homeserver' is healthy, and wait at most 60 s until it is healthy",
        ]);
    }

    [Fact]
    public void What_nothing_waits_for_is_stopped_last()
    {
        _stack.Add("forge", new SimulatedUnit("forgejo.service"), QuiesceMode.Stop);
        _stack.Plan().Units.Where(unit => unit.StopLevel == 1).Select(unit => unit.Unit).Should().BeEquivalentTo("continuwuity.service", "forgejo.service");
    }

    [Fact]
    public void Systemds_own_order_holds_where_the_configuration_says_nothing()
    {
        using var world = new QuiesceWorld();
        world.Add("a", new SimulatedUnit("a.service") { After = ["b.service"] }, QuiesceMode.Stop);
        world.Add("b", new SimulatedUnit("b.service"), QuiesceMode.Stop);
        world.Plan().Units.Select(unit => (unit.Unit, unit.StopLevel)).Should().Equal(("b.service", 1), ("a.service", 0));
    }

    [Fact]
    public void The_configuration_beats_systemds_order()
    {
        _stack["continuwuity.service"].After.Add("maubot.service");
        _stack.Plan().Units.Select(unit => unit.Unit).First().Should().Be("continuwuity.service");
        _stack.Run().IsWell.Should().BeTrue();
    }

    [Fact]
    public void Two_services_in_one_unit_are_stopped_once()
    {
        _stack.Targets.Add(_stack.Targets[2] with { Name = "maubot-plugins", After = ["maubot"] });
        QuiesceOutcome outcome = _stack.Run();
        _stack.Systemd.Log.Count(line => line == "stopping maubot.service").Should().Be(1);
        outcome.Units.Single(unit => unit.Unit == "maubot.service").Services.Should().Equal("maubot", "maubot-plugins");
        outcome.Services.Should().OnlyContain(service => service.CopyKind == CopyKind.Clean);
    }

    [Fact]
    public void What_would_be_frozen_but_stops_with_another_is_stopped_and_the_plan_says_so()
    {
        _stack["maubot.service"].Requires.Add("continuwuity.service");
        _stack.Change("maubot", target => target with { Mode = QuiesceMode.Freeze });
        PlannedService maubot = _stack.Plan().Services.Single(service => service.Target.Name == "maubot");
        (maubot.Mode, maubot.Expected).Should().Be((QuiesceMode.Stop, CopyKind.Clean));
        maubot.Notes.Should().ContainSingle().Which.Should().Contain("stops with continuwuity.service");
    }

    [Fact]
    public void Services_that_come_after_each_other_are_refused() =>
        Problem(() => _stack.Change("homeserver", target => target with { After = ["maubot"] })).Should().Contain("comes after");

    [Fact]
    public void A_service_without_a_unit_cannot_be_stopped() =>
        Problem(() => _stack.Change("maubot", target => target with { Unit = null })).Should().Be("'maubot' is to be stopped, but it has no unit.");

    [Fact]
    public void A_unit_that_does_not_exist_is_refused() =>
        Problem(() => _stack.Change("maubot", target => target with { Unit = "moubot.service" })).Should().Contain("moubot.service of 'maubot' is not-found");

    [Fact]
    public void A_unit_that_cannot_be_frozen_is_refused()
    {
        using var world = new QuiesceWorld();
        world.Add("a", new SimulatedUnit("a.service") { CanFreeze = false }, QuiesceMode.Freeze);
        world.Plan().Problems.Should().ContainSingle().Which.Message.Should().Contain("cannot be frozen");
    }

    [Theory]
    [InlineData(true, false, false, "could not be started again by hand (RefuseManualStart=)")]
    [InlineData(false, true, false, "cannot be stopped by hand (RefuseManualStop=)")]
    [InlineData(false, false, true, "could not be started again: it is transient")]
    public void Who_could_not_be_brought_back_is_not_stopped_but_may_be_frozen(bool refusesStart, bool refusesStop, bool isTransient, string expected)
    {
        foreach (QuiesceMode mode in (QuiesceMode[])[QuiesceMode.Stop, QuiesceMode.Freeze])
        {
            using var world = new QuiesceWorld();
            world.Add("a", new SimulatedUnit("a.service") { RefusesStart = refusesStart, RefusesStop = refusesStop, IsTransient = isTransient }, mode);
            if (mode == QuiesceMode.Stop) world.Plan().Problems.Should().ContainSingle().Which.Message.Should().Contain(expected);
            else world.Plan().Problems.Should().BeEmpty();
        }
    }

    [Fact]
    public void What_requires_a_unit_by_way_of_one_that_is_down_waits_for_it()
    {
        using var world = new QuiesceWorld();
        world.Add("first", new SimulatedUnit("first.service"), QuiesceMode.Stop);
        world.Systemd.Add(new SimulatedUnit("between.service") { Requires = ["first.service"], Active = "inactive" });
        world.Add("last", new SimulatedUnit("last.service") { Requires = ["between.service"] }, QuiesceMode.Stop);
        world.Plan().Units.Should().SatisfyRespectively(first => first.Unit.Should().Be("first.service"), last => last.RequiresUnits.Should().Equal("first.service"));
    }

    [Fact]
    public void Nor_is_a_service_with_which_such_a_one_would_stop()
    {
        _stack.Systemd.Add(new SimulatedUnit("dashboard.service") { Requires = ["maubot.service"], RefusesStart = true });
        _stack.Plan().Problems.Should().ContainSingle().Which.Message.Should().Contain("dashboard.service, which must be stopped with 'maubot', could not be started again by hand");
    }

    [Theory]
    [InlineData("maubot.service")]
    [InlineData("dashboard.service")]
    public void Whoever_would_stop_us_is_refused(string ownUnit)
    {
        _stack.Systemd.Add(new SimulatedUnit("dashboard.service") { Requires = ["maubot.service"] });
        Dictionary<string, UnitState> states = _stack.Systemd.Units.Keys.ToDictionary(name => name, _stack.Systemd.Describe);
        QuiescePlan.Decide(_stack.Targets, states, OwnUnits.Parse($"0::/system.slice/{ownUnit}\n")).Problems.Should().ContainSingle()
            .Which.Message.Should().Contain("what this program runs in itself");
    }

    [Fact]
    public void A_target_that_upholds_a_service_is_a_problem_because_starting_it_again_would_start_more()
    {
        _stack.Systemd.Add(new SimulatedUnit("matrix.target") { Upholds = ["maubot.service"] });
        _stack.Plan().Problems.Should().ContainSingle().Which.Hint.Should().Contain("freeze");
    }

    [Fact]
    public void What_is_masked_while_it_runs_is_refused_because_it_could_not_be_started_again()
    {
        _stack.Systemd.Add(new SimulatedUnit("dashboard.service") { Requires = ["maubot.service"], LoadState = "masked" });
        _stack.Plan().Problems.Should().ContainSingle().Which.Message.Should().Contain("could not be started again");
    }

    [Fact]
    public void A_plan_with_a_problem_is_not_carried_out()
    {
        QuiescePlan plan = _stack.Plan();
        _stack.Systemd.Add(new SimulatedUnit("matrix.target") { Upholds = ["maubot.service"] });
        FluentActions.Invoking(() => _stack.Time.Run(() => _stack.EnterAsync(plan))).Should().Throw<QuiesceException>();
        _stack.Systemd.Log.Should().BeEmpty();
        _stack.Journal.IsOwed.Should().BeFalse();
    }

    private string Problem(Action change)
    {
        change();
        return _stack.Plan().Problems.Should().ContainSingle().Which.Message;
    }
}
