using System.Text.Json;
using BackupTool.EndToEnd.Support;
using BackupTool.Services.Quiescing;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd;

/// <summary>What <c>backup install</c> makes of a machine with a real systemd: units that run, also after a kill and a power cut, and that go without a trace.</summary>
public sealed class InstalledUnitsTests : IAsyncLifetime
{
    private const string Unit = "backup@nightly.service", Timer = "backup@nightly.timer", Directory = "/etc/systemd/system";

    private BotStack _stack = null!;

    public async ValueTask InitializeAsync() => _stack = await BotStack.StartAsync();

    public ValueTask DisposeAsync() => _stack.DisposeAsync();

    private StackMachine Machine => _stack.Machine;

    private Task<CliResult> InstallAsync(params string[] more) => Machine.RunAsync(["install", "--program", Machine.Binary, .. more]);

    /// <summary>A line or two of the operator's own.</summary>
    private async Task DropInAsync(string unit, string text)
    {
        await Machine.Systemd.ShellAsync($"mkdir -p '{Directory}/{unit}.d'");
        await File.WriteAllTextAsync(Machine.Systemd.Inside($"{Directory}/{unit}.d/test.conf"), text + "\n");
        await Machine.Systemd.ExecAsync("systemctl", "daemon-reload");
    }

    private async Task<string> UnitsAsync() => await Machine.Systemd.ShellAsync($"cd {Directory}; find . -name '*backup*' ! -path '*.d/*' ! -name '*.d' | sort");

    [Fact]
    public async Task The_units_run_a_backup_inside_their_hardening_and_their_timer_makes_up_for_a_missed_run()
    {
        CliResult install = (await InstallAsync("--yes")).ShouldExit(0);
        install.Output.Should().Contain($"+++ {Directory}/backup@.service").And.Contain("enabled backup-recover.service, backup-resume.service, backup@nightly.timer").And.Contain("schedules/nightly.toml");
        (await Machine.Systemd.ExecAsync("systemctl", "is-enabled", Timer, "backup-recover.service", "backup-resume.service")).Should().Be("enabled\nenabled\nenabled\n");
        (await Machine.Systemd.TryExecAsync("systemd-analyze", "verify", Timer, Unit, "backup-recover.service", "backup-resume.service", "backup-failure@x.service")).Error.Should().NotContain("backup");
        (await Machine.Systemd.ExecAsync("systemctl", "is-active", Timer)).Trim().Should().Be("active");
        int before = await SnapshotsAsync();

        await DropInAsync(Timer, "[Timer]\nRandomizedDelaySec=0");
        await Machine.Systemd.ShellAsync($"systemctl stop {Timer}; touch -d '3 days ago' /var/lib/systemd/timers/stamp-{Timer}; systemctl start {Timer}");
        await Machine.UntilAsync($"test \"$(systemctl show -P ExecMainExitTimestampMonotonic {Unit})\" != 0 && test \"$(systemctl show -P ActiveState {Unit})\" = inactive", 90);

        (await Machine.Systemd.ExecAsync("systemctl", "show", "-P", "Result", Unit)).Trim().Should().Be("success", await Machine.Systemd.ExecAsync("journalctl", "-u", Unit, "--no-pager"));
        (await SnapshotsAsync()).Should().Be(before + 1);
        (await Machine.Systemd.ExecAsync("journalctl", "-u", Unit, "--no-pager")).Should().NotContain("not permitted").And.NotContain("EPERM").And.Contain("nightly: backup done");
        await _stack.ShouldBeWellAsync();
    }

    [Fact]
    public async Task A_secret_that_systemd_hands_over_reaches_the_channel_and_stands_nowhere_else()
    {
        const string Secret = "the-secret-of-the-hook";
        await File.WriteAllTextAsync(Machine.Below("hook-token"), Secret + "\n", TestContext.Current.CancellationToken);
        await File.AppendAllTextAsync(Machine.ConfigFile, """

            [notify.hook]
            kind = "webhook"
            url = "http://127.0.0.1:9100/"
            token-credential = "hook-token"
            on = ["success", "warning", "failure"]
            """, TestContext.Current.CancellationToken);
        (await InstallAsync("--yes", "--credential", $"hook-token:{Machine.Below("hook-token")}")).ShouldExit(0).Output.Should().Contain("LoadCredential=hook-token:");
        string heard = Machine.Below("heard");
        await Machine.Systemd.ShellAsync($$"""systemd-run --unit=listener sh -c 'printf "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" | busybox nc -l -p 9100 > {{heard}}'""");
        await Machine.UntilAsync("ss -Hltn 'sport = 9100' | grep -q 9100");

        await Machine.Systemd.ExecAsync("systemctl", "start", Unit);

        (await File.ReadAllTextAsync(heard, TestContext.Current.CancellationToken)).Should().Contain($"Bearer {Secret}").And.Contain("nightly");
        (await Machine.Systemd.ExecAsync("journalctl", "--no-pager")).Should().NotContain(Secret);
        (await Machine.Systemd.ShellAsync($"cat {Directory}/backup*")).Should().NotContain(Secret);
    }

    [Fact]
    public async Task A_secret_that_is_not_there_fails_no_backup_and_a_configuration_with_errors_is_told_on_what_is_legible_of_it()
    {
        string told = Machine.Below("told");
        await File.AppendAllTextAsync(Machine.ConfigFile, $"""

            [notify.hook]
            kind = "webhook"
            url = "http://127.0.0.1:9/"
            token-credential = "hook-token"
            [notify.script]
            kind = "command"
            command = ["/bin/sh", "-c", "echo $BACKUP_TITLE >> {told}"]
            """, TestContext.Current.CancellationToken);
        (await InstallAsync("--yes", "--credential", "hook-token:/no/such/secret")).ShouldExit(0);
        int before = await SnapshotsAsync();

        await Machine.Systemd.ExecAsync("systemctl", "start", Unit);

        (await SnapshotsAsync()).Should().Be(before + 1);

        await File.AppendAllTextAsync(Machine.ConfigFile, "\n[servce.x]\n", TestContext.Current.CancellationToken);
        (await Machine.Systemd.TryExecAsync("systemctl", "start", Unit)).Status.Should().NotBe(0);
        await Machine.UntilAsync($"grep -q '{Unit} failed: exit-code' {told}");
    }

    private async Task<int> SnapshotsAsync() => JsonDocument.Parse((await Machine.RunAsync("list", "--json")).ShouldExit(0).Output).RootElement.GetProperty("snapshots").GetArrayLength();

    [Fact]
    public async Task A_run_that_is_killed_in_the_window_leaves_no_service_down()
    {
        (await InstallAsync("--yes")).ShouldExit(0);
        await DropInAsync(Unit, $"[Service]\nEnvironment=BACKUP_FAIL_POINT=window\nExecStopPost=\nExecStopPost=/usr/bin/env -u BACKUP_FAIL_POINT {Machine.Binary} recover --quiet");

        (await Machine.Systemd.TryExecAsync("systemctl", "start", Unit)).Status.Should().NotBe(0);

        (await Machine.Systemd.ExecAsync("systemctl", "show", "-P", "Result", Unit)).Trim().Should().Be("signal", await Machine.Systemd.ExecAsync("journalctl", "-u", Unit, "--no-pager"));
        await _stack.ShouldBeWellAsync();
        await Machine.UntilAsync($"journalctl -u 'backup-failure@{Unit}.service' --no-pager | grep -q '{Unit} failed: signal'");
    }

    [Fact]
    public async Task After_a_power_cut_in_the_window_or_in_an_exchange_all_is_of_one_state_and_up_when_the_machine_has_booted()
    {
        (await InstallAsync("--yes")).ShouldExit(0);
        await Machine.Systemd.ExecAsync("systemctl", "enable", "homeserver.service");   // not so the maubot: somebody had started it by hand
        foreach ((string point, string[] command) in new (string, string[])[]
        {
            ("window", ["now"]),
            (FailPoint.Exchanged, ["restore", "latest", "--in-place", "--no-safety"]),
            (FailPoint.HalfExchanged, ["restore", "latest", "--in-place", "--no-safety", "-s", "maubot", "--include", "bot.db"]),
            (FailPoint.Trying, ["restore", "latest", "--in-place", "--no-safety"]),
        })
        {
            await _stack.WithBotDownAsync(() => Sql.Make(_stack.Database, "CREATE TABLE IF NOT EXISTS marker(x); INSERT INTO marker VALUES (1)"));
            await _stack.ShouldBeWellAsync(point);
            (await Machine.RunWithAsync([$"BACKUP_FAIL_POINT={point}"], command)).ExitCode.Should().Be(137, point);

            await Machine.RebootAsync();
            await Machine.UntilAsync("systemctl is-active -q maubot.service && test \"$(systemctl show -P ActiveState backup-resume.service)\" = inactive", 120);

            await _stack.ShouldBeWellAsync(point);
            string journal = await Machine.Systemd.ExecAsync("journalctl", "--no-pager");
            (Sql.Ask(_stack.Database, "SELECT count(*) FROM sqlite_master WHERE name = 'marker'") is 1L).Should().Be(point != FailPoint.Trying, "{0}: {1}", point, journal);
            if (point is FailPoint.Exchanged or FailPoint.HalfExchanged)
            {
                int undone = journal.IndexOf("that was there before an interrupted restore is back", StringComparison.Ordinal), started = journal.IndexOf("Started homeserver.service", StringComparison.Ordinal);
                undone.Should().BePositive(journal).And.BeLessThan(started, journal);
                (await Machine.Systemd.ExecAsync("systemctl", "show", "-P", "NRestarts", "homeserver.service")).Trim().Should().Be("0");
            }
        }
    }

    [Fact]
    public async Task What_was_changed_by_hand_is_not_written_over_and_uninstall_takes_away_the_rest()
    {
        (await InstallAsync("--yes")).ShouldExit(0);
        (await InstallAsync("--yes")).ShouldExit(75).Output.Should().Contain("as it should be");
        await Machine.Systemd.ShellAsync($"echo '# mine' >> {Directory}/backup@.service");

        (await InstallAsync("--yes")).ShouldFail(2, "changed since");
        (await Machine.Systemd.ShellAsync($"tail -1 {Directory}/backup@.service")).Trim().Should().Be("# mine");
        (await InstallAsync("--force")).ShouldExit(0).Output.Should().Contain("-# mine");
        (await InstallAsync()).ShouldExit(75);

        (await InstallAsync("--agent", "--dry-run")).ShouldExit(0).Output.Should().Contain("would remove").And.Contain("would disable and stop backup@nightly.timer");
        (await Machine.Systemd.ExecAsync("systemctl", "is-active", Timer)).Trim().Should().Be("active", "nothing was done");
        await Machine.Systemd.ShellAsync($"echo '# mine' >> {Directory}/backup-failure@.service");
        (await Machine.RunAsync("uninstall", "--yes")).ShouldExit(3).Error.Should().Contain("backup-failure@.service");

        (await UnitsAsync()).Trim().Should().Be("./backup-failure@.service");
        (await Machine.Systemd.ShellAsync($"ls /var/lib/systemd/timers; systemctl list-timers --all --no-legend 'backup*'")).Trim().Should().BeEmpty();
        File.Exists(Machine.ConfigFile).Should().BeTrue();
        (await Machine.RunAsync("uninstall", "--yes")).ShouldExit(75);
    }

    [Fact]
    public async Task When_systemd_refuses_nothing_is_installed()
    {
        string before = await UnitsAsync();
        await Machine.Systemd.ShellAsync($"mkdir -p /etc/systemd/system.attached/{Timer} /run/systemd/system; ln -s /dev/null /run/systemd/system/{Timer}; mkdir /etc/systemd/system/timers.target.wants; : > /etc/systemd/system/timers.target.wants/{Timer}; chattr +i /etc/systemd/system/timers.target.wants 2>/dev/null || mount -t tmpfs -o ro none /etc/systemd/system/timers.target.wants");

        CliResult install = await InstallAsync("--yes");

        install.ExitCode.Should().Be(1, install.Output + install.Error);
        install.Error.Should().Contain("cannot be enabled");
        (await Machine.Systemd.ShellAsync($"ls {Directory} | grep backup || true")).Trim().Should().BeEmpty();
        File.Exists(Path.Combine(Machine.State, "installed.json")).Should().BeFalse();
        before.Trim().Should().BeEmpty();
    }
}
