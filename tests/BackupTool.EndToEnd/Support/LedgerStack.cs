using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;
using RocksDbSharp;

namespace BackupTool.EndToEnd.Support;

/// <summary>What the three stores of a restored snapshot end with.</summary>
internal sealed record LedgerState(long Homeserver, long Bridge, long Bot);

/// <summary>A homeserver with a RocksDB, a bridge with a PostgreSQL database and a bot with an SQLite database: three units of a real systemd, and a backup configured for them.</summary>
internal sealed class LedgerStack : IAsyncDisposable
{
    internal const string Password = "never-to-be-seen-4711";
    private static readonly string[] Names = ["homeserver", "bridge", "bot"];

    private LedgerStack()
    {
        Homeserver = Box.Make("var/lib/continuwuity");
        Bot = Box.Make("var/lib/maubot");
    }

    internal Sandbox Box { get; } = new();

    internal RealPostgres Postgres { get; } = RealPostgres.Start();

    internal RealSystemd Systemd { get; private set; } = null!;

    internal string Homeserver { get; }

    internal string Bot { get; }

    internal static async Task<LedgerStack> StartAsync(string mode)
    {
        var stack = new LedgerStack();
        try
        {
            stack.Postgres.Sql("postgres", $"CREATE ROLE bridge LOGIN PASSWORD '{Password}'");
            stack.Postgres.Sql("postgres", "CREATE DATABASE bridge OWNER bridge TEMPLATE template0");
            stack.Postgres.Sql("bridge", "SET ROLE bridge; CREATE TABLE ledger(n bigint PRIMARY KEY, body text)");
            stack.Configure(mode);
            stack.Systemd = await RealSystemd.StartAsync(stack.Box.Root, stack.Postgres.SocketDirectory, Path.GetDirectoryName(BackupBinary.Path)!);
            await stack.StartUnitsAsync();
            (await stack.Box.RunAsync("init")).ShouldExit(0);
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    /// <summary>A driver that writes to the stores in the order given: by default the homeserver first, the bot last.</summary>
    internal LedgerDriver Drive(params string[] order) => new([.. (order.Length == 0 ? Names : order).Select(Socket)]);

    /// <summary>Runs the tool inside.</summary>
    internal Task<CliResult> RunAsync(params string[] arguments) =>
        Cli.RunProgramAsync(Systemd.CommandPrefix[0], [.. Systemd.CommandPrefix.Skip(1), BackupBinary.Path, .. arguments, "--config", Box.ConfigFile]);

    /// <summary>What tells one start of each unit from another.</summary>
    internal async Task<string[]> FindInvocationsAsync() =>
        (await Systemd.ExecAsync(["systemctl", "show", "--property=InvocationID", "--value", .. Names.Select(static name => $"{name}.service")])).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Restores a snapshot and opens its stores with their own engines. Fails when one lacks a number before its last.</summary>
    internal async Task<LedgerState> RestoreAsync(string snapshot = "latest", params string[] more)
    {
        string target = await Box.RestoreAsync(snapshot, more);
        var state = new LedgerState(
            Has("homeserver") ? LastOfRocksDb(target + Homeserver) : -1,
            Has("bridge") ? LastOfDump(Path.Combine(target, "postgresql-dumps/bridge.dump")) : -1,
            Has("bot") ? LastOfSqlite(target + Path.Combine(Bot, "bot.db")) : -1);
        Directory.Delete(target, recursive: true);
        return state;

        bool Has(string service) => more.Length == 0 || more.Contains(service);
    }

    public async ValueTask DisposeAsync()
    {
        if (Systemd is not null) await Systemd.DisposeAsync();
        Postgres.Dispose();
        Box.Dispose();
    }

    private string Socket(string name) => Box.Below($"{name}.sock");

    private void Configure(string mode)
    {
        File.WriteAllText(Box.Below("continuwuity.toml"), $"[global]\nserver_name = \"example.org\"\ndatabase_path = \"{Homeserver}\"\n");
        string bridge = Box.Make("var/lib/mautrix-slack");
        MautrixData.Write(bridge, MautrixData.SocketUri("bridge", Password, Postgres, "bridge"));
        File.WriteAllText(Path.Combine(Bot, "config.yaml"), "database: sqlite:///bot.db\nplugin_directories: { upload: ./plugins, load: [./plugins], trash: ./trash }\nplugin_databases: { sqlite: ./plugins }\n");
        Box.Make("var/lib/maubot/plugins");
        string Common(string unit) => $"unit = \"{unit}.service\"\nquiesce = \"{mode}\"\nhealth = {{ command = [\"/usr/bin/test\", \"-S\", \"{Socket(unit)}\"] }}";
        Box.Configure(
            $"[service.homeserver]\nkind = \"continuwuity\"\nconfig = \"{Box.Below("continuwuity.toml")}\"\n{Common("homeserver")}",
            $"[service.bridge]\nkind = \"mautrix\"\ndata = \"{bridge}\"\nafter = [\"homeserver\"]\n{Common("bridge")}",
            $"[service.bot]\nkind = \"maubot\"\ndata = \"{Bot}\"\nafter = [\"homeserver\"]\n{Common("bot")}");
    }

    private async Task StartUnitsAsync()
    {
        string connection = string.Create(CultureInfo.InvariantCulture, $"Host={Postgres.SocketDirectory};Port={Postgres.Port};Username=bridge;Password={Password};Database=bridge;Pooling=false");
        await Systemd.WriteUnitsAsync(
            ("homeserver.service", Unit(nameof(LedgerKeeper.KeepHomeserver), Socket("homeserver"), Homeserver)),
            ("bridge.service", Unit(nameof(LedgerKeeper.KeepBridge), Socket("bridge"), connection)),
            ("bot.service", Unit(nameof(LedgerKeeper.KeepBot), Socket("bot"), Path.Combine(Bot, "bot.db"))));
        await Systemd.ExecAsync(["systemctl", "start", .. Names]);
    }

    /// <summary>The runtime ends by SIGTERM with 143.</summary>
    private static string Unit(string job, string socket, string store)
    {
        string dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        string environment = string.Join('\n', ChildProcess.EnvironmentOf(job, socket, store).Select(static pair => $"Environment=\"{pair.Key}={pair.Value}\""));
        return $"[Service]\nExecStart={dotnet} {typeof(LedgerStack).Assembly.Location}\nSuccessExitStatus=143\nExecStopPost=/bin/rm -f {socket}\n{environment}";
    }

    private static long LastOfRocksDb(string path)
    {
        using RocksDb database = RocksDb.Open(new DbOptions(), path);
        using Iterator iterator = database.NewIterator();
        long last = 0;
        for (iterator.SeekToFirst(); iterator.Valid(); iterator.Next())
            BinaryPrimitives.ReadInt64BigEndian(iterator.Key()).Should().Be(++last, "every number is there");
        return last;
    }

    private long LastOfDump(string dump)
    {
        string database = DumpByHand.Restore(Postgres, dump);
        string[] seen = Postgres.Sql(database, "SELECT count(*), coalesce(max(n), 0) FROM ledger").Split('|');
        Postgres.Sql("postgres", $"DROP DATABASE {database}");
        seen[0].Should().Be(seen[1], "every number is there");
        return long.Parse(seen[1], CultureInfo.InvariantCulture);
    }

    private static long LastOfSqlite(string path)
    {
        Sql.Ask(path, "PRAGMA integrity_check").Should().Be("ok");
        var last = (long)Sql.Ask(path, "SELECT coalesce(max(n), 0) FROM ledger")!;
        Sql.Ask(path, "SELECT count(*) FROM ledger").Should().Be(last, "every number is there");
        return last;
    }
}
