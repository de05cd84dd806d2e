using BackupTool.EndToEnd.Support;
using BackupTool.Services.Quiescing;

namespace BackupTool.EndToEnd;

/// <summary>
/// A power cut at every step of a restore in place and of the way back. The machine boots, and its services start with whatever is there, before anybody can recover: even so the state is wholly the
/// old or wholly the new one afterwards, and no database has lost or swapped its log.
/// </summary>
public sealed class InPlacePowerCutTests(ITestOutputHelper output) : IAsyncLifetime
{
    private KillStack _stack = null!;

    public async ValueTask InitializeAsync() => _stack = await KillStack.StartAsync();

    public ValueTask DisposeAsync() => _stack.DisposeAsync();

    [Fact]
    public async Task After_a_power_cut_and_a_boot_on_whatever_is_there_recover_leaves_one_state()
    {
        string[] points = [FailPoint.Extracted, FailPoint.AtRest, $"{FailPoint.BetweenExchanges}@1", $"{FailPoint.Exchanged}@1", $"{FailPoint.BetweenExchanges}@3", $"{FailPoint.Exchanged}@3", FailPoint.Trying, FailPoint.Settled];
        var ends = new List<string>();
        foreach ((string snapshot, string point) in points.Select(point => (_stack.Snapshot, point)).Append((_stack.DeadlySnapshot, FailPoint.Returning)).Append((_stack.DeadlySnapshot, $"{FailPoint.Exchanged}@7")))
        {
            (await RestoreAsync(point, snapshot)).ExitCode.Should().Be(137, point);
            await _stack.LosePowerAsync();
            CliResult recover = await _stack.RunInNewBootAsync("recover");
            recover.ShouldExit(0, point);
            string which = await _stack.ShouldBeOneStateAsync(point);
            await _stack.ShouldBeWellAsync(point, isConsoleOwed: point is not (FailPoint.Extracted or FailPoint.Settled));
            ends.Add($"{point}: {which}");
            await _stack.ResetAsync();
        }
        output.WriteLine(string.Join(", ", ends));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_a_power_cut_in_the_exchange_of_a_database_alone_it_is_whole_and_has_its_own_log(bool isRollback)
    {
        var ends = new List<string>();
        foreach (string point in (string[])[FailPoint.Exchanging, FailPoint.BetweenExchanges, FailPoint.Exchanged, FailPoint.HalfExchanged, FailPoint.Trying])
        {
            await _stack.ResetAsync();
            string[] restore = ["restore", _stack.Snapshot, "--in-place", "--no-safety", "-s", "maubot", "--include", "bot.db"];
            if (isRollback) (await _stack.Machine.RunAsync(restore)).ExitCode.Should().BeOneOf(0, 3);
            (await _stack.Machine.RunWithAsync([$"BACKUP_FAIL_POINT={point}"], isRollback ? ["rollback"] : restore)).ExitCode.Should().Be(137, point);
            await _stack.LosePowerAsync();
            (await _stack.RunInNewBootAsync("recover")).ShouldExit(0, point);
            string which = await _stack.DatabaseShouldBeWholeAsync(point);
            which.Should().Be(point == FailPoint.Trying != isRollback ? "new" : "old", point);
            await _stack.ShouldBeWellAsync(point, isConsoleOwed: false);
            ends.Add($"{point}: {which}");
        }
        output.WriteLine(string.Join(", ", ends));
    }

    private Task<CliResult> RestoreAsync(string killedAt, string snapshot) =>
        _stack.Machine.RunWithAsync([$"BACKUP_FAIL_POINT={killedAt}"], "restore", snapshot, "--in-place", "--no-safety");
}
