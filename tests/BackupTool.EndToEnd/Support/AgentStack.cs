using System.Net.Sockets;
using System.Text.Json;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// The agent as a unit beside a homeserver, which takes its time to stop and to start, and a bridge that needs it. Everything that it is to outlive is on the machine's disk.
/// </summary>
internal sealed class AgentStack : IAsyncDisposable
{
    internal const string Unit = "backup-agent.service", Socket = "agent.sock", EverySecond = "* * * * * *", EveryTwoSeconds = "*/2 * * * * *", OnceAYear = "0 0 1 1 *";
    internal static readonly string[] Services = ["homeserver.service", "bridge.service"];

    private AgentStack(StackMachine machine) => Machine = machine;

    internal StackMachine Machine { get; }

    internal string Memory => Path.Combine(Machine.State, "agent.json");

    /// <summary>Services run, the repository is there, one schedule too; the agent is not started.</summary>
    /// <param name="cron">When.</param>
    /// <param name="stopsWithin">How many seconds the homeserver takes to stop.</param>
    internal static async Task<AgentStack> SetUpAsync(string cron, int stopsWithin = 0)
    {
        var stack = new AgentStack(await StackMachine.StartAsync());
        try
        {
            await stack.WriteUnitsAsync(stopsWithin);
            await stack.Machine.ConfigureAsync(
                stack.Machine.Service("homeserver", StackUnits.Http(8008)),
                stack.Machine.Service("bridge", "after = [\"homeserver\"]"),
                $"[agent]\nsocket = \"{stack.Machine.Below(Socket)}\"");
            stack.WriteSchedule("often", cron);
            await stack.Machine.Systemd.ExecAsync(["systemctl", "start", .. Services]);
            await stack.Machine.UntilAsync("journalctl -u homeserver.service | grep -q answers");
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    /// <summary>The units: again, after a power cut.</summary>
    internal Task WriteUnitsAsync(int stopsWithin = 0, int watchdog = 60, string more = "") => Machine.Systemd.WriteUnitsAsync(
        ("homeserver.service", StackUnits.Answering(Machine, "port=8008", stopsWithin == 0 ? "" : $"ExecStop=/bin/sleep {stopsWithin}\nTimeoutStopSec=60")),
        ("bridge.service", StackUnits.Idle()),
        (Unit, $"""
            [Service]
            Type=notify
            ExecStart={Machine.Binary} agent --config {Machine.ConfigFile}
            ExecReload=/bin/kill -HUP $MAINPID
            ExecStopPost={Machine.Binary} recover --config {Machine.ConfigFile}
            KillMode=mixed
            WatchdogSec={watchdog}
            TimeoutStartSec=infinity
            TimeoutStopSec=120
            TimeoutAbortSec=10
            Restart=on-failure
            RestartSec=100ms
            {more}
            """));

    internal void WriteSchedule(string name, string cron, string more = "")
    {
        Directory.CreateDirectory(Machine.Below("schedules"));
        File.WriteAllText(Machine.Below($"schedules/{name}.toml"), $"cron = \"{cron}\"\ntime-zone = \"UTC\"\nrun = [\"backup\"]\n{more}");
    }

    /// <summary>systemd waits until it is ready.</summary>
    internal Task StartAsync() => Machine.Systemd.ExecAsync("systemctl", "start", Unit);

    /// <summary>A property of its unit.</summary>
    internal async Task<string> ShowAsync(string property) => (await Machine.Systemd.ExecAsync("systemctl", "show", "-P", property, Unit)).Trim();

    /// <summary>Waits until its journal has a line.</summary>
    internal Task UntilItSaysAsync(string text, int seconds = 60) => Machine.UntilAsync($"journalctl -u {Unit} | grep -qF '{text}'", seconds);

    /// <summary>Asks it over its socket, which is on the disk, and so outside of the machine, too.</summary>
    internal async Task<(int Code, string Body)> GetAsync(string path)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Machine.Below(Socket)), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        using HttpResponseMessage answer = await client.GetAsync(new Uri($"http://agent{path}"), TestContext.Current.CancellationToken);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    internal async Task<JsonElement> StatusAsync() => JsonDocument.Parse((await GetAsync("/status.json")).Body).RootElement.GetProperty("agent");

    /// <summary>Everything on the machine ends at once, and another boots with the same disk.</summary>
    internal async Task LosePowerAsync()
    {
        string[] prefix = [.. Machine.Systemd.CommandPrefix];
        CliResult init = (await Cli.RunProgramAsync(prefix[0], ["pid", prefix[2]])).ShouldExit(0);
        (await Cli.ShellAsync($"kill -KILL {init.Output.Trim()}")).ShouldExit(0);
        await Machine.LosePowerAsync();
    }

    /// <summary>Waits until a run holds services still: the bridge is down already, the homeserver is being stopped.</summary>
    internal Task InWindowAsync() => Machine.UntilAsync("[ $(systemctl show -P ActiveState bridge.service)$(systemctl show -P ActiveState homeserver.service) = inactivedeactivating ]");

    internal async Task ServicesShouldRunAsync(string because)
    {
        string journal = await Machine.Systemd.ExecAsync("journalctl", "-o", "short-precise", "--no-pager");
        (await Machine.LookAsync(Services)).Values.Should().OnlyContain(static look => look.ActiveState == "active", "{0}:\n{1}", because, journal);
        File.Exists(Machine.RestartJournal).Should().BeFalse("nothing is owed: {0}", because);
    }

    public ValueTask DisposeAsync() => Machine.DisposeAsync();
}
