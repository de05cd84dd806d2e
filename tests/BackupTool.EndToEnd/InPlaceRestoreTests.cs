using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>A snapshot takes the place of the live state, on a real systemd, and leaves it when it is not well there.</summary>
public sealed class InPlaceRestoreTests : IAsyncLifetime
{
    private BotStack _stack = null!;

    public async ValueTask InitializeAsync() => _stack = await BotStack.StartAsync();

    public ValueTask DisposeAsync() => _stack.DisposeAsync();

    [Fact]
    public async Task A_state_that_an_upgrade_has_ruined_is_replaced_by_the_last_good_one_and_the_service_runs_again()
    {
        await _stack.WithBotDownAsync(() =>
        {
            Sql.Make(_stack.Database, "CREATE TABLE deadly(x); DELETE FROM state");
            File.WriteAllText(Path.Combine(_stack.Bot, "made-by-the-upgrade"), "");
        });
        await _stack.Machine.UntilAsync("systemctl is-failed -q maubot.service");

        CliResult restore = await _stack.Machine.RunAsync("restore", "latest", "--in-place", "--service", "maubot");

        restore.ExitCode.Should().BeOneOf([0, 3], restore.Output + restore.Error);
        restore.Output.Should().Contain("restored").And.Contain("maubot: healthy").And.Contain("DOWNTIME");
        await _stack.ShouldBeWellAsync();
        Sql.Ask(_stack.Database, "SELECT count(*) FROM state").Should().Be(2000L);
        File.Exists(Path.Combine(_stack.Bot, "made-by-the-upgrade")).Should().BeFalse("the tree is the snapshot's");
        _stack.Asides().Should().ContainSingle("what was replaced is kept");
        (await _stack.Machine.RunAsync("list")).ShouldExit(0).Output.Should().Contain("pre-restore");

        (await _stack.Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        _stack.Asides().Should().BeEmpty();
        (await _stack.Machine.RunAsync("rollback")).ShouldFail(75, "left a state");
    }

    [Fact]
    public async Task Every_byte_owner_mode_time_and_attribute_is_as_in_the_snapshot()
    {
        await _stack.WithBotDownAsync(() =>
        {
            File.WriteAllText(Path.Combine(_stack.Bot, "quiet"), "");
            Directory.CreateDirectory(Path.Combine(_stack.Bot, "trash"));
            File.WriteAllText(Path.Combine(_stack.Bot, "trash/old"), "x");
            Cli.ShellAsync($"cd {_stack.Bot}; chown 61234:61235 trash/old; chmod 2751 trash; ln -s old trash/link; ln trash/old trash/hard; setfattr -n user.x -v y trash/old; touch -d '2001-02-03 04:05:06.789' trash/old trash; mkfifo trash/fifo").GetAwaiter().GetResult().ShouldExit(0);
        });
        await _stack.Machine.UntilAsync("systemctl is-active -q maubot.service");
        await _stack.ShouldBeWellAsync();
        (await _stack.Machine.RunAsync("now")).ShouldExit(0);
        (await _stack.Machine.RunAsync("restore", "latest", "-s", "maubot", "--target", _stack.Machine.Below("aside"))).ShouldExit(0);
        TreeFingerprint expected = Still(TreeFingerprint.Of(_stack.Machine.Below("aside") + _stack.Bot));
        await _stack.WithBotDownAsync(static () => { }, startsAgain: false);
        await Cli.ShellAsync($"rm -r {_stack.Bot}/trash; echo changed > {_stack.Bot}/config.yaml");

        CliResult restore = await _stack.Machine.RunAsync("restore", "latest", "--in-place", "--service", "maubot", "--no-safety");

        restore.ExitCode.Should().BeOneOf([0, 3], restore.Output + restore.Error);
        await _stack.ShouldBeWellAsync();
        await _stack.WithBotDownAsync(static () => { }, startsAgain: false);
        Still(TreeFingerprint.Of(_stack.Bot)).ShouldBe(expected, "it is what the snapshot has");
    }

    /// <summary>Without what the running service writes.</summary>
    private static TreeFingerprint Still(TreeFingerprint tree) => tree.Where(static entry => !entry.Path.StartsWith("bot.db", StringComparison.Ordinal));

    [Fact]
    public async Task What_never_gets_healthy_is_taken_back_and_all_is_as_it_was_to_the_byte()
    {
        await _stack.WithBotDownAsync(() => Sql.Make(_stack.Database, "CREATE TABLE poison(x)"));
        (await _stack.Machine.RunAsync("now")).ShouldExit(20, "it is backed up as it is, and not well");
        await _stack.WithBotDownAsync(() =>
        {
            Sql.Make(_stack.Database, "DROP TABLE poison");
            File.WriteAllText(Path.Combine(_stack.Bot, "quiet"), "");
        });
        await _stack.Machine.UntilAsync("systemctl is-active -q maubot.service");
        await _stack.ShouldBeWellAsync();
        await _stack.WithBotDownAsync(static () => { }, startsAgain: false);
        TreeFingerprint before = WithoutIndex();
        await _stack.Machine.Systemd.ExecAsync("systemctl", "start", "maubot.service");
        await _stack.ShouldBeWellAsync();

        CliResult restore = (await _stack.Machine.RunAsync("restore", "latest", "--in-place", "--service", "maubot")).ShouldExit(21);

        restore.Error.Should().Contain("not healthy");
        await _stack.ShouldBeWellAsync();
        _stack.Asides().Should().BeEmpty("what did not do is thrown away");
        await _stack.WithBotDownAsync(static () => { }, startsAgain: false);
        WithoutIndex().ShouldBe(before, "the state before is back");
    }

    [Fact]
    public async Task What_answers_once_and_then_falls_over_is_taken_back_as_well()
    {
        await _stack.WithBotDownAsync(() => Sql.Make(_stack.Database, "CREATE TABLE fading(x)"), startsAgain: false);
        (await _stack.Machine.RunAsync("now")).ExitCode.Should().BeOneOf(0, 3, 20);
        await _stack.WithBotDownAsync(() => Sql.Make(_stack.Database, "DROP TABLE fading"));
        await _stack.Machine.UntilAsync("systemctl is-active -q maubot.service");
        await _stack.ShouldBeWellAsync();

        CliResult restore = (await _stack.Machine.RunAsync("restore", "latest", "--in-place", "--service", "maubot", "--no-safety")).ShouldExit(21);

        restore.Error.Should().Contain("was healthy with the new state, and is not any more");
        await _stack.ShouldBeWellAsync();
        _stack.Asides().Should().BeEmpty("what did not do is thrown away");
    }

    /// <summary>SQLite touches its index of the log at every start.</summary>
    private TreeFingerprint WithoutIndex() => _stack.Look().Where(static entry => entry.Path != "bot.db-shm");

    [Fact]
    public async Task A_rollback_returns_to_the_state_before_and_another_one_from_there()
    {
        await _stack.WithBotDownAsync(() => File.WriteAllText(Path.Combine(_stack.Bot, "later"), "later"));
        await _stack.Machine.UntilAsync("systemctl is-active -q maubot.service");
        CliResult restore = await _stack.Machine.RunAsync("restore", "latest", "--in-place", "-s", "maubot", "--no-safety");
        restore.ExitCode.Should().BeOneOf([0, 3], restore.Output + restore.Error);
        File.Exists(Path.Combine(_stack.Bot, "later")).Should().BeFalse();
        for (int i = 0; i < 2; i++)
        {
            (await _stack.Machine.RunAsync("rollback", "maubot")).ShouldExit(0).Output.Should().Contain("rolled back");
            File.Exists(Path.Combine(_stack.Bot, "later")).Should().BeTrue();
            await _stack.ShouldBeWellAsync();
            (await _stack.Machine.RunAsync("rollback")).ShouldExit(0).Output.Should().Contain("brought back");
            File.Exists(Path.Combine(_stack.Bot, "later")).Should().BeFalse();
            await _stack.ShouldBeWellAsync();
        }
    }

    [Fact]
    public async Task A_rollback_to_what_is_not_there_any_more_or_is_half_forgotten_is_refused_before_anything_is_stopped()
    {
        await RestoreAsync();
        string aside = _stack.Asides().Should().ContainSingle().Subject;
        (await Cli.ShellAsync($"chattr +i {aside}/old/maubot/config.yaml")).ShouldExit(0);
        try
        {
            (await _stack.Machine.RunAsync("restore", "--forget-previous")).ShouldFail(1, "config.yaml");
            await ShouldRefuseAsync();
        }
        finally
        {
            await Cli.ShellAsync($"chattr -R -i {_stack.Machine.Below("lib")}");   // wherever it is by now
        }
        (await _stack.Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        _stack.Asides().Should().BeEmpty();

        await RestoreAsync();
        Directory.Delete(Path.Combine(_stack.Asides()[0], "old/maubot"), recursive: true);
        await ShouldRefuseAsync();
        Directory.Delete(_stack.Asides()[0], recursive: true);
        await ShouldRefuseAsync();
        (await _stack.Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);

        async Task RestoreAsync() => (await _stack.Machine.RunAsync("restore", "latest", "--in-place", "-s", "maubot", "--no-safety")).ExitCode.Should().BeOneOf(0, 3);

        async Task ShouldRefuseAsync()
        {
            IReadOnlyDictionary<string, UnitLook> before = await _stack.Machine.LookAsync("maubot.service");
            (await _stack.Machine.RunAsync("rollback", "maubot", "--dry-run")).ShouldExit(1);
            (await _stack.Machine.RunAsync("rollback", "maubot")).ShouldFail(1, "is not there any more", "--forget-previous");
            (await _stack.Machine.LookAsync("maubot.service")).Should().Equal(before, "nothing was stopped");
            await _stack.ShouldBeWellAsync();
        }
    }
}
