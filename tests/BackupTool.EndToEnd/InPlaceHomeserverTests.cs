using System.Runtime.InteropServices;
using BackupTool.EndToEnd.Support;
using RocksDbSharp;

namespace BackupTool.EndToEnd;

/// <summary>A homeserver that was restored is the same server, or it was not restored: with the engine of the real ones, on a real systemd.</summary>
public sealed class InPlaceHomeserverTests : IAsyncLifetime
{
    private static readonly string[] Restore = ["restore", "latest", "--in-place", "-s", "homeserver"];
    private StackMachine _machine = null!;

    private string Database => _machine.Below("lib/continuwuity");

    private string Config => _machine.Below("etc/continuwuity.toml");

    public async ValueTask InitializeAsync()
    {
        _machine = await StackMachine.StartAsync();
        Directory.CreateDirectory(_machine.Below("lib"));
        Directory.CreateDirectory(_machine.Below("etc"));
        await WriteConfigAsync(Config, Database);
        await StartAsync();
        await _machine.ConfigureAsync(Service(Config));
    }

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    private static string Service(string config) =>
        $"[service.homeserver]\nkind = \"continuwuity\"\nunit = \"homeserver.service\"\nconfig = \"{config}\"\nhealth = {{ url = \"http://127.0.0.1:8008/_matrix/client/versions\", timeout = \"20s\" }}";

    private static Task WriteConfigAsync(string file, string database) =>
        File.WriteAllTextAsync(file, $"[global]\nserver_name = \"example.org\"\naddress = \"127.0.0.1\"\nport = 8008\ndatabase_path = \"{database}\"\n");

    private async Task StartAsync(string more = "", string? config = null)
    {
        string dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        string environment = string.Join('\n', ChildProcess.EnvironmentOf(nameof(KeyServer.Serve), config ?? Config, more).Select(static pair => $"Environment=\"{pair.Key}={pair.Value}\""));
        await _machine.Systemd.WriteUnitAsync("homeserver.service", $"[Service]\nExecStart={dotnet} {typeof(KeyServer).Assembly.Location}\nSuccessExitStatus=143\n{environment}");
        await _machine.Systemd.ExecAsync("systemctl", "restart", "homeserver.service");
        await AnswersAsync();
    }

    private Task AnswersAsync() => _machine.UntilAsync("python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.1:8008/_matrix/client/versions\", timeout=2)' 2>/dev/null");

    private async Task<string> KeyAsync() =>
        await _machine.Systemd.ExecAsync("python3", "-c", "import json, urllib.request as u; print(list(json.load(u.urlopen('http://127.0.0.1:8008/_matrix/key/v2/server'))['verify_keys'])[0])");

    private string? Ask(string key)
    {
        using RocksDb database = RocksDb.OpenReadOnly(new DbOptions(), Database, false);
        return database.Get(key);
    }

    private async Task PutAsync(string key)
    {
        await _machine.Systemd.ExecAsync("systemctl", "stop", "homeserver.service");
        using (RocksDb database = RocksDb.Open(new DbOptions(), Database)) database.Put(key, "yes");
        await _machine.Systemd.ExecAsync("systemctl", "start", "homeserver.service");
        await AnswersAsync();
    }

    private async Task<CliResult> RunAsync(string[] arguments, params int[] codes)
    {
        CliResult result = await _machine.RunAsync(arguments);
        TestContext.Current.TestOutputHelper?.WriteLine($"{result.ExitCode}\n{result.Error}{result.Output}");
        result.ExitCode.Should().BeOneOf(codes, result.Error + result.Output);
        File.Exists(Path.Combine(_machine.State, "replacement.json")).Should().BeFalse();
        return result;
    }

    [Fact]
    public async Task A_good_restore_is_the_same_server_even_where_nothing_is_left()
    {
        string key = await KeyAsync();
        await PutAsync("known");
        (await _machine.RunAsync("now")).ShouldExit(0);
        (await _machine.RunAsync("show", "latest")).Output.Should().Contain($"signing-keys: {key.Trim()}");
        await PutAsync("later");
        await RunAsync([.. Restore, "--no-safety"], 0);
        (await KeyAsync()).Should().Be(key);
        (Ask("known"), Ask("later")).Should().Be(("yes", null));

        foreach (string ruin in (string[])[$"rm -r {Database}", $"rm -r {Database}; mkdir {Database}", $"rm {Database}/CURRENT"])
        {
            await _machine.Systemd.ShellAsync($"systemctl stop homeserver.service; {ruin}");
            await RunAsync(Restore, 0, 3);
            (await KeyAsync()).Should().Be(key, "after: {0}", ruin);
            Ask("known").Should().Be("yes");
        }
        (await _machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        Directory.GetDirectories(_machine.Below("lib")).Should().ContainSingle();
    }

    [Theory]
    [InlineData("", "is another server")]
    [InlineData("mute,", "has not opened the database")]
    public async Task A_program_that_makes_itself_a_new_server_elsewhere_is_found_out_and_all_is_put_back(string how, string says)
    {
        (await _machine.RunAsync("now")).ShouldExit(0);
        await PutAsync("later");
        await StartAsync($"{how}{_machine.Below("lib/elsewhere")}");

        CliResult restore = await RunAsync([.. Restore, "--no-safety"], 21);

        restore.Error.Should().Contain(says);
        Ask("later").Should().Be("yes", "the state before is back");
        Directory.GetDirectories(_machine.Below("lib"), ".backup-*", new EnumerationOptions { AttributesToSkip = 0 }).Should().BeEmpty();
    }

    [Fact]
    public async Task A_configuration_of_the_systems_that_now_names_another_directory_is_found_before_the_stop()
    {
        // As on NixOS: the file is the system's, and not restored.
        await _machine.Systemd.ShellAsync($"mkdir -p /nix/store; cp {Config} /nix/store/abc-continuwuity.toml");
        await StartAsync("", "/nix/store/abc-continuwuity.toml");
        await _machine.ConfigureAsync(Service("/nix/store/abc-continuwuity.toml"));
        (await _machine.RunAsync("now")).ExitCode.Should().BeOneOf(0, 3);
        await _machine.Systemd.ShellAsync($"sed -i s,lib/continuwuity,lib/moved, /nix/store/abc-continuwuity.toml; mkdir {_machine.Below("lib/moved")}");
        UnitLook before = (await _machine.LookAsync("homeserver.service"))["homeserver.service"];

        CliResult refused = await RunAsync(Restore, 1);

        refused.Error.Should().Contain("lib/moved").And.Contain("where the snapshot has nothing");
        (await _machine.LookAsync("homeserver.service"))["homeserver.service"].Should().Be(before);
    }

    [Fact]
    public async Task The_state_directory_of_a_dynamic_user_keeps_its_link_and_is_the_users()
    {
        await _machine.Systemd.WriteUnitAsync("dyn.service", "[Service]\nDynamicUser=yes\nStateDirectory=dyn\nExecStart=/bin/sh -c 'echo started >> /var/lib/dyn/starts; exec sleep infinity'");
        await _machine.Systemd.ShellAsync("systemctl start dyn.service; until test -s /var/lib/dyn/starts; do sleep 0.1; done; mkdir /var/lib/dyn/sub; echo kept > /var/lib/dyn/sub/file; chown -R --reference=/var/lib/private/dyn /var/lib/private/dyn");
        await _machine.ConfigureAsync("[service.dyn]\nkind = \"files\"\nunit = \"dyn.service\"\ndata = \"/var/lib/dyn\"");
        (await _machine.RunAsync("now")).ShouldExit(0);
        await _machine.Systemd.ShellAsync("echo ruined > /var/lib/dyn/sub/file; echo x > /var/lib/dyn/later");

        await RunAsync(["restore", "latest", "--in-place", "-s", "dyn", "--no-safety"], 0, 3);

        await _machine.Systemd.ShellAsync("""
            test "$(readlink /var/lib/dyn)" = private/dyn; grep -q kept /var/lib/dyn/sub/file; test ! -e /var/lib/dyn/later
            test "$(stat -c %a /var/lib/private)" = 700; systemctl is-active -q dyn.service
            until test "$(wc -l < /var/lib/dyn/starts)" = 2; do sleep 0.1; done
            uid=$(stat -c %u /proc/$(systemctl show -P MainPID dyn.service)); test $(stat -c %u /var/lib/dyn/) = $uid; test $(stat -c %u /var/lib/dyn/sub/file) = $uid
            """);
        // The unit was gone meanwhile, and another may have its number.
        await _machine.Systemd.ShellAsync("systemctl stop dyn.service; rm -r /var/lib/private/dyn /var/lib/dyn");
        await RunAsync(["restore", "latest", "--in-place", "-s", "dyn", "--no-safety"], 0, 3);
        await _machine.Systemd.ShellAsync("test \"$(readlink /var/lib/dyn)\" = private/dyn; grep -q kept /var/lib/dyn/sub/file; systemctl is-active -q dyn.service");
    }
}
