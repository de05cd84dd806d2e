using BackupTool.EndToEnd.Support;
using BackupTool.Services.Quiescing;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd;

/// <summary>kill -9 at every step of a wipe: the old database or the new one, whole, and the service up.</summary>
public sealed class WipeKillTests : IAsyncLifetime
{
    private WipeStack _stack = null!;

    public async ValueTask InitializeAsync() => _stack = await WipeStack.StartAsync();

    public ValueTask DisposeAsync() => _stack.DisposeAsync();

    [Theory]
    [InlineData("replacement-at-rest")]
    [InlineData("replacement-trying")]
    [InlineData("replacement-reseeding")]
    [InlineData("replacement-tried")]
    [InlineData("replacement-settled")]
    public async Task Killed_while_the_management_interface_is_at_work_it_goes_back_and_can_be_run_again(string point)
    {
        await _stack.RuinAsync(() => Sql.Make(_stack.Database, "INSERT INTO mx_room_state VALUES ('!old:x', 0)"));
        (await _stack.Machine.RunWithAsync([$"BACKUP_FAIL_POINT={point}"], "wipe", "maubot", "--reseed", "api", "--yes", "--no-safety")).ExitCode.Should().Be(137);

        (await _stack.Machine.RunAsync("recover")).ShouldExit(0);

        await _stack.ShouldBeWellAsync();
        Sql.Ask(_stack.Database, "SELECT count(*) FROM mx_room_state").Should().Be(point == "replacement-settled" ? 0L : WipeStack.Rooms + 1L, "room state is no part of what the interface can make");
        _stack.Bots().Should().Be(WipeStack.AllBots);
        (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "api", "--yes", "--no-safety")).ShouldExit(0);
        _stack.Bots().Should().Be(WipeStack.AllBots);
    }

    [Fact]
    public async Task Wherever_it_is_killed_recover_leaves_the_old_state_or_the_new_one_whole()
    {
        // A row that is in no snapshot tells the old database from one that was filled.
        var missed = new List<string>();
        foreach (string point in FailPoint.OfReplacements)
        {
            await _stack.RuinAsync(() => Sql.Make(_stack.Database, "INSERT OR IGNORE INTO mx_room_state VALUES ('!old:x', 0)"));
            await _stack.ShouldBeWellAsync(point);

            CliResult wipe = await _stack.Machine.RunWithAsync([$"BACKUP_FAIL_POINT={point}"], "wipe", "maubot", "--reseed", "rows", "--yes", "--no-safety");
            if (wipe.ExitCode != 137) missed.Add(point);
            (await _stack.Machine.RunAsync("recover")).ShouldExit(0, point);

            await _stack.ShouldBeWellAsync(point);
            bool isOld = Sql.Ask(_stack.Database, "SELECT count(*) FROM mx_room_state WHERE room_id = '!old:x'") is 1L;
            bool isThrough = wipe.ExitCode != 137 || point is "replacement-settled" or "replacement-archived";
            isOld.Should().Be(!isThrough, "{0}: {1}{2}", point, wipe.Output, wipe.Error);
            _stack.Bots().Should().Be(WipeStack.AllBots, point);
            Sql.Ask(_stack.Database, "SELECT count(*) FROM mx_room_state").Should().Be(WipeStack.Rooms + (isOld ? 1L : 0L), point);
            Sql.Ask(_stack.Database, "PRAGMA integrity_check").Should().Be("ok", point);
            (await _stack.Machine.RunAsync("restore", "--forget-previous")).ExitCode.Should().BeOneOf([0, 75], point);
            _stack.Asides().Should().BeEmpty(point);
        }
        missed.Should().BeSubsetOf(["replacement-extracted", "replacement-exchanged", "replacement-returning"], "a wipe extracts nothing, exchanges no SQLite database, and does not go back");
    }
}
