using BackupTool.EndToEnd.Support;
using BackupTool.Services.Quiescing;

namespace BackupTool.EndToEnd;

/// <summary>
/// kill -9 of the tool at every step of a restore in place and of a rollback, then recover, on a real systemd: the state is wholly the old or wholly the new one, and what ran runs.
/// </summary>
public sealed class InPlaceKillTests(ITestOutputHelper output) : IAsyncLifetime
{
    // Reached once for everything that changes places.
    private static readonly string[] Repeated = [FailPoint.BetweenExchanges, FailPoint.Exchanged];

    // Of file systems that cannot exchange, and of a reseed.
    private static readonly string[] OfOthers = [FailPoint.HalfExchanged, FailPoint.Reseeding, FailPoint.RowsCopied];

    // Of the window: all of them are the matter of the tests of quiescing.
    private static readonly string[] OfTheWindow = ["after-journal", "after-stop", "window", "before-start", "after-start", "before-paid", "before-journal-removal"];

    // Each takes seconds: BACKUP_KILL_MATRIX=full tries every step and every hit of it; else those at which something else is on the disk than before.
    private static readonly bool IsFull = Environment.GetEnvironmentVariable("BACKUP_KILL_MATRIX") == "full";

    private static readonly string[] OfGood =
        [FailPoint.AsideMade, FailPoint.NewStateMade, FailPoint.AtRest, FailPoint.Exchanging, FailPoint.BetweenExchanges, FailPoint.Exchanged, FailPoint.Trying, FailPoint.Tried, FailPoint.Settled, "before-start"];

    private static readonly string[] OfDeadly = [FailPoint.Tried, FailPoint.Returning, FailPoint.Settled, "before-start"];

    private static readonly string[] OfRollback = [FailPoint.AtRest, FailPoint.BetweenExchanges, FailPoint.Trying, FailPoint.Settled];

    private static IEnumerable<string> Points(string[] some) => IsFull ? FailPoint.OfReplacements.Except(OfOthers).Concat(OfTheWindow) : some;

    // What a recovery may be killed at, too.
    private static readonly string[] OfRecovery =
        [FailPoint.BetweenExchanges, FailPoint.Exchanged, FailPoint.Returning, "before-start"];

    private KillStack _stack = null!;

    private StackMachine Machine => _stack.Machine;

    public async ValueTask InitializeAsync() => _stack = await KillStack.StartAsync();

    public ValueTask DisposeAsync() => _stack.DisposeAsync();

    private Task<CliResult> RestoreAsync(string? killedAt, string snapshot) => RunAsync(killedAt, "restore", snapshot, "--in-place", "--no-safety");

    private Task<CliResult> RunAsync(string? killedAt, params string[] arguments) => Machine.RunWithAsync(killedAt is null ? [] : [$"BACKUP_FAIL_POINT={killedAt}"], arguments);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whatever_the_step_at_which_a_restore_of_several_things_is_killed_recover_leaves_one_state_and_what_ran_runs(bool isDeadly)
    {
        var seen = new Tally();
        string snapshot = isDeadly ? _stack.DeadlySnapshot : _stack.Snapshot;
        foreach (string point in Points(isDeadly ? OfDeadly : OfGood))
        {
            for (int hit = 1; hit == 1 || (Repeated.Contains(point) && (IsFull || hit < 3)); hit++)
            {
                string where = $"{point}@{hit}";
                CliResult restore = await RestoreAsync(where, snapshot);
                if (restore.ExitCode != 137)
                {
                    restore.ExitCode.Should().BeOneOf(isDeadly ? [20, 21] : [0, 3], "{0}: {1}{2}", where, restore.Output, restore.Error);
                    seen.Missed.Add(where);
                    await CheckAsync(where);
                    break;
                }
                await RecoverAsync(where);
                string which = await CheckAsync(where);
                if (isDeadly) which.Should().Be("old", where);
                seen.Add(which, where);
            }
        }
        output.WriteLine($"{(isDeadly ? "deadly" : "good")}: {seen}");
        seen.Killed.Should().BeGreaterThan(isDeadly ? 2 : 8, "the premise");
        await ResetAndBackUpAsync();
    }

    [Fact]
    public async Task Whatever_the_step_at_which_a_rollback_is_killed_recover_leaves_one_state_and_both_are_kept()
    {
        var seen = new Tally();
        (await RunAsync(null, "restore", _stack.Snapshot, "--in-place", "--no-safety", "-s", "homeserver", "-s", "maubot")).ExitCode.Should().BeOneOf(0, 3);
        foreach (string point in Points(OfRollback))
        {
            for (int hit = 1; hit == 1 || (Repeated.Contains(point) && (IsFull || hit < 3)); hit++)
            {
                string where = $"{point}@{hit}";
                CliResult rollback = await RunAsync(where, "rollback");
                if (rollback.ExitCode == 137) await RecoverAsync(where);
                else rollback.ShouldExit(0, where);
                string which = await _stack.ShouldBeOneStateAsync(where, "homeserver", "maubot");
                await _stack.ShouldBeWellAsync(where);
                await _stack.DownShouldBeAsync(false, where);
                _stack.Asides().Should().HaveCount(2, "both states are kept: {0}", where);
                if (rollback.ExitCode == 137)
                {
                    seen.Add(which, where);
                    continue;
                }
                seen.Missed.Add(where);
                break;
            }
        }
        output.WriteLine($"rollback: {seen}");
        seen.Killed.Should().BeGreaterThan(2, "the premise");
        (await Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        _stack.Asides().Should().BeEmpty();
    }

    [Theory]
    [InlineData("restore", "latest", "--in-place", "--no-safety", "-s", "maubot", "--include", "bot.db")]
    [InlineData("rollback")]
    public async Task Whatever_the_step_at_which_the_exchange_of_a_database_alone_is_killed_it_has_its_own_log(params string[] command)
    {
        if (command is ["restore", ..]) command[1] = _stack.Snapshot;
        else (await RunAsync(null, "restore", _stack.Snapshot, "--in-place", "--no-safety", "-s", "maubot", "--include", "bot.db")).ExitCode.Should().BeOneOf(0, 3);
        var seen = new Tally();
        foreach (string point in IsFull ? FailPoint.OfReplacements.Except([FailPoint.Reseeding, FailPoint.RowsCopied, FailPoint.Returning]) : [FailPoint.BetweenExchanges, FailPoint.HalfExchanged, FailPoint.Trying, FailPoint.Settled])
        {
            CliResult run = await RunAsync(point, command);
            if (command[0] == "rollback" && run.ExitCode == 0) continue;   // it prepares nothing
            run.ExitCode.Should().Be(137, "{0}: {1}{2}", point, run.Output, run.Error);
            await RecoverAsync(point);
            string which = await _stack.DatabaseShouldBeWholeAsync(point);
            await _stack.ShouldBeWellAsync(point);
            seen.Add(which, point);
            _stack.Asides().Should().HaveCount(command[0] == "rollback" || which == "new" ? 1 : 0, "what was replaced is kept, and nothing else: {0}", point);
            if (command[0] == "restore" && which == "new") await _stack.ResetAsync();
        }
        output.WriteLine($"{command[0]} of bot.db: {seen}");
    }

    /// <summary>Where the first one is killed; the recover after it is killed at every step that it reaches.</summary>
    [Theory]
    [InlineData("replacement-exchanged@2", false)]
    [InlineData("replacement-trying", true)]
    public async Task A_recover_that_is_killed_itself_at_any_step_is_finished_by_the_next(string first, bool isDeadly)
    {
        var seen = new Tally();
        foreach (string point in OfRecovery)
        {
            (await RestoreAsync(first, isDeadly ? _stack.DeadlySnapshot : _stack.Snapshot)).ExitCode.Should().Be(137);
            CliResult recover = await RunAsync(point, "recover");
            recover.ExitCode.Should().BeOneOf([0, 137], "{0}{1}", recover.Output, recover.Error);
            if (recover.ExitCode != 137) seen.Missed.Add(point);
            else await RecoverAsync($"{first}, then {point} of recover");
            string which = await CheckAsync($"{first}, then {point} of recover");
            if (recover.ExitCode == 137) seen.Add(which, point);
        }
        output.WriteLine($"recover after {first}{(isDeadly ? ", deadly" : "")}: {seen}");
        seen.Killed.Should().BeGreaterThan(1, "the premise");
    }

    private async Task RecoverAsync(string where)
    {
        CliResult recover = await Machine.RunAsync("recover");
        recover.ShouldExit(0, where);
    }

    private async Task<string> CheckAsync(string because)
    {
        string which = await _stack.ShouldBeOneStateAsync(because);
        await _stack.ShouldBeWellAsync(because);
        await _stack.DownShouldBeAsync(which == "new", because);
        _stack.StartsShouldBeOfOneState(because);
        _stack.Asides().Should().HaveCount(which == "new" ? 2 : 0, "what was replaced is kept, and nothing else: {0}", because);
        if (which == "new") await _stack.ResetAsync();
        return which;
    }

    private async Task ResetAndBackUpAsync()
    {
        await _stack.ResetAsync();
        (await Machine.RunAsync("now")).ExitCode.Should().BeOneOf([0, 3, 20]);
    }

    private sealed class Tally
    {
        private int _old, _new;

        internal List<string> Missed { get; } = [];

        internal List<string> New { get; } = [];

        internal int Killed => _old + _new;

        internal void Add(string which, string where)
        {
            if (which == "old") _old++;
            else _new++;
            if (which == "new") New.Add(where);
        }

        public override string ToString() => $"{Killed} kills: {_old} ended with the old state, {_new} with the new one ({string.Join(' ', New)}); not reached: {string.Join(' ', Missed)}";
    }
}
