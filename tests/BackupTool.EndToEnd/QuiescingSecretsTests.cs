using System.Text;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd;

/// <summary>Tokens and passwords in the services' configurations and in ours are in no output, no error, no journal, no document of the repository and no process list.</summary>
public sealed class QuiescingSecretsTests : IAsyncLifetime
{
    private static readonly string[] Secrets = ["AsTokenOfBridge", "HsTokenOfBridge", "HealthUrlToken", "UserInfoPass", "PgPassWord", "Pg%21Quoted", "Pg!Quoted", "SharedSecretKey", "PickleKeyOfBridge", "HeaderToken"];
    private StackMachine _machine = null!;

    public async ValueTask InitializeAsync() => _machine = await StackMachine.StartAsync();

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    [Fact]
    public async Task No_secret_is_in_anything_that_can_be_seen()
    {
        await SetUpAsync();
        using var sampling = Cli.Start(_machine.Systemd.CommandPrefix[0], [.. _machine.Systemd.CommandPrefix.Skip(1), "/bin/sh", "-c",
            $"while [ ! -e /run/enough ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >> {_machine.Below("cmdlines")}; done"]);
        var said = new StringBuilder();
        foreach (string[] command in (string[][])[["now"], ["now", "-vv"], ["now", "--json", "-vv"], ["now", "--keep-going", "-vv"], ["now", "--keep-going", "--json"], ["now", "--dry-run", "-vv"], ["health"], ["health", "--json", "-vv"],
            ["config", "show"], ["config", "show", "--json"], ["config", "check", "-vv"], ["config", "discover"], ["list", "--json"], ["show", "latest", "--json"], ["show", "latest"], ["recover", "-vv"], ["verify"]])
            said.AppendLine(null, $"$ {string.Join(' ', command)}").AppendLine(await SayAsync(command));
        (await _machine.RunWithAsync(["BACKUP_FAIL_POINT=window"], "now", "--keep-going", "-vv")).ExitCode.Should().Be(137, "the premise: a debt with health checks in it");
        string owed = File.ReadAllText(_machine.RestartJournal);
        File.GetUnixFileMode(_machine.RestartJournal).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite, "it holds what a health check needs");
        owed.Should().Contain("HealthUrlToken", "the premise");
        foreach (string[] command in (string[][])[["recover", "-vv", "--json"], ["recover", "-vv"]]) said.AppendLine(await SayAsync(command));
        await AsUnitAsync();
        await _machine.Systemd.ShellAsync("touch /run/enough");
        await sampling.WaitForExitAsync(TestContext.Current.CancellationToken);

        string text = said.ToString(), commandLines = File.ReadAllText(_machine.Below("cmdlines")), journal = await _machine.Systemd.ExecAsync("journalctl", "--no-pager", "-o", "cat");
        text.Should().Contain("snapshot").And.Contain("homeserver").And.Contain("bridge", "the premise").And.Contain("dead");
        journal.Should().Contain("snapshot", "the premise");
        commandLines.Should().Contain("systemctl", "the premise: what it started was seen").And.Contain(" now ");
        foreach (string secret in Secrets)
        {
            text.Should().NotContain(secret);
            journal.Should().NotContain(secret);
            commandLines.Should().NotContain(secret);
            foreach (string file in Directory.EnumerateFiles(Path.Combine(_machine.Repository, "snapshots"), "*", SearchOption.AllDirectories)) File.ReadAllText(file).Should().NotContain(secret);
        }
    }

    private async Task<string> SayAsync(string[] command)
    {
        CliResult result = await _machine.RunAsync(command);
        result.ExitCode.Should().BeOneOf([0, 1, 2, 3, 20], "{0}: {1}{2}", string.Join(' ', command), result.Output, result.Error);
        return result.Output + result.Error;
    }

    private async Task SetUpAsync()
    {
        await _machine.Systemd.WriteUnitsAsync(("homeserver.service", StackUnits.Answering(_machine, "port=8008")), ("bridge.service", StackUnits.Idle()), ("deaf.service", StackUnits.Idle()), ("dead.service", StackUnits.Idle()));
        await _machine.Systemd.ExecAsync("systemctl", "start", "homeserver", "bridge", "deaf", "dead");
        string bridge = WriteBridge("bridge", "sqlite3-fk-wal", "file:bridge.db?_txlock=immediate"), dead = WriteBridge("dead", "postgres", "postgres://bridge:PgPassWord@127.0.0.1:1/bridge?sslmode=disable");
        string quoted = WriteBridge("quoted", "postgres", "postgres://bridge:Pg%21Quoted@/bridge?host=/nowhere");
        string broken = WriteBridge("broken", "postgres", "postgres://bridge:PgPassWord@127.0.0.1:port/bridge");
        Sql.Make(_machine.Below("data/bridge/bridge.db"), "CREATE TABLE portal(id)");
        await _machine.ConfigureAsync(
            _machine.Service("homeserver", "health = { url = \"http://127.0.0.1:8008/?access_token=HealthUrlToken\", timeout = \"2s\" }"),
            _machine.Service("deaf", "health = { url = \"http://user:UserInfoPass@127.0.0.1:1/path?access_token=HealthUrlToken\", timeout = \"1s\" }"),
            $"[service.bridge]\nkind = \"mautrix\"\nunit = \"bridge.service\"\nconfig = \"{bridge}\"\nhealth = {{ command = [\"/bin/sh\", \"-c\", \"exit 0\"] }}",
            $"[service.dead]\nkind = \"mautrix\"\nunit = \"dead.service\"\nconfig = \"{dead}\"",
            $"[service.quoted]\nkind = \"mautrix\"\nconfig = \"{quoted}\"",
            $"[service.broken]\nkind = \"mautrix\"\nconfig = \"{broken}\"");
        await _machine.UntilAsync("journalctl -u homeserver.service | grep -q answers");
    }

    private string WriteBridge(string name, string type, string uri)
    {
        string directory = Directory.CreateDirectory(_machine.Below($"data/{name}")).FullName, config = Path.Combine(directory, "config.yaml");
        File.WriteAllText(config, $"""
            homeserver:
                address: http://127.0.0.1:8008
                domain: example.org
            database:
                type: {type}
                uri: {uri}
            appservice:
                id: {name}
                as_token: AsTokenOfBridge
                hs_token: HsTokenOfBridge
                hostname: 127.0.0.1
                port: 29319
            provisioning:
                shared_secret: SharedSecretKey
            encryption:
                pickle_key: PickleKeyOfBridge
            """);
        File.WriteAllText(Path.Combine(directory, "registration.yaml"), $"id: {name}\nas_token: AsTokenOfBridge\nhs_token: HsTokenOfBridge\n");
        return config;
    }

    private async Task AsUnitAsync()
    {
        await _machine.Systemd.WriteUnitAsync("backup.service", $"[Service]\nType=oneshot\nExecStart={_machine.Binary} now --keep-going -vv --config {_machine.ConfigFile}\nExecStopPost={_machine.Binary} recover --config {_machine.ConfigFile}");
        (await _machine.Systemd.TryExecAsync("systemctl", "start", "backup.service")).Status.Should().NotBe(0, "the premise: it tells of errors");
    }
}
