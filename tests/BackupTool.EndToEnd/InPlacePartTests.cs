using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd;

/// <summary>Single things in place, what stays, what is kept of the state before, and databases that are missing or broken. On a real systemd.</summary>
public sealed class InPlacePartTests(InPlaceStack stack) : IClassFixture<InPlaceStack>
{
    private StackMachine Machine => stack.Machine;

    private string Bot => stack.Stack.Bot;

    private string Echo => Path.Combine(Bot, "plugins/echo.db");

    private string[] Restore => ["restore", stack.First, "--in-place", "-s", "maubot"];

    [Fact]
    public async Task Plugins_alone_by_their_pattern()
    {
        string plugin = Path.Combine(Bot, "plugins/org.example-v1.0.0.mbp");
        MaubotData.MakePlugin(plugin, "org.example", "1.0.0");
        byte[] content = File.ReadAllBytes(plugin);
        string snapshot = await BackUpAsync();
        File.WriteAllText(plugin, "garbage");
        Sql.Make(Echo, "INSERT INTO said VALUES ('later')");
        object? rows = Sql.Ask(Echo, "SELECT count(*) FROM said");

        await stack.GoOnAsync("restore", snapshot, "--in-place", "-s", "maubot", "--include", "plugins/*.mbp", "--no-safety");

        File.ReadAllBytes(plugin).Should().Equal(content);
        Sql.Ask(Echo, "SELECT count(*) FROM said").Should().Be(rows, "nothing else was replaced");
        await stack.RefuseAsync(1, [.. Restore, "--include", "plugins/*.nothing"], "matches", "backup show");
        (await Machine.RunAsync("rollback", "maubot")).ShouldExit(0);
        File.ReadAllText(plugin).Should().Be("garbage");
        File.Delete(plugin);
        await ForgetAsync();
    }

    [Fact]
    public async Task One_bots_database_never_with_the_log_of_another_one()
    {
        await stack.Stack.WithBotDownAsync(static () => { }, startsAgain: false);
        using (var bot = ChildProcess.Start(nameof(SqliteJobs.Hold), Echo, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE IF NOT EXISTS more(x); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500) INSERT INTO more SELECT randomblob(900) FROM n")) { }
        new FileInfo(Echo + "-wal").Length.Should().BeGreaterThan(100_000, "the premise: it was killed, and its log is there");
        await Machine.Systemd.ExecAsync("systemctl", "start", "maubot.service");
        await Machine.UntilAsync("systemctl is-active -q maubot.service");
        await stack.Stack.ShouldBeWellAsync();

        await stack.GoOnAsync([.. Restore, "--include", "plugins/echo.db", "--no-safety"]);

        File.Exists(Echo + "-wal").Should().BeFalse();
        Sql.Ask(Echo, "SELECT count(*) FROM sqlite_master WHERE name = 'more'").Should().Be(0L);
        Sql.Ask(Echo, "SELECT what FROM said").Should().Be("hello");
        (await Machine.RunAsync("rollback", "maubot")).ShouldExit(0);
        Sql.Ask(Echo, "SELECT count(*) FROM more").Should().Be(500L, "its log came back with it");
        (await Machine.RunAsync("rollback", "maubot")).ShouldExit(0);
        Sql.Ask(Echo, "PRAGMA integrity_check").Should().Be("ok");
        await ForgetAsync();
    }

    [Fact]
    public async Task The_rows_of_a_table_for_inspection()
    {
        CliResult rows = (await Machine.RunAsync("show", stack.First, "maubot", "bot.db", "--sql", "SELECT id, next_batch FROM client")).ShouldExit(0);
        rows.Output.Should().Contain("@bot:example.org").And.Contain("s123");
        (await Machine.RunAsync("show", stack.First, "maubot", "bot.db", "--sql", "DELETE FROM client")).ExitCode.Should().Be(2);
    }

    [Fact]
    public async Task What_backups_leave_out_stays_where_it_is()
    {
        string cache = Path.Combine(stack.Small, "cache");
        Directory.CreateDirectory(cache);
        File.WriteAllText(Path.Combine(cache, "warm"), "warm");
        await stack.WithConfigurationAsync(text => text.Replace(stack.SmallService, $"{stack.SmallService}\nexclude = [\"cache\"]"), async () =>
        {
            string snapshot = await BackUpAsync();
            File.WriteAllText(Path.Combine(stack.Small, "state"), "changed");
            await stack.GoOnAsync("restore", snapshot, "--in-place", "-s", "small", "--no-safety");
            File.ReadAllText(Path.Combine(stack.Small, "state")).Should().Be("the state of small");
            File.ReadAllText(Path.Combine(cache, "warm")).Should().Be("warm");
            (await Machine.RunAsync("rollback", "small")).ShouldExit(0);
            File.ReadAllText(Path.Combine(stack.Small, "state")).Should().Be("changed");
            File.ReadAllText(Path.Combine(cache, "warm")).Should().Be("warm");
            await ForgetAsync();
        });
        Directory.Delete(cache, recursive: true);
        File.WriteAllText(Path.Combine(stack.Small, "state"), "the state of small");
    }

    [Fact]
    public async Task A_hard_link_is_one_again_and_alone_it_is_a_file_of_its_own()
    {
        (await Cli.ShellAsync("cd \"$1\" && echo one > first && ln first second && ln first sub/third", stack.Small)).ShouldExit(0);
        string snapshot = await BackUpAsync();
        await Cli.ShellAsync("rm \"$1/first\" \"$1/second\" \"$1/sub/third\"", stack.Small);
        await stack.GoOnAsync("restore", snapshot, "--in-place", "-s", "small", "--no-safety", "--include", "sub/third");
        (await LinksAsync("sub/third")).Should().Be("1");
        await stack.GoOnAsync("restore", snapshot, "--in-place", "-s", "small", "--no-safety");
        (await LinksAsync("first", "second", "sub/third")).Should().Be("3 3 3");
        await Cli.ShellAsync("rm \"$1/first\" \"$1/second\" \"$1/sub/third\"", stack.Small);
        await ForgetAsync();
    }

    private async Task<string> LinksAsync(params string[] names) =>
        (await Cli.ShellAsync("cd \"$1\" && shift && stat -c %h \"$@\"", [stack.Small, .. names])).ShouldExit(0).Output.Trim().Replace('\n', ' ');

    [Fact]
    public async Task What_is_kept_of_the_state_before()
    {
        string latest = await BackUpAsync();
        await stack.GoOnAsync("restore", "latest", "--in-place", "-s", "small");
        (await Machine.RunAsync("list")).ShouldExit(0).Output.Should().Contain("pre-restore");
        (await Machine.RunAsync("restore", "latest", "--in-place", "-s", "small", "--dry-run", "--json")).ShouldExit(0).Json.GetProperty("snapshot").GetString()
            .Should().Be(latest, "latest is never what a restore has saved");
        (await Machine.RunAsync("restore", "--forget-previous", "-s", "maubot")).ShouldExit(75);
        (await Machine.RunAsync("restore", "--forget-previous", "-s", "small", "--dry-run")).ShouldExit(0).Output.Should().Contain("would forget");
        stack.Stack.Asides().Should().ContainSingle();
        (await Machine.RunAsync("restore", "--forget-previous", "-s", "small")).ShouldExit(0).Output.Should().Contain("forgot");
        stack.Stack.Asides().Should().BeEmpty();

        await stack.GoOnAsync("restore", "latest", "--in-place", "-s", "small", "--no-safety");
        await stack.WithConfigurationAsync(text => $"{text}\n[restore]\nkeep-previous = \"0s\"\n", async () =>
        {
            CliResult now = (await Machine.RunAsync("now", "-s", "small")).ShouldExit(0);
            now.Error.Should().Contain("forgot what the restore of small");
        });
        stack.Stack.Asides().Should().BeEmpty();
        (await Machine.RunAsync("rollback", "small")).ShouldFail(75, "small", "keep-previous");
    }

    [Theory]
    [InlineData("rm bot.db bot.db-wal bot.db-shm")]
    [InlineData("rm -f bot.db-wal bot.db-shm; head -c 300000 /dev/urandom > bot.db")]
    [InlineData("rm -r $PWD")]
    [InlineData("rm config.yaml")]
    public async Task A_database_that_is_missing_or_garbage(string ruin)
    {
        await stack.Stack.WithBotDownAsync(() => Cli.ShellAsync($"cd \"$1\" && {ruin}", Bot).GetAwaiter().GetResult().ShouldExit(0));
        bool isGarbage = ruin.Contains("urandom", StringComparison.Ordinal), hasData = Directory.Exists(Bot);
        byte[] garbage = isGarbage ? File.ReadAllBytes(stack.Stack.Database) : [];

        CliResult restore = await Machine.RunAsync(Restore);

        TestContext.Current.TestOutputHelper?.WriteLine($"{ruin}\n{restore.ExitCode}\n{restore.Error}{restore.Output}");
        if (restore.ExitCode == 1)
        {
            restore.Error.Should().Contain("--no-safety").And.Contain("present state");
            restore = await Machine.RunAsync([.. Restore, "--no-safety"]);
            TestContext.Current.TestOutputHelper?.WriteLine($"{restore.ExitCode}\n{restore.Error}{restore.Output}");
            hasData = false;
        }
        restore.ExitCode.Should().BeOneOf([0, 3], restore.Output + restore.Error);
        await stack.Stack.ShouldBeWellAsync();
        Sql.Ask(stack.Stack.Database, "SELECT count(*) FROM state").Should().Be(2000L);
        if (isGarbage)
        {
            restore.ExitCode.Should().Be(3, "the state before is not whole in its snapshot");
            (await Machine.RunAsync("restore", "label:pre-restore", "-s", "maubot", "--target", Machine.Below("saved"))).ExitCode.Should().BeOneOf(0, 3);
            File.ReadAllBytes(Machine.Below("saved") + stack.Stack.Database).Should().Equal(garbage, "it is stored as it was");
            Directory.Delete(Machine.Below("saved"), recursive: true);
        }
        await ForgetAsync();
    }

    private async Task<string> BackUpAsync() => (await Machine.RunAsync("now", "--json")).ShouldExit(0).Json.GetProperty("snapshot").GetString()!;

    private async Task ForgetAsync()
    {
        (await Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        stack.Stack.Asides().Should().BeEmpty();
    }
}
