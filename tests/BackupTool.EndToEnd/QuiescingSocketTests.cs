using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>Services that a socket starts, with clients who never let go, on a real systemd.</summary>
public sealed class QuiescingSocketTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Clients = 4, Runs = 12;
    private StackMachine _machine = null!;

    public async ValueTask InitializeAsync() => _machine = await StackMachine.StartAsync();

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    [Fact]
    public async Task Clients_that_connect_all_the_time_wake_nothing_between_the_stops()
    {
        await SetUpAsync();
        string client = _machine.Below("client.py");
        await File.WriteAllTextAsync(client, """
            import socket
            while True:
                try:
                    with socket.create_connection(('127.0.0.1', 9100), 3) as s:
                        s.sendall(b'GET / HTTP/1.0\r\n\r\n')
                        s.recv(100)
                except OSError: pass
            """, TestContext.Current.CancellationToken);
        await _machine.Systemd.WriteUnitAsync("client@.service", StackUnits.Running($"/usr/bin/python3 {client}", "Nice=10"));
        for (int i = 0; i < Clients; i++) await _machine.Systemd.ExecAsync("systemctl", "start", $"client@{i}.service");
        for (int i = 0; i < Runs; i++)
        {
            CliResult now = (await _machine.RunAsync("now", "--json")).ShouldExit(0);
            now.Json.GetProperty("quiesced")[0].GetProperty("copy").GetString().Should().BeEquivalentTo("clean");
            await ShouldBeBackAsync();
        }
        output.WriteLine($"{Runs} runs beside {Clients} clients");
    }

    /// <summary>systemd starts no socket beside its running service.</summary>
    [Fact]
    public async Task A_socket_that_was_stopped_without_its_service_is_brought_back_by_recover()
    {
        await SetUpAsync();
        (await _machine.RunWithAsync(["BACKUP_FAIL_POINT=before-stop"], "now")).ExitCode.Should().Be(137);
        await _machine.Systemd.ExecAsync("systemctl", "stop", "helper.socket");
        (await _machine.Systemd.TryExecAsync("systemctl", "start", "helper.socket")).Status.Should().NotBe(0, "the premise");
        (await _machine.RunAsync("recover")).ShouldExit(0);
        await ShouldBeBackAsync();
    }

    private async Task SetUpAsync()
    {
        await _machine.Systemd.WriteUnitsAsync(("helper.service", StackUnits.Answering(_machine, "")), ("helper.socket", StackUnits.Socket(9100)));
        await _machine.Systemd.ExecAsync("systemctl", "start", "helper.socket");
        await _machine.Systemd.ExecAsync("systemctl", "start", "helper.service");
        await _machine.ConfigureAsync(_machine.Service("helper", ""));
    }

    private async Task ShouldBeBackAsync()
    {
        (await _machine.LookAsync("helper.service", "helper.socket")).Values.Should().OnlyContain(static look => look.ActiveState == "active");
        File.Exists(_machine.RestartJournal).Should().BeFalse();
    }
}
