using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>What is in a snapshot is the moment of the cut, whatever the services do when they go on.</summary>
public sealed class WindowTests : IAsyncLifetime
{
    private StackMachine _machine = null!;

    public async ValueTask InitializeAsync() => _machine = await StackMachine.StartAsync();

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    [Fact]
    public async Task What_a_service_writes_when_it_starts_is_not_in_the_snapshot()
    {
        await _machine.ConfigureAsync(_machine.Service("bot", ""));
        string data = _machine.Below("data/bot");
        // As maubot does: its configuration is written anew, and what it does not like is moved away.
        await _machine.Systemd.WriteUnitAsync("bot.service", StackUnits.Running("/bin/sleep infinity",
            $"ExecStartPre=/bin/sh -c 'cd {data}; date +%%N > config.yaml; touch started-$(date +%%s%%N); mkdir -p trash; mv plugin-* trash/ || true; echo put > plugin-$(date +%%s%%N)'"));
        await _machine.Systemd.ExecAsync("systemctl", "start", "bot");
        Dictionary<string, string> before = Contents(data);
        before.Should().HaveCountGreaterThan(3);
        await Task.Delay(50, TestContext.Current.CancellationToken);

        (await _machine.RunAsync("now")).ShouldExit(0);

        Contents(data).Should().NotBeEquivalentTo(before, "the service was started again and wrote");
        Contents(await RestoreAsync("bot")).Should().BeEquivalentTo(before);
    }

    [Theory]
    [InlineData("DELETE", "", "")]
    [InlineData("WAL", "", "")]
    [InlineData("WAL", "PRAGMA locking_mode=EXCLUSIVE;", "pin = false")]
    public async Task A_database_is_the_one_of_the_cut_though_its_service_writes_to_it_at_once(string journalMode, string pragma, string setting)
    {
        string database = await SetUpWriterAsync(journalMode, pragma, setting);

        CliResult now = (await _machine.RunAsync("now")).ShouldExit(0);

        now.Error.Should().NotContain("pins", "the service has what it needs when it is started, at the first go");
        (await CountAsync(database)).Should().Be("2", "it has started twice");
        (await CountAsync(Path.Combine(await RestoreAsync("bot"), "bot.db"))).Should().Be("1");
    }

    [Fact]
    public async Task A_service_that_does_not_start_beside_a_pin_is_started_without_and_its_database_is_the_one_of_the_cut()
    {
        string database = await SetUpWriterAsync("WAL", "PRAGMA locking_mode=EXCLUSIVE;", "");

        CliResult now = (await _machine.RunAsync("now")).ShouldExit(0);

        now.Error.Should().Contain("it started only after the pins of its state had been released");
        (await CountAsync(database)).Should().Be("2");
        (await CountAsync(Path.Combine(await RestoreAsync("bot"), "bot.db"))).Should().Be("1");
    }

    /// <summary>A service that writes to its database before it does anything else, and fails when that is locked.</summary>
    private async Task<string> SetUpWriterAsync(string journalMode, string pragma, string setting)
    {
        await _machine.ConfigureAsync(_machine.Service("bot", setting));
        string database = _machine.Below("data/bot/bot.db");
        (await Cli.ShellAsync($"sqlite3 {database} 'PRAGMA journal_mode={journalMode}; CREATE TABLE starts (at TEXT)'")).ShouldExit(0);
        await _machine.Systemd.WriteUnitAsync("bot.service", StackUnits.Running("/bin/sleep infinity", $"ExecStartPre=/usr/bin/sqlite3 -bail {database} '{pragma} INSERT INTO starts VALUES (CURRENT_TIMESTAMP)'"));
        await _machine.Systemd.ExecAsync("systemctl", "start", "bot");
        return database;
    }

    [Fact]
    public async Task A_service_that_is_frozen_in_the_middle_of_a_transaction_is_frozen_once_more()
    {
        await _machine.ConfigureAsync(_machine.Service("bot", "quiesce = \"freeze\""));
        string database = _machine.Below("data/bot/bot.db");
        await File.WriteAllTextAsync(_machine.Below("writer.py"), $"""
            import sqlite3, time
            db = sqlite3.connect('{database}', isolation_level=None)
            db.execute('PRAGMA journal_mode=DELETE')
            db.execute('CREATE TABLE IF NOT EXISTS starts (at TEXT)')
            print('ready', flush=True)
            while True:
                db.execute('BEGIN EXCLUSIVE'); db.execute("INSERT INTO starts VALUES ('x')"); time.sleep(0.3); db.execute('COMMIT'); time.sleep(0.4)
            """, TestContext.Current.CancellationToken);
        await _machine.Systemd.WriteUnitAsync("bot.service", StackUnits.Running($"/usr/bin/python3 {_machine.Below("writer.py")}"));
        await _machine.Systemd.ExecAsync("systemctl", "start", "bot");
        await _machine.UntilAsync("journalctl -u bot.service | grep -q ready");
        await _machine.UntilAsync($"[ $(sqlite3 {database} 'SELECT count(*) FROM starts' || echo 0) -gt 0 ]");
        int again = 0;
        for (int run = 0; run < 8; run++)
        {
            // Where in its transaction the writer is when it is frozen is a matter of luck.
            CliResult now = (await _machine.RunAsync("now")).ShouldExit(0);
            if (now.Error.Contains("once more", StringComparison.Ordinal)) again++;
            (await Cli.ShellAsync($"sqlite3 {Path.Combine(await RestoreAsync("bot"), "bot.db")} 'PRAGMA integrity_check'")).Output.Trim().Should().Be("ok");
        }
        TestContext.Current.SendDiagnosticMessage($"{again} of 8 runs met a locked database");
        again.Should().BePositive();
    }

    private async Task<string> RestoreAsync(string service)
    {
        string target = _machine.Below($"restored-{Guid.NewGuid():N}");
        (await _machine.RunAsync("restore", "latest", "--service", service, "--target", target)).ShouldExit(0);
        return target + _machine.Below($"data/{service}");
    }

    private static async Task<string> CountAsync(string database) => (await Cli.ShellAsync($"sqlite3 {database} 'SELECT count(*) FROM starts'")).ShouldExit(0).Output.Trim();

    private static Dictionary<string, string> Contents(string directory) =>
        Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).ToDictionary(file => Path.GetRelativePath(directory, file), File.ReadAllText);
}
