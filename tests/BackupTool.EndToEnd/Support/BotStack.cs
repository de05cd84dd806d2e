using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// A homeserver and a maubot on a machine with its own systemd. Both are programs of the test that keep their state as the real ones do; the maubot wants its database to be whole, writes
/// into it (WAL) and answers 401. A table <c>poison</c> in it keeps it from answering, though its unit is active; one <c>deadly</c> ends it, one <c>fading</c> when it has answered once.
/// </summary>
internal sealed class BotStack : IAsyncDisposable
{
    private const string BotProgram = """
        import os, signal, socket, sqlite3, sys, time
        data = sys.argv[1]
        db = sqlite3.connect(data + '/bot.db', isolation_level=None)
        db.execute('PRAGMA journal_mode=WAL')
        db.execute('PRAGMA wal_autocheckpoint=0')
        if db.execute('PRAGMA quick_check').fetchone()[0] != 'ok': sys.exit('bot.db is damaged')
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        if not 'client' in tables:
            db.execute('CREATE TABLE client(id TEXT PRIMARY KEY, next_batch TEXT, filter_id TEXT)')
            print('made a new database', flush=True)
        if 'deadly' in tables: sys.exit('deadly')
        db.execute('CREATE TABLE IF NOT EXISTS start(at TEXT)')
        if not os.path.exists(data + '/quiet'): db.execute('INSERT INTO start VALUES (?)', (time.time(),))
        while 'poison' in tables: time.sleep(1)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(('127.0.0.1', 29316))
        listener.listen(64)
        print('answers', flush=True)
        while True:
            client, _ = listener.accept()
            try:
                client.settimeout(2)
                client.recv(4096)
                client.sendall(b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
            except OSError: pass
            finally: client.close()
            if 'fading' in tables: sys.exit('fading')
        """;

    private BotStack(StackMachine machine) => Machine = machine;

    internal StackMachine Machine { get; }

    /// <summary>The maubot's data.</summary>
    internal string Bot => Machine.Below("lib/maubot");

    /// <summary>The homeserver's.</summary>
    internal string Homeserver => Machine.Below("lib/homeserver");

    internal string Database => Path.Combine(Bot, "bot.db");

    /// <summary>Boots, fills, starts, and makes a first snapshot.</summary>
    internal static async Task<BotStack> StartAsync(string maubot = "", bool backsUp = true)
    {
        var stack = new BotStack(await StackMachine.StartAsync());
        try
        {
            await stack.SetUpAsync(maubot, backsUp);
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    private async Task SetUpAsync(string maubot, bool backsUp)
    {
        Directory.CreateDirectory(Path.Combine(Bot, "plugins"));
        Directory.CreateDirectory(Homeserver);
        await File.WriteAllTextAsync(Path.Combine(Homeserver, "state"), "the homeserver's state");
        await File.WriteAllTextAsync(Path.Combine(Bot, "config.yaml"), """
            database: sqlite:///bot.db
            plugin_directories: { upload: ./plugins, load: [./plugins], trash: ./trash }
            plugin_databases: { sqlite: ./plugins }
            server: { hostname: 127.0.0.1, port: 29316 }
            """);
        Sql.Make(Database, """
            PRAGMA journal_mode=WAL;
            CREATE TABLE client(id TEXT PRIMARY KEY, next_batch TEXT, filter_id TEXT);
            INSERT INTO client VALUES ('@bot:example.org', 's123', 'f1');
            CREATE TABLE state(id INTEGER PRIMARY KEY, value);
            WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000) INSERT INTO state SELECT x, randomblob(500) FROM n;
            """);
        Sql.Make(Path.Combine(Bot, "plugins/echo.db"), "CREATE TABLE said(what); INSERT INTO said VALUES ('hello');");
        await File.WriteAllTextAsync(Machine.Below("bot.py"), BotProgram);
        await WriteUnitsAsync();
        await Machine.Systemd.ExecAsync("systemctl", "start", "homeserver.service", "maubot.service");
        await Machine.ConfigureAsync(
            $"[service.homeserver]\nkind = \"files\"\nunit = \"homeserver.service\"\ndata = \"{Homeserver}\"\n{StackUnits.Http(8008, ", timeout = \"20s\"")}",
            $"[service.maubot]\nkind = \"maubot\"\nunit = \"maubot.service\"\ndata = \"{Bot}\"\nafter = [\"homeserver\"]\nhealth = {{ url = \"http://127.0.0.1:29316/_matrix/maubot/v1/version\", expect = [200, 401], timeout = \"5s\" }}\n{maubot}");
        await Machine.UntilAsync("journalctl -u maubot.service | grep -q answers && journalctl -u homeserver.service | grep -q answers");
        if (backsUp) (await Machine.RunAsync("now")).ShouldExit(0);
    }

    internal Task WriteUnitsAsync() => Machine.Systemd.WriteUnitsAsync(
        ("homeserver.service", StackUnits.Answering(Machine, "port=8008")),
        ("maubot.service", StackUnits.Running($"/usr/bin/python3 {Machine.Below("bot.py")} {Bot}", "TimeoutStopSec=5")));

    /// <summary>What the maubot's state is, when nobody writes.</summary>
    internal TreeFingerprint Look() => TreeFingerprint.Of(Bot, includeRoot: true);

    /// <summary>Stops the maubot, does something to its state and starts it again, or not.</summary>
    internal async Task WithBotDownAsync(Action change, bool startsAgain = true)
    {
        await Machine.Systemd.TryExecAsync("systemctl", "stop", "maubot.service");
        change();
        if (startsAgain) await Machine.Systemd.TryExecAsync("systemctl", "restart", "maubot.service");
    }

    internal async Task<string> StateOfAsync(string unit) => (await Machine.LookAsync(unit))[unit].ActiveState;

    /// <summary>Both answer.</summary>
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
    internal string[] Asides() => Directory.GetDirectories(Machine.Below("lib"), ".backup-restore-*", new EnumerationOptions { AttributesToSkip = 0 });

    public ValueTask DisposeAsync() => Machine.DisposeAsync();
}
