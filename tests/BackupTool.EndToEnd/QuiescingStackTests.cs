using System.Text.Json;
using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>A whole stack is held still, cut and resumed, on a real systemd.</summary>
public sealed class QuiescingStackTests : IAsyncLifetime
{
    private static readonly string[] Stopped = ["homeserver.service", "bridge.service", "maubot.service", "helper.service", "helper.socket", "console.service", "keeper.service"];
    private static readonly string[] Left = ["spare.service", "broken.service", "bystander.service"];
    private StackMachine _machine = null!;

    public async ValueTask InitializeAsync() => _machine = await StackMachine.StartAsync();

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    [Fact]
    public async Task A_stack_is_stopped_in_order_cut_and_resumed_in_order_when_what_each_needs_answers()
    {
        await SetUpAsync();
        var before = await _machine.LookAsync([.. Stopped, .. Left]);
        await _machine.Systemd.ExecAsync("systemctl", "start", "client.service");
        await _machine.UntilAsync("journalctl -u client.service | grep -q reached");
        DateTimeOffset began = TimeProvider.System.GetUtcNow();

        CliResult now = (await _machine.RunAsync("now", "--json")).ShouldExit(0);

        var after = await _machine.LookAsync([.. Stopped, .. Left]);
        foreach (string unit in Stopped)
        {
            after[unit].ActiveState.Should().Be("active", unit);
            after[unit].InvocationId.Should().NotBe(before[unit].InvocationId, "{0} was stopped", unit);
        }
        foreach (string unit in Left) after[unit].Should().Be(before[unit], "{0} was not to be touched", unit);
        IReadOnlyList<TimeLineEntry> line = await _machine.TimeLineAsync(began);
        CheckTimeLine(line);
        CheckSocket(line);
        CheckDocument(now.Json);
        File.Exists(_machine.RestartJournal).Should().BeFalse("nothing is owed");
        await CheckWhatIsToldLaterAsync();
    }

    private async Task SetUpAsync()
    {
        string client = _machine.Below("client.py");
        await File.WriteAllTextAsync(client, """
            import socket, time
            while True:
                try:
                    with socket.create_connection(('127.0.0.1', 9100), 3) as s:
                        s.sendall(b'GET / HTTP/1.0\r\n\r\n')
                        s.recv(100)
                    print('reached', flush=True)
                except OSError as e: print('refused', flush=True)
                time.sleep(0.01)
            """);
        await _machine.Systemd.WriteUnitsAsync(
            ("homeserver.service", StackUnits.Answering(_machine, "port=8008 delay=1")),
            ("bridge.service", StackUnits.Answering(_machine, "port=29319")),
            ("maubot.service", StackUnits.Answering(_machine, "port=29316 code=401")),
            ("helper.service", StackUnits.Answering(_machine, "")), ("helper.socket", StackUnits.Socket(9100)),
            ("console.service", StackUnits.Idle(unit: "Requires=homeserver.service\nAfter=homeserver.service")),
            ("broken.service", StackUnits.Running("/bin/false", unit: "PartOf=homeserver.service")),
            ("keeper.service", StackUnits.Idle(unit: "Upholds=homeserver.service")),
            ("spare.service", StackUnits.Idle()), ("bystander.service", StackUnits.Idle()),
            ("client.service", StackUnits.Running($"/usr/bin/python3 {client}")));
        await _machine.Systemd.ExecAsync("systemctl", "start", "homeserver", "bridge", "maubot", "helper.socket", "helper", "console", "keeper", "bystander");
        await _machine.Systemd.TryExecAsync("systemctl", "start", "broken");
        await _machine.ConfigureAsync(
            _machine.Service("maubot", $"after = [\"homeserver\"]\n{StackUnits.Http(29316, ", expect = [200, 401]")}"),
            _machine.Service("bridge", "after = [\"homeserver\"]\nhealth = { tcp = \"127.0.0.1:29319\" }"),
            _machine.Service("homeserver", StackUnits.Http(8008)),
            _machine.Service("helper", StackUnits.Http(9100)),
            _machine.Service("spare", ""));
        await _machine.UntilAsync("journalctl -u homeserver.service | grep -q answers && systemctl is-failed -q broken.service");
    }

    private static void CheckTimeLine(IReadOnlyList<TimeLineEntry> line)
    {
        foreach (string needing in (string[])["bridge.service", "maubot.service"])
        {
            At(line, needing, "Stopped").Should().BeLessThanOrEqualTo(At(line, "homeserver.service", "Stopping"), "{0} needs the homeserver, so it goes first", needing);
            At(line, needing, "Started").Should().BeGreaterThan(At(line, "homeserver.service", "answers"), "{0} starts when the homeserver answers", needing);
        }
        (At(line, "homeserver.service", "answers") - At(line, "homeserver.service", "Started")).Should().BeGreaterThan(900_000, "the premise: started is not yet answering");
        line.Count(static entry => entry.Unit == "homeserver.service" && entry.Message.StartsWith("Started", StringComparison.Ordinal)).Should().Be(1, "nothing brought it back into the window");
        At(line, "keeper.service", "Stopped").Should().BeLessThanOrEqualTo(At(line, "homeserver.service", "Stopping"), "it would start the homeserver again");
    }

    private static void CheckSocket(IReadOnlyList<TimeLineEntry> line)
    {
        At(line, "helper.socket", "Closed").Should().BeLessThan(At(line, "helper.socket", "Listening"));
        line.Count(static entry => entry.Unit == "helper.service" && entry.Message.StartsWith("Started", StringComparison.Ordinal)).Should().Be(1, "the client did not wake it in the window");
        line.Should().Contain(entry => entry.Unit == "client.service" && entry.Message == "refused" && entry.Microseconds > At(line, "helper.service", "Stopped")
            && entry.Microseconds < At(line, "helper.socket", "Listening"), "the premise: the client tried while nothing listened");
        line.Last(static entry => entry.Unit == "client.service").Message.Should().Be("reached", "the socket is back");
    }

    private static void CheckDocument(JsonElement now)
    {
        now.GetProperty("snapshot").GetString().Should().HaveLength(64);
        now.GetProperty("windowSeconds").GetDouble().Should().BeInRange(0.000_1, 5);
        now.GetProperty("failures").GetArrayLength().Should().Be(0);
        string[] plan = [.. now.GetProperty("plan").EnumerateArray().Select(static step => step.GetString()!)];
        Array.FindIndex(plan, static step => step.StartsWith("stop bridge.service", StringComparison.Ordinal)).Should().BeInRange(0, Array.FindIndex(plan, static step => step.StartsWith("stop homeserver.service", StringComparison.Ordinal)) - 1);
        var quiesced = now.GetProperty("quiesced").EnumerateArray().ToDictionary(static each => each.GetProperty("name").GetString()!);
        quiesced.Keys.Should().BeEquivalentTo("homeserver", "bridge", "maubot", "helper", "spare");
        foreach (string name in (string[])["homeserver", "bridge", "maubot", "helper"])
        {
            JsonElement service = quiesced[name];
            service.GetProperty("copy").GetString().Should().BeEquivalentTo("clean");
            service.GetProperty("mode").GetString().Should().BeEquivalentTo("stop");
            service.GetProperty("isHealthy").GetBoolean().Should().BeTrue();
            service.GetProperty("isOwed").GetBoolean().Should().BeFalse();
            service.GetProperty("downtimeSeconds").GetDouble().Should().BeInRange(name == "helper" ? 0.001 : 1, 30, "{0}: until it, or what it needs, answers", name);
        }
        quiesced["spare"].GetProperty("copy").GetString().Should().BeEquivalentTo("inactive");
        quiesced["spare"].GetProperty("downtimeSeconds").ValueKind.Should().Be(JsonValueKind.Null);
    }

    private async Task CheckWhatIsToldLaterAsync()
    {
        JsonElement listed = (await _machine.RunAsync("list", "--json")).ShouldExit(0).Json.GetProperty("snapshots")[0];
        foreach (JsonElement document in (JsonElement[])[listed, (await _machine.RunAsync("show", "latest", "--json")).ShouldExit(0).Json])
        {
            document.GetProperty("windowSeconds").GetDouble().Should().BePositive();
            JsonElement homeserver = document.GetProperty("services").EnumerateArray().First(static service => service.GetProperty("name").GetString() == "homeserver");
            homeserver.GetProperty("quiesce").GetString().Should().Be("stop");
            homeserver.GetProperty("copy").GetString().Should().Be("clean");
            homeserver.GetProperty("downtimeSeconds").GetDouble().Should().BeGreaterThan(1);
        }
        (await _machine.RunAsync("show", "latest")).ShouldExit(0).Output.Should().Contain("clean").And.Contain("downtime").And.Contain("inactive");
    }

    /// <summary>When it was first said.</summary>
    private static long At(IReadOnlyList<TimeLineEntry> line, string unit, string message) =>
        (line.FirstOrDefault(entry => entry.Unit == unit && entry.Message.StartsWith(message, StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"{unit} never said {message}:\n{string.Join('\n', line.Where(static entry => entry.Unit != "client.service"))}")).Microseconds;
}
