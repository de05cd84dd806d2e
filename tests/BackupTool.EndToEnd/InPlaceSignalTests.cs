using BackupTool.EndToEnd.Support;
using BackupTool.Services.Quiescing;

namespace BackupTool.EndToEnd;

/// <summary>Signals to a restore in place, others beside it, and a journal that is damaged, on a real systemd.</summary>
public sealed class InPlaceSignalTests : IAsyncLifetime
{
    private KillStack _stack = null!;

    private StackMachine Machine => _stack.Machine;

    public async ValueTask InitializeAsync() => _stack = await KillStack.StartAsync();

    public ValueTask DisposeAsync() => _stack.DisposeAsync();

    private Task<CliResult> RestoreAsync() => Machine.RunAsync("restore", _stack.Snapshot, "--in-place", "--no-safety");

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    public async Task A_signal_while_services_are_being_stopped_starts_them_again_with_what_they_had(string signal)
    {
        File.WriteAllText(Machine.Below("stops-slowly"), "");
        Task<CliResult> running = RestoreAsync();
        await Machine.UntilAsync("[ $(systemctl show -P ActiveState maubot.service) = deactivating ]");
        await Machine.SignalAsync(signal);
        (await running).ShouldExit(130).Error.Should().Contain("cancelled");
        await ShouldBeOldAsync();
    }

    [Fact]
    public async Task A_signal_before_anything_is_stopped_leaves_nothing_behind_and_no_service_notices()
    {
        var before = await Machine.LookAsync(KillStack.Running);
        File.WriteAllText(Machine.Below("hold"), "");   // it asks how they are before it does anything
        Task<CliResult> running = RestoreAsync();
        await Machine.UntilAsync("[ -e /run/tool.pid ] && [ -n \"$(find /proc/$(cat /run/tool.pid)/task -name children -exec cat {} +)\" ]");
        await Machine.SignalAsync("TERM");
        (await running).ShouldExit(130);
        File.Delete(Machine.Below("hold"));
        await ShouldBeOldAsync();
        (await Machine.LookAsync(KillStack.Running)).Should().Equal(before, "nothing was stopped");
    }

    [Fact]
    public async Task A_signal_while_services_start_with_the_new_state_waits_for_them_and_what_is_told_is_true()
    {
        Task<CliResult> running = await HoldWhileTryingAsync();
        for (int i = 0; i < 3; i++)
        {
            await Machine.SignalAsync("TERM");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
        File.Delete(Machine.Below("holds"));
        File.Delete(Machine.Below("hold"));
        CliResult restore = await running;
        string which = await _stack.ShouldBeOneStateAsync("after a signal");
        await _stack.ShouldBeWellAsync("after a signal");
        restore.ExitCode.Should().BeOneOf(which == "new" ? [0, 3] : [21, 130], restore.Output + restore.Error);
        _stack.StartsShouldBeOfOneState("after a signal");
    }

    [Fact]
    public async Task While_one_is_under_way_every_other_that_changes_something_is_refused_and_harms_nothing()
    {
        Task<CliResult> running = await HoldWhileTryingAsync();
        string journal = File.ReadAllText(Path.Combine(Machine.State, "replacement.json"));
        // What hangs on the homeserver is being started just then.
        string[] others = [.. KillStack.Running.Concat(KillStack.Down).Except(["console.service"])];
        var before = await Machine.LookAsync(others);
        foreach (string[] command in (string[][])[["now", "--lock-wait", "0s"], ["restore", _stack.Snapshot, "--in-place"], ["rollback"], ["recover"], ["restore", "--forget-previous"]])
            (await Machine.RunAsync(command)).ExitCode.Should().Be(command[0] == "rollback" ? 75 : command is [_, "--forget-previous"] ? 75 : 11, string.Join(' ', command));
        (await Machine.LookAsync(others)).Should().Equal(before);
        File.ReadAllText(Path.Combine(Machine.State, "replacement.json")).Should().Be(journal);
        File.Delete(Machine.Below("holds"));
        File.Delete(Machine.Below("hold"));
        (await running).ExitCode.Should().BeOneOf(0, 3);
        (await _stack.ShouldBeOneStateAsync("at the end")).Should().Be("new");
        await _stack.ShouldBeWellAsync("at the end");
    }

    [Fact]
    public async Task A_journal_that_cannot_be_read_keeps_the_services_down_until_somebody_has_looked()
    {
        (await Machine.RunWithAsync([$"BACKUP_FAIL_POINT={FailPoint.Exchanged}@2"], "restore", _stack.Snapshot, "--in-place", "--no-safety")).ExitCode.Should().Be(137);
        string file = Path.Combine(Machine.State, "replacement.json"), whole = File.ReadAllText(file);
        foreach (string damaged in (string[])[whole[..(whole.Length / 2)], "", "null\n", whole.Replace("/lib/", "/lib%/", StringComparison.Ordinal)])
        {
            File.WriteAllText(file, damaged);
            (await Machine.RunAsync("recover")).ShouldFail(1, "replacement.json", ".backup-restore-");
            (await Machine.RunAsync("now")).ShouldFail(11, "half old and half new");
            (await Machine.RunAsync("restore", _stack.Snapshot, "--in-place")).ShouldFail(11, "recover");
            (await Machine.RunAsync("rollback")).ExitCode.Should().NotBe(0);
            foreach ((string unit, UnitLook look) in await Machine.LookAsync([.. KillStack.Running, .. KillStack.Down])) look.ActiveState.Should().NotBe("active", "{0} would run on a mixture", unit);
        }
        File.WriteAllText(file, whole);
        (await Machine.RunAsync("recover")).ShouldExit(0);
        await ShouldBeOldAsync();
    }

    [Fact]
    public async Task Both_journals_damaged_the_states_are_not_mixed_and_what_can_be_made_out_is_started()
    {
        (await Machine.RunWithAsync([$"BACKUP_FAIL_POINT={FailPoint.Exchanged}@2"], "restore", _stack.Snapshot, "--in-place", "--no-safety")).ExitCode.Should().Be(137);
        string whole = File.ReadAllText(Machine.RestartJournal);
        File.WriteAllText(Machine.RestartJournal, whole[..(whole.Length / 2)]);
        CliResult recover = await Machine.RunAsync("recover");
        recover.Error.Should().Contain("could not be read");
        (await _stack.ShouldBeOneStateAsync("with a torn restart journal")).Should().Be("old");
        foreach (string unit in (string[])["homeserver.service", "maubot.service"]) (await Machine.LookAsync(unit))[unit].ActiveState.Should().Be("active", recover.Output + recover.Error);
    }

    /// <summary>Starts a restore, and returns when its services run with the new state and do not answer.</summary>
    private async Task<Task<CliResult>> HoldWhileTryingAsync()
    {
        File.WriteAllText(Machine.Below("holds"), "");
        Task<CliResult> running = RestoreAsync();
        await Machine.UntilAsync($"[ -e {Machine.Below("hold")} ]");
        return running;
    }

    private async Task ShouldBeOldAsync()
    {
        (await _stack.ShouldBeOneStateAsync("put back")).Should().Be("old");
        await _stack.ShouldBeWellAsync("put back");
        await _stack.DownShouldBeAsync(false, "put back");
        _stack.StartsShouldBeOfOneState("put back");
        _stack.Asides().Should().BeEmpty("put back");
    }
}
