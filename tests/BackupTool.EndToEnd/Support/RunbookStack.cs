using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// The stack that the runbook is about, at the places that it names: a homeserver with a RocksDB, a bridge with a PostgreSQL database and a maubot with its management interface, on a machine
/// with its own systemd. Its first two snapshots show it well.
/// </summary>
internal sealed class RunbookStack : IAsyncDisposable
{
    internal const string Maubot = "maubot /var/lib/maubot 29316";
    private const int HomeserverPort = 8008, MaubotPort = 29316;
    private const string Bot = "@bot:example.org", Token = "syt_token_of_the_bot";
    private const string Template = "as_it_was", Bridge = "bridge", Password = "of-the-bridge";

    private RunbookStack()
    {
    }

    internal RealPostgres Postgres { get; } = RealPostgres.Start();

    internal RealSystemd Systemd { get; private set; } = null!;

    internal static async Task<RunbookStack> StartAsync()
    {
        var stack = new RunbookStack();
        try
        {
            stack.Systemd = await RealSystemd.StartAsync(stack.Postgres.SocketDirectory, Path.GetDirectoryName(BackupBinary.Path)!);
            await stack.SetUpAsync();
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a line of the runbook, as root.</summary>
    internal Task<CliResult> RunAsync(string command) => Cli.RunProgramAsync(Systemd.CommandPrefix[0],
        [.. Systemd.CommandPrefix.Skip(1), "/usr/bin/env", $"PATH={Path.GetDirectoryName(BackupBinary.Path)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "/bin/sh", "-c", command]);

    /// <summary>Everything as at first, and running.</summary>
    internal async Task ResetAsync()
    {
        await Systemd.TryExecAsync("systemctl", "stop", "maubot", "mautrix-slack", "continuwuity");
        await Systemd.ShellAsync("""
            systemctl reset-failed
            mount -o remount,size=512m /var
            rm -rf /var/lib/maubot /var/lib/mautrix-slack /var/lib/continuwuity /var/lib/.backup-restore-* /var/lib/backup /var/backups /var/tmp/restored
            cp -a /var/pristine/lib/. /var/lib/
            if [ -d /var/pristine/backups ]; then cp -a /var/pristine/backups /var/backups; cp -a /var/pristine/backup /var/lib/backup; fi
            """);
        foreach (string database in Postgres.Sql("postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'").Split('\n', StringSplitOptions.RemoveEmptyEntries))
            if (database != Template) Postgres.Sql("postgres", $"DROP DATABASE \"{database}\"");
        Postgres.Sql("postgres", $"CREATE DATABASE {Bridge} OWNER {Bridge} TEMPLATE {Template}");
        await WriteUnitsAsync();
        await StartAllAsync();
    }

    /// <summary>Starts the services in order, and waits until each answers.</summary>
    internal Task StartAllAsync() => Systemd.ExecAsync("/bin/bash", "-ec", $"systemctl start continuwuity; {Until(HomeserverPort)}; systemctl start mautrix-slack maubot; {Until(29319)}; {Until(MaubotPort)}");

    internal async Task WriteUnitsAsync(string? maubotProgram = null) => await Systemd.WriteUnitsAsync(
        ("continuwuity.service", StackUnits.Running(Program.StandIn($"rocksdb-homeserver /var/lib/continuwuity {HomeserverPort} {Token}={Bot}=BOTDEVICE"))),
        ("mautrix-slack.service", StackUnits.Running($"/usr/bin/python3 {Systemd.Data}/service.py port=29319")),
        ("maubot.service", StackUnits.Running(maubotProgram ?? Program.StandIn(Maubot))));

    private static string Until(int port) => $"i=0; until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do i=$((i+1)); if [ $i -gt 2400 ]; then echo nothing listens on {port}; exit 1; fi; sleep 0.05; done";

    private async Task SetUpAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(Systemd.Data, "service.py"), StackUnits.Program);
        MautrixData.Fill(Postgres, Bridge, Password);
        Postgres.Sql("postgres", $"ALTER DATABASE {Bridge} RENAME TO {Template}");
        FillMaubot();
        MautrixData.Write(Directory.CreateDirectory(Path.Combine(Systemd.Data, "lib/mautrix-slack")).FullName, MautrixData.SocketUri(Bridge, Password, Postgres, Bridge));
        Directory.CreateDirectory(Path.Combine(Systemd.Data, "lib/continuwuity"));
        await File.WriteAllTextAsync(Path.Combine(Systemd.Data, "backup.toml"), Configuration());
        await Systemd.ShellAsync($$"""
            mkdir -p /var/pristine /etc/backup
            cp -a {{Systemd.Data}}/lib /var/pristine/lib
            cp {{Systemd.Data}}/backup.toml /etc/backup/backup.toml
            printf '[global]\nserver_name = "example.org"\ndatabase_path = "/var/lib/continuwuity"\nport = {{HomeserverPort}}\n' > /etc/continuwuity.toml
            """);
        await ResetAsync();
        foreach (string command in (string[])["backup init", "backup now", "backup now --label pre-upgrade --pin"]) (await RunAsync(command)).ShouldExit(0);
        await Systemd.ExecAsync("systemctl", "stop", "maubot", "mautrix-slack", "continuwuity");
        await Systemd.ShellAsync("rm -rf /var/pristine/lib; mkdir /var/pristine/lib; cp -a /var/lib/maubot /var/lib/mautrix-slack /var/lib/continuwuity /var/pristine/lib/; cp -a /var/backups /var/pristine/backups; cp -a /var/lib/backup /var/pristine/backup");
    }

    private void FillMaubot()
    {
        string directory = Directory.CreateDirectory(Path.Combine(Systemd.Data, "lib/maubot/plugins")).Parent!.FullName;
        using (var store = new FakeMaubotStore(Path.Combine(directory, "bot.db")))
        {
            store.Execute($"INSERT INTO client VALUES ('{Bot}', 'http://127.0.0.1:{HomeserverPort}', '{Token}', 'BOTDEVICE', 1, 's99', '7', 1, 1, 1, 'disable', 'disable')");
            store.Execute($"INSERT INTO instance VALUES ('reminders', 'xyz.remind', 1, '{Bot}', '', 'sqlite')");
        }
        Sql.Make(Path.Combine(directory, "plugins/reminders.db"), "CREATE TABLE client(name TEXT); INSERT INTO client VALUES ('a table of the plugin''s own')");
        File.WriteAllBytes(Path.Combine(directory, "plugins/xyz.remind-v1.0.mbp"), FakePlugin.Make("xyz.remind", "1.0", true, "Bot"));
        File.WriteAllText(Path.Combine(directory, "config.yaml"), $$"""
            database: sqlite:////var/lib/maubot/bot.db
            plugin_directories: { upload: /var/lib/maubot/plugins, load: [/var/lib/maubot/plugins], trash: /var/lib/maubot/trash }
            plugin_databases: { sqlite: /var/lib/maubot/plugins }
            server: { hostname: 127.0.0.1, port: {{MaubotPort}}, unshared_secret: a-secret-that-signs-tokens }

            """);
    }

    private string Configuration() => $$"""
        [repository]
        path = "/var/backups/stack"

        [service.homeserver]
        kind = "continuwuity"
        unit = "continuwuity.service"
        config = "/etc/continuwuity.toml"

        [service.slack]
        kind = "mautrix"
        unit = "mautrix-slack.service"
        data = "/var/lib/mautrix-slack"
        after = ["homeserver"]
        health = { url = "http://127.0.0.1:29319/_matrix/mau/live" }
        postgres = { host = "{{Postgres.SocketDirectory}}", port = {{Postgres.Port}} }

        [service.maubot]
        kind = "maubot"
        unit = "maubot.service"
        data = "/var/lib/maubot"
        after = ["homeserver"]
        health = { url = "http://127.0.0.1:{{MaubotPort}}/_matrix/maubot/v1/version", expect = [200, 401], timeout = "8s" }

        """;

    public async ValueTask DisposeAsync()
    {
        if (Systemd is not null) await Systemd.DisposeAsync();
        Postgres.Dispose();
    }
}
