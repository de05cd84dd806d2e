using BackupTool.Services.Health;
using BackupTool.Services.Systemd;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Health;

public sealed class UnitCheckTests
{
    [Theory]
    [InlineData("active", "running", true, false, "x.service is active")]
    [InlineData("active", "exited", true, false, "x.service is active")]
    [InlineData("reloading", "reload", true, false, "x.service is reloading")]
    [InlineData("activating", "start-pre", false, false, "x.service is activating (start-pre)")]
    [InlineData("activating", "auto-restart", false, false, "x.service keeps ending (exit-code), and systemd restarts it: 4 times so far")]
    [InlineData("failed", "failed-before-auto-restart", false, false, "keeps ending")]
    [InlineData("failed", "failed", false, true, "x.service has failed (exit-code)")]
    [InlineData("inactive", "dead", false, false, "x.service is inactive (dead)")]
    [InlineData("deactivating", "stop-sigterm", false, false, "x.service is deactivating (stop-sigterm)")]
    public async Task Judges_a_unit_by_its_state(string active, string sub, bool isHealthy, bool isFinal, string reason)
    {
        HealthAnswer answer = await Ask(FixedUnits.Unit("x.service", active, sub) with { Result = "exit-code", Restarts = 4 });
        (answer.IsHealthy, answer.IsFinal).Should().Be((isHealthy, isFinal));
        answer.Reason.Should().Contain(reason);
    }

    [Theory]
    [InlineData("not-found", "does not exist")]
    [InlineData("masked", "systemd says masked")]
    [InlineData("bad-setting", "systemd says bad-setting")]
    public async Task Does_not_wait_for_a_unit_that_cannot_be_run(string load, string reason)
    {
        HealthAnswer answer = await Ask(FixedUnits.Unit("x.service", "inactive", "dead") with { LoadState = load });
        (answer.IsHealthy, answer.IsFinal).Should().Be((false, true));
        answer.Reason.Should().Contain(reason);
    }

    [Fact]
    public async Task A_frozen_unit_is_not_healthy_though_systemd_calls_it_active() =>
        (await Ask(FixedUnits.Unit("x.service") with { FreezerState = "frozen" })).Should().Be(new HealthAnswer(false, false, "x.service is frozen"));

    [Fact]
    public async Task Is_not_healthy_when_systemd_cannot_be_asked()
    {
        HealthAnswer answer = await new UnitCheck("x.service", new FixedUnits { Failure = new ServiceManagerException("there is no systemd here", "start it") }).AskAsync(Test.Token);
        answer.Should().Be(new HealthAnswer(false, false, "the state of x.service is not known: there is no systemd here"));
    }

    [Fact]
    public async Task Asks_the_unit_first_and_the_endpoint_only_when_the_unit_is_well()
    {
        await using var server = RawServer.Answering("HTTP/1.1 200 OK\r\n\r\n");
        var probe = new HttpProbe(new Uri($"http://127.0.0.1:{server.Port}/"), [200]);
        IHealthCheck well = HealthChecks.For(probe, "x.service", new FixedUnits(FixedUnits.Unit("x.service")))!;
        (await well.AskAsync(Test.Token)).Should().Be(new HealthAnswer(true, false, $"x.service is active; HTTP 200 from http://127.0.0.1:{server.Port}/"));

        IHealthCheck failed = HealthChecks.For(probe, "x.service", new FixedUnits(FixedUnits.Unit("x.service", "failed", "failed")))!;
        (await failed.AskAsync(Test.Token)).IsFinal.Should().BeTrue();
        server.Connections.Should().Be(1);
    }

    [Fact]
    public async Task An_active_unit_that_does_not_listen_is_not_healthy()
    {
        IHealthCheck check = HealthChecks.For(new TcpProbe("127.0.0.1", RawServer.FreePort()), "x.service", new FixedUnits(FixedUnits.Unit("x.service")))!;
        HealthAnswer answer = await check.AskAsync(Test.Token);
        (answer.IsHealthy, answer.IsFinal).Should().Be((false, false));
        answer.Reason.Should().StartWith("connection refused");
    }

    [Fact]
    public void Has_nothing_to_ask_without_unit_and_probe()
    {
        HealthChecks.For(null, null, new FixedUnits()).Should().BeNull();
        HealthChecks.For(null, "x.service", new FixedUnits()).Should().BeOfType<UnitCheck>();
        HealthChecks.For(new CommandProbe(["true"]), null, new FixedUnits()).Should().BeOfType<CommandCheck>();
    }

    private static Task<HealthAnswer> Ask(UnitState state) => new UnitCheck("x.service", new FixedUnits(state)).AskAsync(Test.Token);
}
