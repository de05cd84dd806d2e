using BackupTool.EndToEnd.Support;
using BackupTool.Posix;
using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>A maubot whose database is corrupted gets a new one and all its bots back, on a real systemd.</summary>
public sealed class WipeTests : IAsyncLifetime
{
    private WipeStack _stack = null!;

    public async ValueTask InitializeAsync() => _stack = await WipeStack.StartAsync();

    public ValueTask DisposeAsync() => _stack.DisposeAsync();

    [Fact]
    public async Task With_rows_every_client_instance_and_row_comes_back_and_the_bots_run_with_their_own_databases()
    {
        await _stack.RuinAsync(_stack.OverwritePages);

        CliResult wipe = (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "rows", "--yes")).ShouldExit(0);

        wipe.Output.Should().Contain("client @a:x: started").And.Contain("client @b:x: disabled, as it was").And.Contain("instance echo (xyz.echo, @a:x): started").And.Contain("instance resting")
            .And.Contain("echo.db: stayed, and belongs to its instance again").And.Contain("salvaged of").And.Contain("not readable: mx_room_state").And.Contain("sync tokens").And.Contain("rollback maubot");
        _stack.Bots().Should().Be(WipeStack.AllBots);
        Sql.Ask(_stack.Database, "SELECT count(*) FROM mx_room_state").Should().Be((long)WipeStack.Rooms);
        Sql.Ask(_stack.Database, "SELECT next_batch FROM client WHERE id = '@a:x'").Should().Be("s99", "sync goes on where the snapshot was");
        Sql.Ask(_stack.EchoDatabase, "SELECT what FROM said").Should().Be("hello");
        string salvaged = Directory.GetFiles(Path.Combine(_stack.Machine.State, "salvaged"), "bot.db", SearchOption.AllDirectories).Should().ContainSingle().Subject;
        Sql.Ask(salvaged, "SELECT count(*) FROM mx_room_state").Should().BeOfType<long>().Which.Should().BeInRange(1, WipeStack.Rooms - 1, "some pages can be read, and some not");
        _stack.Asides().Should().ContainSingle("the old database is kept");
        (await _stack.Machine.RunAsync("list")).ShouldExit(0).Output.Should().Contain("pre-wipe");
        await _stack.ShouldBeWellAsync();
        (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "rows", "--snapshot", "label:pre-wipe", "--yes")).ShouldFail(1, "No snapshot can be used", "salvaged");
    }

    [Fact]
    public async Task What_the_management_interface_does_not_let_in_has_the_old_database_back()
    {
        await _stack.RuinAsync(() =>
        {
            Sql.Make(_stack.Database, "INSERT INTO mx_room_state VALUES ('!later:x', 0)");
            File.WriteAllText(Path.Combine(_stack.Bot, "config.yaml"), File.ReadAllText(Path.Combine(_stack.Bot, "config.yaml")).Replace("a-secret-that-signs-tokens", "another", StringComparison.Ordinal));
        });

        CliResult wipe = (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "api", "--yes")).ShouldExit(21);

        wipe.Output.Should().Contain("NOT wiped");
        Sql.Ask(_stack.Database, "SELECT count(*) FROM mx_room_state").Should().Be(WipeStack.Rooms + 1L);
        _stack.Bots().Should().Be(WipeStack.AllBots);
        await _stack.ShouldBeWellAsync();
        _stack.Asides().Should().BeEmpty();
    }

    [Fact]
    public async Task At_a_terminal_it_asks_for_the_name_and_takes_nothing_else()
    {
        string[] prefix = [.. _stack.Machine.Systemd.CommandPrefix];
        Task<CliResult> TypeAsync(string answer) => Cli.ShellAsync(
            $"{string.Join(' ', prefix)} script -qec '{_stack.Machine.Binary} wipe maubot --reseed none --config {_stack.Machine.ConfigFile}' /dev/null < \"$1\" 2>&1", Answer(answer));

        (await TypeAsync("no")).Output.Should().Contain("Type the name of the service").And.Contain("was not confirmed");
        _stack.Bots().Should().Be(WipeStack.AllBots);
        (await TypeAsync("maubot")).Output.Should().Contain("begins afresh");
        Sql.Ask(_stack.Database, "SELECT count(*) FROM client").Should().Be(0L);

        string Answer(string text)
        {
            string file = _stack.Machine.Below($"answer-{text}");
            File.WriteAllText(file, text + "\n");
            return file;
        }
    }

    [Fact]
    public async Task Through_the_management_interface_plugins_clients_and_instances_are_made_again_under_their_own_ids()
    {
        await _stack.RuinAsync(() =>
        {
            _stack.OverwritePages();
            File.Delete(Path.Combine(_stack.Bot, "plugins/xyz.remind-v1.0.mbp"));
        });

        CliResult wipe = (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "api", "--yes", "--json")).ShouldExit(0);

        var back = wipe.Json.GetProperty("back");
        back.GetProperty("clients").EnumerateArray().Select(static client => (client.GetProperty("id").GetString(), client.GetProperty("started").GetBoolean())).Should().Equal(("@a:x", true), ("@b:x", false));
        back.GetProperty("instances").EnumerateArray().Select(static instance => (instance.GetProperty("id").GetString(), instance.GetProperty("started").GetBoolean())).Should().Equal(("echo", true), ("remind", true), ("resting", false));
        back.GetProperty("reattached").EnumerateArray().Select(static path => path.GetString()).Should().Equal(_stack.EchoDatabase);
        wipe.Json.GetProperty("notToBeHad").GetArrayLength().Should().BeGreaterThan(2);
        wipe.Output.Should().NotContain("token-a", "the report holds no secrets");
        _stack.Bots().Should().Be(WipeStack.AllBots);
        File.Exists(Path.Combine(_stack.Bot, "plugins/xyz.remind-v1.0.mbp")).Should().BeTrue("the plugin that had gone is uploaded");
        await _stack.ShouldBeWellAsync();
    }

    [Fact]
    public async Task Without_a_seed_it_begins_afresh_the_orphans_are_named_and_a_rollback_returns_to_the_old_bytes()
    {
        await _stack.RuinAsync(_stack.OverwritePages);
        await _stack.StopAsync();
        byte[] before = File.ReadAllBytes(_stack.Database);

        CliResult wipe = (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "none", "--yes")).ShouldExit(0);

        wipe.Output.Should().Contain("echo.db: stays, and belongs to no instance now").And.Contain("begins afresh");
        Sql.Ask(_stack.Database, "SELECT count(*) FROM client").Should().Be(0L);
        await _stack.ShouldBeWellAsync();
        await _stack.Machine.RunAsync("rollback", "maubot");
        await _stack.StopAsync();
        File.ReadAllBytes(_stack.Database).Should().Equal(before, "what was moved away is what comes back");
    }

    [Fact]
    public async Task With_a_snapshot_it_is_a_restore_in_place_after_a_snapshot_of_the_state_before()
    {
        await _stack.RuinAsync(() => File.WriteAllText(_stack.Database, "garbage"));

        CliResult wipe = await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "snapshot", "--yes");

        wipe.ExitCode.Should().BeOneOf([0, 3], wipe.Output + wipe.Error);
        _stack.Bots().Should().Be(WipeStack.AllBots);
        (await _stack.Machine.RunAsync("list")).ShouldExit(0).Output.Should().Contain("pre-wipe").And.NotContain("pre-restore");
        await _stack.ShouldBeWellAsync();
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("missing")]
    [InlineData("empty")]
    public async Task A_database_that_is_none_can_be_wiped_and_filled_as_well(string state)
    {
        await _stack.StopAsync();
        foreach (string file in Directory.GetFiles(_stack.Bot, "bot.db*")) File.Delete(file);
        if (state != "missing") File.WriteAllText(_stack.Database, state == "empty" ? "" : new string('x', 10_000));

        (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "rows", "--yes")).ShouldExit(0);

        _stack.Bots().Should().Be(WipeStack.AllBots);
        await _stack.ShouldBeWellAsync();
    }

    [Fact]
    public async Task Rows_can_come_from_what_was_salvaged()
    {
        await _stack.RuinAsync(_stack.OverwritePages);

        CliResult wipe = await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "rows", "--snapshot", "salvaged", "--yes");

        wipe.ExitCode.Should().BeOneOf([0, 3], wipe.Output + wipe.Error);
        _stack.Bots().Should().Be(WipeStack.AllBots, "these pages were spared");
        Sql.Ask(_stack.Database, "SELECT count(*) FROM mx_room_state").Should().BeOfType<long>().Which.Should().BeInRange(1, WipeStack.Rooms - 1);
    }

    [Fact]
    public async Task A_service_that_does_not_get_healthy_with_an_empty_database_has_its_old_one_back()
    {
        await _stack.StopAsync();
        File.WriteAllText(Path.Combine(_stack.Bot, "wants-its-database"), "");
        TreeFingerprint before = Look();

        CliResult wipe = (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "none", "--yes")).ShouldExit(21);

        wipe.Output.Should().Contain("NOT wiped");
        Look().ShouldBe(before, "all is as it was");
        (await _stack.Machine.LookAsync("maubot.service"))["maubot.service"].ActiveState.Should().NotBe("active", "it was down before");

        // Who reads a database, as the safety snapshot does, makes a -shm beside it and removes it: its mark, and that of the directory.
        TreeFingerprint Look() => TreeFingerprint.Of(_stack.Bot)
            .Where(static entry => !entry.Path.EndsWith("-shm", StringComparison.Ordinal))
            .Select(static entry => entry.Kind == FileKind.Directory ? entry with { ModifiedAt = "" } : entry);
    }

    [Fact]
    public async Task It_is_refused_where_it_is_not_confirmed_and_a_dry_run_changes_nothing()
    {
        (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "rows")).ShouldFail(2, "--yes");
        (await _stack.Machine.RunAsync("wipe", "maubot", "--yes")).ShouldFail(2, "--reseed");
        (await _stack.Machine.RunAsync("wipe", "nobody", "--reseed", "none", "--yes")).ShouldFail(2, "nobody");
        (await _stack.Machine.RunAsync("wipe", "homeserver", "--reseed", "none", "--yes")).ShouldFail(1, "nothing to wipe");
        CliResult plan = (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "rows", "--dry-run")).ShouldExit(0);
        plan.Output.Should().Contain("move " + _stack.Database).And.Contain("copy the rows of snapshot").And.Contain("stop maubot");
        _stack.Asides().Should().BeEmpty();
        (await _stack.Machine.RunAsync("list")).ShouldExit(0).Output.Should().NotContain("pre-wipe");
        _stack.Bots().Should().Be(WipeStack.AllBots);
    }
}
