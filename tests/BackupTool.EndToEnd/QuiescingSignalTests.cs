using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd;

/// <summary>Signals while services are held still, on a real systemd. The window is made long by a database that blocks its writers while it is read: it is copied there.</summary>
public sealed class QuiescingSignalTests : IAsyncLifetime
{
    private static readonly string[] Units = ["homeserver.service", "bridge.service"];
    private StackMachine _machine = null!;

    public async ValueTask InitializeAsync() => _machine = await StackMachine.StartAsync();

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    [Theory]
    [InlineData("TERM", "stop", 0)]
    [InlineData("INT", "stop", 0)]
    [InlineData("HUP", "stop", 0)]
    [InlineData("QUIT", "stop", 0)]
    [InlineData("TERM", "freeze", 0)]
    [InlineData("TERM", "stop", 4)]
    public async Task A_signal_in_the_window_resumes_first_and_ends_with_130_however_long_the_services_take(string signal, string way, int startsWithin)
    {
        await SetUpAsync(way, startsWithin);
        var before = await _machine.LookAsync(Units);
        Task<CliResult> running = _machine.RunAsync("now");
        await InWindowAsync(way);
        await _machine.SignalAsync(signal);
        CliResult now = (await running).ShouldExit(130);
        await ShouldBeBackAsync();
        var after = await _machine.LookAsync(Units);
        foreach (string unit in Units) (after[unit].InvocationId == before[unit].InvocationId).Should().Be(way == "freeze", "the premise: {0} was held still", unit);
        (await _machine.RunAsync("list")).ShouldExit(0).Output.Should().BeEmpty("nothing was committed");
        now.Error.Should().Contain("cancelled");
        Directory.GetFileSystemEntries(_machine.Below("staging")).Should().BeEmpty("nothing is left behind");
    }

    [Fact]
    public async Task A_second_signal_does_not_leave_services_down_either()
    {
        await SetUpAsync("stop", 3);
        Task<CliResult> running = _machine.RunAsync("now");
        await InWindowAsync("stop");
        for (int i = 0; i < 4; i++)
        {
            await _machine.SignalAsync("INT");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
        (await running).ShouldExit(130);
        await ShouldBeBackAsync();
    }

    [Fact]
    public async Task Recover_beside_a_living_run_touches_nothing()
    {
        await SetUpAsync("stop", 0);
        await WriteBackupUnitAsync();
        await _machine.Systemd.ExecAsync("systemctl", "start", "--no-block", "backup.service");
        await InWindowAsync("stop");
        await _machine.Systemd.ExecAsync("systemctl", "kill", "-s", "STOP", "backup.service");
        var held = await _machine.LookAsync(Units);
        held.Values.Should().OnlyContain(static look => look.ActiveState == "inactive", "the premise");
        (await _machine.RunAsync("recover")).ShouldExit(11);
        (await _machine.RunAsync("now", "--lock-wait", "0s")).ShouldExit(11);
        (await _machine.LookAsync(Units)).Should().Equal(held, "they are held still for a cut");
        File.Exists(_machine.RestartJournal).Should().BeTrue();
        await _machine.Systemd.ExecAsync("systemctl", "kill", "-s", "CONT", "backup.service");
        await _machine.UntilAsync("[ $(systemctl show -P ActiveState backup.service) != activating ]", 60);
        (await _machine.Systemd.ExecAsync("systemctl", "show", "-P", "Result", "backup.service")).Trim().Should().Be("success");
        await ShouldBeBackAsync();
    }

    [Theory]
    [InlineData("systemctl kill -s KILL backup.service")]
    [InlineData("systemctl stop backup.service")]
    public async Task A_unit_that_ends_in_the_window_has_ExecStopPost_bring_the_services_back(string end)
    {
        await SetUpAsync("stop", 1);
        await WriteBackupUnitAsync();
        var before = await _machine.LookAsync(Units);
        await _machine.Systemd.ExecAsync("systemctl", "start", "--no-block", "backup.service");
        await InWindowAsync("stop");
        await _machine.Systemd.ShellAsync(end);
        await _machine.UntilAsync("systemctl show -P ActiveState backup.service | grep -Eq 'inactive|failed'");
        await ShouldBeBackAsync();
        var after = await _machine.LookAsync(Units);
        foreach (string unit in Units) after[unit].InvocationId.Should().NotBe(before[unit].InvocationId, "the premise: {0} was down", unit);
    }

    private async Task SetUpAsync(string way, int startsWithin)
    {
        await _machine.Systemd.WriteUnitsAsync(("homeserver.service", StackUnits.Answering(_machine, $"port=8008 delay={startsWithin}")), ("bridge.service", StackUnits.Idle()));
        await _machine.Systemd.ExecAsync(["systemctl", "start", .. Units]);
        await _machine.ConfigureAsync(
            _machine.Service("homeserver", $"quiesce = \"{way}\"\n{StackUnits.Http(8008)}"),
            _machine.Service("bridge", $"after = [\"homeserver\"]\nquiesce = \"{way}\""));
        Sql.Make(_machine.Below("data/homeserver/large.db"), "PRAGMA journal_mode = DELETE; CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(600000000))");
        await _machine.UntilAsync("journalctl -u homeserver.service | grep -q answers");
    }

    private Task WriteBackupUnitAsync() => _machine.Systemd.WriteUnitAsync("backup.service", "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nTimeoutStopSec=60\n"
        + $"ExecStart={_machine.Binary} now --config {_machine.ConfigFile}\nExecStopPost={_machine.Binary} recover --config {_machine.ConfigFile}");

    private Task InWindowAsync(string way) => _machine.UntilAsync(way == "stop" ? "[ $(systemctl show -P ActiveState homeserver.service) = inactive ]" : "[ $(systemctl show -P FreezerState bridge.service)$(systemctl show -P FreezerState homeserver.service) = frozenfrozen ]");

    private async Task ShouldBeBackAsync()
    {
        (await _machine.LookAsync(Units)).Values.Should().OnlyContain(static look => look.ActiveState == "active" && look.FreezerState == "running");
        (await _machine.Systemd.TryExecAsync("/usr/bin/python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 8008), 3)")).Status.Should().Be(0, "it answers");
        File.Exists(_machine.RestartJournal).Should().BeFalse("nothing is owed");
    }
}
