using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// A homeserver and a maubot with a management interface, on a machine with its own systemd: two plugins, two clients (one disabled), three instances, the database of one of which is on the disk,
/// and thousands of rows of room state, so that its database has many pages.
/// </summary>
internal sealed class WipeStack : IAsyncDisposable
{
    internal const int Rooms = 4000;

    private WipeStack(StackMachine machine) => Machine = machine;

    internal StackMachine Machine { get; }

    internal string Bot => Machine.Below("lib/maubot");

    internal string Database => Path.Combine(Bot, "bot.db");

    internal string EchoDatabase => Path.Combine(Bot, "plugins/echo.db");

    /// <summary>Boots, fills, starts, and makes a snapshot.</summary>
    internal static async Task<WipeStack> StartAsync()
    {
        var stack = new WipeStack(await StackMachine.StartAsync());
        try
        {
            await stack.SetUpAsync();
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    private async Task SetUpAsync()
    {
        Directory.CreateDirectory(Path.Combine(Bot, "plugins"));
        Directory.CreateDirectory(Machine.Below("lib/homeserver"));
        await File.WriteAllTextAsync(Machine.Below("lib/homeserver/state"), "the homeserver's state");
        await File.WriteAllTextAsync(Path.Combine(Bot, "config.yaml"), """
            database: sqlite:///bot.db
            crypto_database: default
            plugin_directories: { upload: ./plugins, load: [./plugins], trash: ./trash }
            plugin_databases: { sqlite: ./plugins }
            server: { hostname: 127.0.0.1, port: 29316, unshared_secret: a-secret-that-signs-tokens }
            """);
        foreach (string plugin in (string[])["xyz.echo", "xyz.remind"]) await File.WriteAllBytesAsync(Path.Combine(Bot, $"plugins/{plugin}-v1.0.mbp"), FakePlugin.Make(plugin, "1.0", plugin == "xyz.echo"));
        FillDatabase();
        Sql.Make(EchoDatabase, "CREATE TABLE said(what); INSERT INTO said VALUES ('hello');");
        await Machine.Systemd.WriteUnitsAsync(
            ("homeserver.service", StackUnits.Running(Program.StandIn("homeserver 8008 token-a=@a:x=DEVA token-b=@b:x=DEVB"))),
            ("maubot.service", StackUnits.Running(Program.StandIn($"maubot {Bot} 29316"), "TimeoutStopSec=20")));
        await Machine.Systemd.ExecAsync("systemctl", "start", "homeserver.service", "maubot.service");
        await Machine.ConfigureAsync(
            $"[service.homeserver]\nkind = \"files\"\nunit = \"homeserver.service\"\ndata = \"{Machine.Below("lib/homeserver")}\"\nhealth = {{ url = \"http://127.0.0.1:8008/_matrix/client/versions\" }}",
            $"[service.maubot]\nkind = \"maubot\"\nunit = \"maubot.service\"\ndata = \"{Bot}\"\nafter = [\"homeserver\"]\nhealth = {{ url = \"http://127.0.0.1:29316/_matrix/maubot/v1/version\", expect = [200, 401], timeout = \"25s\" }}");
        await Machine.UntilAsync("journalctl -u maubot.service | grep -q answers && journalctl -u homeserver.service | grep -q answers", 60);
        (await Machine.RunAsync("now")).ShouldExit(0);
    }

    private void FillDatabase()
    {
        using var store = new FakeMaubotStore(Database);
        store.Execute("INSERT INTO client VALUES ('@a:x', 'http://127.0.0.1:8008', 'token-a', 'DEVA', 1, 's99', '7', 1, 1, 1, 'disable', 'disable'), ('@b:x', 'http://127.0.0.1:8008', 'token-b', 'DEVB', 0, '', '', 1, 1, 1, 'disable', 'disable')");
        store.Execute("INSERT INTO instance VALUES ('echo', 'xyz.echo', 1, '@a:x', 'greeting: hush', 'sqlite'), ('remind', 'xyz.remind', 1, '@a:x', '', 'sqlite'), ('resting', 'xyz.echo', 0, '@b:x', '', 'sqlite')");
        store.Execute($"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {Rooms}) INSERT INTO mx_room_state SELECT '!' || x || hex(randomblob(40)) || ':x', 0 FROM n");
    }

    /// <summary>Stops the maubot, ruins its database, and starts it again, whatever becomes of that.</summary>
    internal async Task RuinAsync(Action ruin)
    {
        await StopAsync();
        ruin();
        await Machine.Systemd.TryExecAsync("systemctl", "start", "maubot.service");
    }

    internal Task StopAsync() => Machine.Systemd.TryExecAsync("systemctl", "stop", "maubot.service");

    /// <summary>Overwrites pages of the database with nonsense: every eighth, and not the first.</summary>
    internal void OverwritePages()
    {
        var random = new Random(7);
        byte[] nonsense = new byte[4096];
        using FileStream file = File.OpenWrite(Database);
        file.Length.Should().BeGreaterThan(60 * 4096, "the premise");
        for (long page = 20; page < file.Length / 4096; page += 8)
        {
            random.NextBytes(nonsense);
            file.Position = page * 4096;
            file.Write(nonsense);
        }
    }

    /// <summary>Clients and instances, in one line each, when the maubot runs.</summary>
    internal string Bots() => $"{Sql.Ask(Database, "SELECT group_concat(id || ' ' || access_token || ' ' || device_id || ' ' || enabled, '; ') FROM (SELECT * FROM client ORDER BY id)")}\n"
        + Sql.Ask(Database, "SELECT group_concat(id || ' ' || type || ' ' || enabled || ' ' || primary_user || ' ' || config, '; ') FROM (SELECT * FROM instance ORDER BY id)");

    internal const string AllBots = "@a:x token-a DEVA 1; @b:x token-b DEVB 0\necho xyz.echo 1 @a:x greeting: hush; remind xyz.remind 1 @a:x ; resting xyz.echo 0 @b:x ";

    /// <summary>It answers, and nothing is under way or owed.</summary>
    internal async Task ShouldBeWellAsync(string because = "")
    {
        CliResult health = await Machine.RunAsync("health");
        for (int tries = 0; tries < 40 && health.ExitCode == 20; tries++)   // it has only been started
        {
            await Task.Delay(250);
            health = await Machine.RunAsync("health");
        }
        health.ExitCode.Should().BeOneOf([0, 3], "{0}: {1}{2}", because, health.Output, health.Error);
        File.Exists(Machine.RestartJournal).Should().BeFalse("nothing is owed: {0}", because);
        File.Exists(Path.Combine(Machine.State, "replacement.json")).Should().BeFalse("nothing is under way: {0}", because);
    }

    /// <summary>Directories in which what does not live is kept.</summary>
    internal string[] Asides() => Directory.GetDirectories(Bot, ".backup-restore-*", new EnumerationOptions { AttributesToSkip = 0 });

    public ValueTask DisposeAsync() => Machine.DisposeAsync();
}
