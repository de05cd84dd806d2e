using System.Text.Json;
using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>Services that do not stop, do not start or do not answer: each gets its own truthful result, on a real systemd.</summary>
public sealed class QuiescingTroubleTests : IAsyncLifetime
{
    private StackMachine _machine = null!;

    public async ValueTask InitializeAsync() => _machine = await StackMachine.StartAsync();

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    [Fact]
    public async Task A_service_that_ignores_SIGTERM_is_killed_in_time_and_its_copy_is_called_a_crash_copy()
    {
        await StartAsync(("stubborn.service", StackUnits.Running("/bin/sh -c 'trap \"\" TERM; echo deaf; while :; do sleep 1; done'", "TimeoutStopSec=90")), ("bot.service", StackUnits.Idle()));
        await _machine.UntilAsync("journalctl -u stubborn.service | grep -q deaf");
        await _machine.ConfigureAsync(_machine.Service("stubborn", "stop-timeout = \"1s\""), _machine.Service("bot", ""));
        CliResult now = (await _machine.RunAsync("now", "--json")).ShouldExit(3);
        now.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(20), "its own time to stop is not waited for");
        JsonElement stubborn = Quiesced(now, "stubborn");
        stubborn.GetProperty("copy").GetString().Should().BeEquivalentTo("crash");
        stubborn.GetProperty("copyReason").GetString().Should().Contain("did not stop within 1 s and was killed");
        stubborn.GetProperty("isHealthy").GetBoolean().Should().BeTrue();
        Quiesced(now, "bot").GetProperty("copy").GetString().Should().BeEquivalentTo("clean");
        (await _machine.RunAsync("now")).ShouldFail(3, "stubborn: its copy is what a crash would leave", "did not stop within 1 s");
        (await _machine.RunAsync("show", "latest")).ShouldExit(0).Output.Should().Contain("was killed");
        (await _machine.RunAsync("list")).ShouldExit(0).Output.Should().Contain("CRASH COPY stubborn");
        await ShouldBeAsync("active", "stubborn.service", "bot.service");
    }

    [Fact]
    public async Task A_service_whose_ExecStop_fails_has_a_crash_copy_and_runs_again()
    {
        await StartAsync(("grumpy.service", StackUnits.Idle("ExecStop=/bin/false")));
        await _machine.ConfigureAsync(_machine.Service("grumpy", ""));
        (await _machine.RunAsync("now")).ShouldFail(3, "grumpy: its copy is what a crash would leave", "ExecStop");
        await ShouldBeAsync("active", "grumpy.service");
    }

    [Fact]
    public async Task A_service_that_had_failed_before_is_stored_as_it_lies_and_not_started_and_said()
    {
        await StartAsync(("broken.service", StackUnits.Running("/bin/sh -c 'exit 7'")), ("bot.service", StackUnits.Idle()));
        await _machine.UntilAsync("systemctl is-failed -q broken.service");
        await _machine.ConfigureAsync(_machine.Service("broken", ""), _machine.Service("bot", ""));
        CliResult now = (await _machine.RunAsync("now")).ShouldFail(20, "broken was not running", "journalctl -u");
        now.Output.Should().Contain("snapshot ");
        await ShouldBeAsync("failed", "broken.service");
        await ShouldBeAsync("active", "bot.service");
        JsonElement document = (await _machine.RunAsync("now", "--json")).ShouldExit(20).Json;
        document.GetProperty("snapshot").GetString().Should().NotBeNull("what there is, is kept");
        Quiesced(document, "broken").GetProperty("copy").GetString().Should().BeEquivalentTo("inactive");
        Quiesced(document, "broken").GetProperty("wasHealthy").GetBoolean().Should().BeFalse();
    }

    [Fact]
    public async Task A_service_that_does_not_start_again_is_20_with_its_journal_and_its_dependents_stay_owed_until_it_is_mended()
    {
        await SetUpHomeserverAsync(StackUnits.Answering(_machine, "port=8008", "ExecStartPre=/bin/sh -c 'if [ -e /run/broken ]; then echo the disk is on fire; exit 1; fi'"), "60s");
        await _machine.Systemd.ShellAsync("touch /run/broken");
        CliResult now = (await _machine.RunAsync("now")).ShouldFail(20, "homeserver", "the disk is on fire", "bridge: is not started", "backup recover");
        now.Output.Should().Contain("snapshot ", "the cut was good");
        await ShouldBeAsync("inactive", "bridge.service", "console.service");
        await ShouldBeAsync("active", "bot.service");
        File.Exists(_machine.RestartJournal).Should().BeTrue("they are owed");
        (await _machine.RunAsync("recover")).ShouldFail(20, "bridge.service");
        (await _machine.RunAsync("now", "--service", "bot")).ShouldFail(20, "bridge.service");
        await ShouldBeAsync("inactive", "bridge.service");

        await _machine.Systemd.ShellAsync("rm /run/broken; systemctl reset-failed homeserver; systemctl start homeserver");
        (await _machine.RunAsync("recover")).ShouldExit(0);
        await ShouldBeAsync("active", "homeserver.service", "bridge.service", "bot.service", "console.service");
        File.Exists(_machine.RestartJournal).Should().BeFalse();
    }

    [Fact]
    public async Task A_service_that_stays_active_and_never_listens_is_20_and_named_and_whoever_needs_it_waits()
    {
        await SetUpHomeserverAsync(StackUnits.Running($"/bin/sh -c 'if [ -e /run/garbage ]; then echo garbage; exec sleep infinity; fi; exec /usr/bin/python3 {_machine.Below("service.py")} port=8008'"), "2s");
        await _machine.Systemd.ShellAsync("touch /run/garbage");
        CliResult now = (await _machine.RunAsync("now", "--json")).ShouldExit(20);
        JsonElement homeserver = Quiesced(now, "homeserver"), bridge = Quiesced(now, "bridge");
        homeserver.GetProperty("isHealthy").GetBoolean().Should().BeFalse();
        homeserver.GetProperty("isOwed").GetBoolean().Should().BeFalse("it runs");
        homeserver.GetProperty("reason").GetString().Should().Contain("127.0.0.1:8008");
        homeserver.GetProperty("journal").EnumerateArray().Select(static line => line.GetString()).Should().Contain("garbage");
        bridge.GetProperty("isOwed").GetBoolean().Should().BeTrue();
        bridge.GetProperty("reason").GetString().Should().Contain("homeserver");
        now.Json.GetProperty("snapshot").GetString().Should().NotBeNull();
        await ShouldBeAsync("active", "homeserver.service", "bot.service", "console.service");
        await ShouldBeAsync("inactive", "bridge.service");
        (await _machine.RunAsync("health")).ShouldFail(20, "homeserver");

        await _machine.Systemd.ShellAsync("rm /run/garbage; systemctl restart homeserver");
        (await _machine.RunAsync("recover")).ShouldExit(0);
        await ShouldBeAsync("active", "homeserver.service", "bridge.service", "bot.service");
        (await _machine.RunAsync("health")).ShouldExit(0);
    }

    [Fact]
    public async Task A_service_that_did_not_answer_before_keeps_nobody_waiting_and_is_20()
    {
        await StartAsync(("homeserver.service", StackUnits.Idle()), ("bridge.service", StackUnits.Idle()));
        await _machine.ConfigureAsync(_machine.Service("homeserver", "health = { tcp = \"127.0.0.1:8008\", timeout = \"60s\" }"), _machine.Service("bridge", "after = [\"homeserver\"]"));
        CliResult now = (await _machine.RunAsync("now")).ShouldFail(20, "homeserver: is not healthy", "it was not healthy before either");
        now.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(30), "it was not healthy before, so it is not waited for as long");
        await ShouldBeAsync("active", "homeserver.service", "bridge.service");
        File.Exists(_machine.RestartJournal).Should().BeFalse();
    }

    private async Task SetUpHomeserverAsync(string unit, string timeout)
    {
        await StartAsync(("homeserver.service", unit), ("bridge.service", StackUnits.Idle()), ("bot.service", StackUnits.Idle()),
            ("console.service", StackUnits.Idle(unit: "Requires=homeserver.service\nAfter=homeserver.service")));
        await _machine.ConfigureAsync(_machine.Service("homeserver", $"health = {{ url = \"http://127.0.0.1:8008/\", timeout = \"{timeout}\" }}"),
            _machine.Service("bridge", "after = [\"homeserver\"]"), _machine.Service("bot", ""));
        await _machine.UntilAsync("journalctl -u homeserver.service | grep -q answers");
    }

    private async Task StartAsync(params (string Name, string Text)[] units)
    {
        await _machine.Systemd.WriteUnitsAsync(units);
        foreach ((string name, _) in units) await _machine.Systemd.TryExecAsync("systemctl", "start", name);
    }

    private async Task ShouldBeAsync(string state, params string[] units)
    {
        foreach ((string unit, UnitLook look) in await _machine.LookAsync(units)) look.ActiveState.Should().Be(state, unit);
    }

    private static JsonElement Quiesced(CliResult now, string name) => Quiesced(now.Json, name);

    private static JsonElement Quiesced(JsonElement now, string name) => now.GetProperty("quiesced").EnumerateArray().First(each => each.GetProperty("name").GetString() == name);
}
