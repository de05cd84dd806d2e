using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// A stack of which several things are replaced at once, made so that a mixture of two states is recognised: every replaced thing says <c>old</c> or <c>new</c>, the old database says
/// <c>old</c> in its log alone, and each service writes down, before it starts, what all of them say.
/// </summary>
internal sealed class KillStack : IAsyncDisposable
{
    // $1: the disk, $2: the service. Appends to the database as a service does, whose process is killed at its stop: the log stays. With the file `closes` it is closed instead; with `holds` the
    // health checks do not answer from then on, until the file `hold` is removed.
    private const string BeforeStart = """
        cd "$1"
        [ -e quiet ] || echo "$2: $(cat lib/homeserver/which etc/homeserver.toml lib/maubot/which lib/spare/which lib/broken/which 2>&1 | tr '\n' ' ')" >> starts
        [ ! -e "lib/$2/deadly" ] || exit 1
        [ ! -e holds ] || touch hold
        if [ "$2" = maubot ]; then
            if [ -e closes ]; then sqlite3 lib/maubot/bot.db "INSERT INTO start VALUES (1)" || exit 1
            else sqlite3 lib/maubot/bot.db ".dbconfig no_ckpt_on_close on" "PRAGMA wal_autocheckpoint=0" "INSERT INTO start VALUES (1)" || exit 1; fi
        fi
        """;

    internal static readonly string[] Running = ["homeserver.service", "maubot.service", "console.service"];

    /// <summary>Down before: one that somebody has stopped, and one that fails with the old state.</summary>
    internal static readonly string[] Down = ["spare.service", "broken.service"];

    /// <summary>The unit <c>console</c> is none of the configuration: it only needs the homeserver.</summary>
    private static readonly string[] Services = ["homeserver", "maubot", "spare", "broken"];

    private TreeFingerprint _old = null!, _new = null!;

    private KillStack(StackMachine machine) => Machine = machine;

    internal StackMachine Machine { get; }

    internal string Snapshot { get; private set; } = "";

    /// <summary>Of a state with which the homeserver does not start.</summary>
    internal string DeadlySnapshot { get; private set; } = "";

    internal static async Task<KillStack> StartAsync()
    {
        var stack = new KillStack(await StackMachine.StartAsync());
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
        await File.WriteAllTextAsync(Machine.Below("before-start.sh"), BeforeStart);
        await WriteFixtureAsync("old", "UPDATE which SET v = 'lost'", "UPDATE which SET v = 'old'");
        await WriteFixtureAsync("new", "UPDATE which SET v = 'new'", "INSERT INTO start VALUES (0)");
        File.WriteAllText(Machine.Below("fixture/old/lib/broken/deadly"), "");
        await WriteUnitsAsync();
        string health = $"health = {{ command = [\"/bin/sh\", \"-c\", \"while [ -e {Machine.Below("hold")} ]; do sleep 0.05; done\"], timeout = \"30s\" }}";
        await Machine.ConfigureAsync(
            $"[service.homeserver]\nkind = \"files\"\nunit = \"homeserver.service\"\npaths = [\"{Machine.Below("lib/homeserver")}\", \"{Machine.Below("etc/homeserver.toml")}\"]\nexclude = [\"cache\"]\n{health}",
            $"[service.maubot]\nkind = \"maubot\"\nunit = \"maubot.service\"\ndata = \"{Machine.Below("lib/maubot")}\"\nafter = [\"homeserver\"]\n{health}",
            $"[service.spare]\nkind = \"files\"\nunit = \"spare.service\"\ndata = \"{Machine.Below("lib/spare")}\"\n{health}",
            $"[service.broken]\nkind = \"files\"\nunit = \"broken.service\"\ndata = \"{Machine.Below("lib/broken")}\"\n{health}");
        await ResetAsync("new");
        Snapshot = (await Machine.RunAsync("now", "--json")).ShouldExit(0).Json.GetProperty("snapshot").GetString()!;
        await ResetAsync("new");
        await File.WriteAllTextAsync(Machine.Below("lib/homeserver/deadly"), "");
        CliResult deadly = await Machine.RunAsync("now", "--json");
        DeadlySnapshot = deadly.ShouldExit(20).Json.GetProperty("snapshot").GetString()!;
        (_old, _new) = (Look(Machine.Below("fixture/old")), Look(Machine.Below("fixture/new")));
        await ResetAsync();
    }

    private async Task WriteFixtureAsync(string which, string closed, string inLog)
    {
        string root = Machine.Below($"fixture/{which}");
        foreach (string directory in (string[])["homeserver/media", "homeserver/cache", "maubot/plugins", "spare", "broken"]) Directory.CreateDirectory(Path.Combine(root, "lib", directory));
        Directory.CreateDirectory(Path.Combine(root, "etc"));
        foreach (string file in (string[])["lib/homeserver/which", "etc/homeserver.toml", "lib/maubot/which", "lib/spare/which", "lib/broken/which", "lib/homeserver/media/1"])
            File.WriteAllText(Path.Combine(root, file), $"{which}\n");
        File.WriteAllText(Path.Combine(root, "lib/homeserver/cache/kept"), "left out of backups");
        foreach (string kept in (string[])["cache/kept", "cache"]) File.SetLastWriteTimeUtc(Path.Combine(root, "lib/homeserver", kept), new DateTime(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc));
        File.WriteAllText(Path.Combine(root, "lib/maubot/config.yaml"), "database: sqlite:///bot.db\nplugin_directories: { upload: ./plugins, load: [./plugins], trash: ./trash }\nplugin_databases: { sqlite: ./plugins }\n");
        string database = Path.Combine(root, "lib/maubot/bot.db");
        (await Cli.RunProgramAsync("sqlite3", [database, $"PRAGMA journal_mode=WAL; CREATE TABLE client(id TEXT PRIMARY KEY, next_batch TEXT, filter_id TEXT); CREATE TABLE which(v); CREATE TABLE start(at); INSERT INTO which VALUES ('none'); {closed}; WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200) INSERT INTO start SELECT randomblob(500) FROM n"])).ShouldExit(0);
        (await Cli.RunProgramAsync("sqlite3", [database, ".dbconfig no_ckpt_on_close on", $"PRAGMA wal_autocheckpoint=0; {inLog}; UPDATE start SET at = randomblob(500) WHERE rowid % 2"])).ShouldExit(0);
        new FileInfo(database + "-wal").Length.Should().BeGreaterThan(10_000, "the premise: what matters is in the log");
    }

    internal Task WriteUnitsAsync() => Machine.Systemd.WriteUnitsAsync(
        [.. Services.Select(name => ($"{name}.service", StackUnits.Idle($"ExecStartPre=/bin/sh {Machine.Below("before-start.sh")} {Machine.Disk} {name}\nExecStop=/bin/sh -c \"[ ! -e {Machine.Below("stops-slowly")} ] || sleep 2\""))), ("console.service", StackUnits.Idle(unit: "Requires=homeserver.service\nAfter=homeserver.service"))]);

    /// <summary>Everything as at the beginning: the old state lives (or another), nothing is under way, and what ran runs.</summary>
    internal async Task ResetAsync(string which = "old")
    {
        string all = string.Join(' ', Running.Concat(Down));
        await Machine.Systemd.ShellAsync($"""
            cd {Machine.Disk}
            systemctl stop {all}
            systemctl reset-failed
            rm -rf lib etc starts closes hold holds stops-slowly state/replacement.json state/restarts.json state/previous
            cp -a fixture/{which}/. .
            systemctl start homeserver maubot console {(which == "new" ? "spare broken" : "")}
            systemctl start broken 2>&1 || true
            rm -f starts
            """);
    }

    /// <summary>Says whether the old or the new state lives, all of it; fails when it is a mixture, or not as it was.</summary>
    /// <param name="because">After what.</param>
    /// <param name="services">Those that are looked at; all when there are none.</param>
    internal async Task<string> ShouldBeOneStateAsync(string because, params string[] services)
    {
        if (services.Length == 0) services = Services;
        string[] says = [.. ((string[])["lib/homeserver/which", "etc/homeserver.toml", "lib/maubot/which", "lib/spare/which", "lib/broken/which"]).Where(file => services.Any(file.Contains)).Select(file => File.Exists(Machine.Below(file)) ? File.ReadAllText(Machine.Below(file)).Trim() : $"{file} is missing")];
        string which = says[0];
        says.Should().OnlyContain(said => said == which, "no mixture: {0}", because);
        await DatabaseShouldBeAsync(which, because);
        (which == "old" ? _old : _new).Where(entry => services.Any(entry.Path.Contains)).DifferencesTo(Look(Machine.Disk).Where(entry => services.Any(entry.Path.Contains)))
            .Should().BeEmpty("all of the {0} state is there: {1}", which, because);
        return which;
    }

    /// <summary>The database, with the log that lies beside it, is whole and of that state.</summary>
    internal async Task DatabaseShouldBeAsync(string which, string because) => (await DatabaseShouldBeWholeAsync(because)).Should().Be(which, "it has its own log: {0}", because);

    /// <summary>The same of a database whose state is not known: says which it is.</summary>
    internal async Task<string> DatabaseShouldBeWholeAsync(string because)
    {
        string copy = Directory.CreateTempSubdirectory("backup-kill-").FullName;
        try
        {
            foreach (string suffix in (string[])["", "-wal"])
                if (File.Exists(Machine.Below($"lib/maubot/bot.db{suffix}"))) File.Copy(Machine.Below($"lib/maubot/bot.db{suffix}"), Path.Combine(copy, $"bot.db{suffix}"));
            CliResult asked = await Cli.RunProgramAsync("sqlite3", [Path.Combine(copy, "bot.db"), "PRAGMA integrity_check; SELECT v FROM which; SELECT count(*) >= 200 FROM start"]);
            string answer = $"{asked.Output}{asked.Error}";
            answer.Should().BeOneOf(["ok\nold\n1\n", "ok\nnew\n1\n"], "the database is whole, with its own log: {0}", because);
            return answer.Split('\n')[1];
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    /// <summary>Everything but what services write: the database, and with it the time of its directory.</summary>
    private static TreeFingerprint Look(string root) => TreeFingerprint.Of(root)
        .Where(static entry => entry.Path.StartsWith("lib/", StringComparison.Ordinal) || entry.Path.StartsWith("etc/", StringComparison.Ordinal))
        .Where(static entry => !entry.Path.Contains(".backup-restore-", StringComparison.Ordinal) && entry.Path is not "lib/maubot" && !entry.Path.StartsWith("lib/maubot/bot.db", StringComparison.Ordinal));

    /// <summary>What ran runs, nothing is owed or under way, and no service was ever started on a mixture.</summary>
    internal async Task ShouldBeWellAsync(string because, bool isConsoleOwed = true)
    {
        IReadOnlyDictionary<string, UnitLook> looks = await Machine.LookAsync([.. Running, .. Down]);
        foreach (string unit in Running.Where(unit => isConsoleOwed || unit != "console.service")) looks[unit].ActiveState.Should().Be("active", "{0} ran before: {1}", unit, because);
        File.Exists(Machine.RestartJournal).Should().BeFalse("nothing is owed: {0}", because);
        File.Exists(Path.Combine(Machine.State, "replacement.json")).Should().BeFalse("nothing is under way: {0}", because);
    }

    internal async Task DownShouldBeAsync(bool isUp, string because)
    {
        IReadOnlyDictionary<string, UnitLook> looks = await Machine.LookAsync(Down);
        foreach (string unit in Down) (looks[unit].ActiveState == "active").Should().Be(isUp, "{0} was down before: {1}", unit, because);
    }

    /// <summary>The power fails, and the machine boots: what is enabled starts by itself, with whatever is there, and closes its database as programs do.</summary>
    internal async Task LosePowerAsync()
    {
        await Machine.LosePowerAsync();
        File.WriteAllText(Machine.Below("closes"), "");
        await WriteUnitsAsync();
        foreach (string unit in (string[])["homeserver.service", "maubot.service"]) await Machine.Systemd.TryExecAsync("systemctl", "start", unit);
    }

    /// <summary>Runs the tool after a reboot: all machines of the tests share the kernel's boot id, and the tool is to see another.</summary>
    internal Task<CliResult> RunInNewBootAsync(params string[] arguments)
    {
        File.WriteAllText(Machine.Below("boot_id"), $"{Guid.NewGuid()}\n");
        string[] prefix = [.. Machine.Systemd.CommandPrefix];
        return Cli.RunProgramAsync(prefix[0], [.. prefix[1..], "/usr/bin/unshare", "-m", "/bin/sh", "-ec", $"mount --bind {Machine.Below("boot_id")} /proc/sys/kernel/random/boot_id; exec \"$@\"", "sh",
            Machine.Binary, .. arguments, "--config", Machine.ConfigFile]);
    }

    /// <summary>What all said at every start since the last call.</summary>
    internal void StartsShouldBeOfOneState(string because)
    {
        string file = Machine.Below("starts");
        if (!File.Exists(file)) return;
        foreach (string line in File.ReadAllLines(file))
            line[(line.IndexOf(':') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries).Distinct().Should().ContainSingle("no service is started on a mixture: {0}: {1}", because, line);
        File.Delete(file);
    }

    /// <summary>Directories in which what does not live is kept.</summary>
    internal string[] Asides() => [.. ((string[])["lib", "etc", "lib/maubot"]).SelectMany(directory => Directory.GetDirectories(Machine.Below(directory), ".backup-restore-*", new EnumerationOptions { AttributesToSkip = 0 }))];

    public ValueTask DisposeAsync() => Machine.DisposeAsync();
}
