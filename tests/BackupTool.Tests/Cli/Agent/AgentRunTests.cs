using System.Text;
using System.Text.Json;
using BackupTool.Cli.Agent;
using BackupTool.Cli.Output;
using BackupTool.Operations;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Status;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Cli.Agent;

/// <summary>The agent from its start to its end, with runs that only pretend.</summary>
public sealed class AgentRunTests : IAsyncDisposable
{
    private const string EverySecond = "* * * * * *", NeverMind = "0 0 1 1 *";
    private readonly AgentRig _agent = new();

    public ValueTask DisposeAsync() => _agent.DisposeAsync();

    [Fact]
    public async Task It_recovers_first_says_that_it_is_ready_and_then_runs_what_is_due()
    {
        _agent.Launcher.Recovery = null;
        _agent.Schedules = [Nights.Schedule("nightly", EverySecond).Settings];
        _agent.Start();
        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 1, "it recovers");
        _agent.Notifier.Said.Should().Equal($"STATUS={StatusLine.Recovering}");
        (await _agent.StatusAsync()).GetProperty("recovery").ValueKind.Should().Be(JsonValueKind.Null);
        _agent.Launcher.Runs[0].End(0);

        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 2, "it runs");
        _agent.Launcher.Runs.Select(static run => run.Command).Should().Equal("recover", "run nightly");
        _agent.Notifier.Said.Should().Contain("READY=1").And.Contain("WATCHDOG=1");
        await _agent.UntilAsync(() => _agent.Notifier.Said.Any(static said => said.StartsWith("STATUS=running nightly since", StringComparison.Ordinal)), "it says so");
        JsonElement status = await _agent.StatusAsync();
        status.GetProperty("running").GetProperty("schedule").GetString().Should().Be("nightly");
        status.GetProperty("schedules")[0].GetProperty("outcome").GetString().Should().Be("running");
    }

    [Fact]
    public async Task A_run_is_not_started_beside_itself_and_how_it_ended_is_told()
    {
        _agent.Schedules = [Nights.Schedule("nightly", EverySecond).Settings];
        _agent.Start();
        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 2, "it runs");
        await Task.Delay(2500, Test.Token);
        _agent.Launcher.Runs.Should().HaveCount(2, "it runs still");
        _agent.Launcher.Runs[1].End(20);
        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 3, "the one that waited begins");
        _agent.Said.Should().Contain("nightly ended after").And.Contain("exit code 20 (a service is not healthy)");
        _agent.Schedules = [];
        _agent.Signal(AgentSignal.Reload);
        await _agent.UntilAsync(() => _agent.Said.Contains("schedules: none", StringComparison.Ordinal), "it has loaded");
        _agent.Launcher.Runs[2].Terminations.Should().Be(0, "what runs is not disturbed");
    }

    [Fact]
    public async Task A_run_that_failed_makes_it_unhealthy_until_the_next_one_is_well()
    {
        _agent.Schedules = [Nights.Schedule("nightly", EverySecond).Settings];
        _agent.Start();
        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 2, "it runs");
        (await _agent.GetAsync("/health")).Code.Should().Be(200);
        _agent.Launcher.Runs[1].End(1);
        await _agent.UntilAsync(() => _agent.Said.Contains("exit code 1", StringComparison.Ordinal), "it ended");
        // The next one may have begun by now, and a run under way is no verdict.
        File.ReadAllText(Path.Combine(_agent.State, "agent.json")).Should().Contain("nightly");
        _agent.Schedules = [Nights.Schedule("nightly", NeverMind).Settings];
        _agent.Signal(AgentSignal.Reload);
        await _agent.UntilAsync(() => _agent.Said.Contains("again; schedules: nightly", StringComparison.Ordinal), "it has loaded");
        if (_agent.Launcher.Runs.Count > 2) _agent.Launcher.Runs[2].End(1);
        await UntilHealthIsAsync(503);
        (await _agent.GetAsync("/health")).Body.Should().Contain("nightly: the run of");
        (await _agent.GetAsync("/metrics")).Body.Should().Contain("backup_agent_healthy 0").And.Contain("backup_agent_schedule_last_exit_code{schedule=\"nightly\"} 1").And.Contain("last_run_ok{schedule=\"nightly\"} 0");
    }

    [Fact]
    public async Task A_bad_configuration_is_refused_with_its_place_and_the_old_one_goes_on()
    {
        _agent.Schedules = [Nights.Schedule("nightly", EverySecond).Settings];
        _agent.Start();
        await _agent.UntilReadyAsync();
        _agent.Configure("lisen = \"127.0.0.1:1\"");
        _agent.Signal(AgentSignal.Reload);
        await _agent.UntilAsync(() => _agent.Said.Contains("configuration: refused", StringComparison.Ordinal), "it is refused");
        _agent.Said.Should().Contain("backup.toml:7:1: unknown key `lisen`");
        await _agent.UntilAsync(() => _agent.Notifier.Said.Any(static said => said.Contains("configuration: refused", StringComparison.Ordinal)), "the service manager knows");
        string[] reload = [.. _agent.Notifier.Said.Where(static said => said.StartsWith("RELOADING=1\nMONOTONIC_USEC=", StringComparison.Ordinal) || said == "READY=1")];
        reload.Should().HaveCount(3).And.HaveElementAt(2, "READY=1");
        JsonElement configuration = (await _agent.StatusAsync()).GetProperty("configuration");
        configuration.GetProperty("state").GetString().Should().Be("refused");
        configuration.GetProperty("problem").GetString().Should().Contain("lisen");

        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count > 1, "it goes on");
        _agent.Launcher.Runs[^1].End(0);
        int runs = _agent.Launcher.Runs.Count;
        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count > runs, "and on");
        _agent.Launcher.Runs[^1].Configuration.Should().NotContain("lisen", "a run goes by what the agent goes by").And.Contain("[agent]");

        _agent.Configure("");
        _agent.Signal(AgentSignal.Reload);
        await _agent.UntilAsync(() => _agent.Said.Contains("again; schedules: nightly", StringComparison.Ordinal), "a good one is loaded");
        await UntilConfigurationIsAsync("loaded");
    }

    [Fact]
    public async Task A_schedule_or_channel_with_an_error_at_the_start_is_told_and_keeps_no_other_from_running()
    {
        _agent.ReadsSchedules = true;
        _agent.Configure("[notify.phone]\nkind = \"ntfi\"");
        File.WriteAllText(_agent.ScheduleFile("nightly"), $"cron = \"{EverySecond}\"\nrun = [\"verify\"]\n");
        File.WriteAllText(_agent.ScheduleFile("weekly"), "cron = \"61 * * * *\"\nrun = [\"verify\"]\n");
        _agent.Start();

        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 2, "the other one runs");

        _agent.Launcher.Runs[1].Command.Should().Be("run nightly");
        _agent.ToldLeftOut.Should().HaveCount(2).And.Contain(told => told.Contains("weekly.toml:1:8", StringComparison.Ordinal)).And.Contain(told => told.Contains("ntfi", StringComparison.Ordinal));
        (int code, string body) = await _agent.GetAsync("/health");
        code.Should().Be(503);
        body.Should().Contain("left out until it is right: ").And.Contain("weekly.toml:1:8");
        _agent.Notifier.Said.Should().Contain(static said => said.Contains("left out: ", StringComparison.Ordinal)).And.NotContain(static said => said.Contains("refused", StringComparison.Ordinal), "there is no older one");
    }

    [Fact]
    public async Task A_storm_of_signals_to_reload_is_one_reload()
    {
        for (int i = 0; i < 500; i++) _agent.Signal(AgentSignal.Reload);
        _agent.Start();
        await _agent.UntilAsync(() => _agent.Said.Contains("again; schedules: none", StringComparison.Ordinal), "it has loaded");
        _agent.Signal(AgentSignal.Stop);
        (await _agent.Ended).Should().Be(ExitCode.Done);
        _agent.Notifier.Said.Count(static said => said.StartsWith("RELOADING", StringComparison.Ordinal)).Should().BeLessThanOrEqualTo(2);
    }

    [Fact]
    public async Task A_configuration_with_another_state_directory_is_refused()
    {
        _agent.Start();
        await _agent.UntilReadyAsync();
        File.WriteAllText(_agent.ConfigFile, File.ReadAllText(_agent.ConfigFile).Replace("/state\"", "/elsewhere\"", StringComparison.Ordinal));
        _agent.Signal(AgentSignal.Reload);
        await _agent.UntilAsync(() => _agent.Said.Contains("Restart the agent", StringComparison.Ordinal), "it is refused");
    }

    [Fact]
    public async Task Another_address_is_listened_on_from_a_reload_on()
    {
        _agent.Start();
        await _agent.UntilReadyAsync();
        int port = FakeHttpServer.FindFreePort();
        _agent.Configure($"listen = \"127.0.0.1:{port}\"");
        _agent.Signal(AgentSignal.Reload);
        await _agent.UntilAsync(() => _agent.Said.Contains("again; schedules: none", StringComparison.Ordinal), "it is loaded");
        using var client = new HttpClient();
        (await client.GetStringAsync(new Uri($"http://127.0.0.1:{port}/health"), Test.Token)).Should().Contain("\"healthy\": true");
        (await _agent.GetAsync("/health")).Code.Should().Be(200);
        await using FakeHttpServer other = FakeHttpServer.Start(static _ => Task.FromResult(FakeHttpAnswer.Json(200, "{}")));
        _agent.Configure($"listen = \"127.0.0.1:{other.Port}\"");
        _agent.Signal(AgentSignal.Reload);
        await _agent.UntilAsync(() => _agent.Said.Contains("cannot listen", StringComparison.Ordinal), "it is refused");
        (await client.GetStringAsync(new Uri($"http://127.0.0.1:{port}/health"), Test.Token)).Should().Contain("\"healthy\": true", "the old one goes on");
    }

    [Theory]
    [InlineData(AgentSignal.Stop, ExitCode.Done)]
    [InlineData(AgentSignal.Cancel, ExitCode.Cancelled)]
    public async Task Told_to_end_it_hands_that_on_to_the_run_and_waits_for_it(object signal, object code)
    {
        _agent.Schedules = [Nights.Schedule("nightly", EverySecond).Settings];
        _agent.Start();
        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 2, "it runs");
        _agent.Signal((AgentSignal)signal);
        await _agent.UntilAsync(() => _agent.Launcher.Runs[1].Terminations == 1, "it is told");
        _agent.Notifier.Said.Should().Contain("STOPPING=1");
        await Task.Delay(300, Test.Token);
        _agent.Ended.IsCompleted.Should().BeFalse("services are being brought back");
        (await _agent.StatusAsync()).GetProperty("ending").GetBoolean().Should().BeTrue();
        _agent.Launcher.Runs[1].End(130);
        (await _agent.Ended.WaitAsync(TimeSpan.FromMinutes(1), Test.Token)).Should().Be((ExitCode)code);
        _agent.Launcher.Runs.Should().HaveCount(2, "nothing else begins");
        File.Exists(_agent.Socket).Should().BeFalse();
    }

    [Fact]
    public async Task Told_to_end_while_it_recovers_it_waits_for_that_and_never_says_that_it_is_ready()
    {
        _agent.Launcher.Recovery = null;
        _agent.Start();
        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 1, "it recovers");
        _agent.Signal(AgentSignal.Stop);
        await _agent.UntilAsync(() => _agent.Launcher.Runs[0].Terminations == 1, "it is told");
        _agent.Launcher.Runs[0].End(130);
        (await _agent.Ended.WaitAsync(TimeSpan.FromMinutes(1), Test.Token)).Should().Be(ExitCode.Done);
        _agent.Notifier.Said.Should().NotContain("READY=1");
    }

    [Fact]
    public async Task A_recovery_that_did_not_bring_all_back_is_told_and_keeps_nothing_from_being_backed_up()
    {
        _agent.Launcher.Recovery = 20;
        _agent.Schedules = [Nights.Schedule("nightly", EverySecond).Settings];
        _agent.Start();
        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 2, "it runs");
        _agent.Said.Should().Contain("the recovery at the start ended with exit code 20");
        (await _agent.GetAsync("/health")).Code.Should().Be(503);
    }

    [Fact]
    public async Task Without_a_configuration_to_go_by_it_recovers_and_ends()
    {
        File.WriteAllText(_agent.ConfigFile, "[repository]\n");
        _agent.Start();
        await FluentActions.Awaiting(() => _agent.Ended.WaitAsync(TimeSpan.FromMinutes(1), Test.Token)).Should().ThrowAsync<ConfigurationException>();
        _agent.Launcher.Runs.Select(static run => run.Command).Should().Equal("recover");
    }

    [Fact]
    public async Task Signs_of_life_come_as_often_as_they_are_wanted_also_while_a_run_goes_on()
    {
        _agent.Schedules = [Nights.Schedule("nightly", EverySecond).Settings];
        _agent.Start(TimeSpan.FromMilliseconds(100));
        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 2, "it runs");
        int before = _agent.Notifier.Said.Count(static said => said == "WATCHDOG=1");
        await _agent.UntilAsync(() => _agent.Notifier.Said.Count(static said => said == "WATCHDOG=1") > before + 10, "it lives");
        _agent.Signal(AgentSignal.Stop);
        await _agent.UntilAsync(() => _agent.Launcher.Runs[1].Terminations == 1, "it is told to end");
        before = _agent.Notifier.Said.Count(static said => said == "WATCHDOG=1");
        await _agent.UntilAsync(() => _agent.Notifier.Said.Count(static said => said == "WATCHDOG=1") > before + 3, "it lives as long as it waits");
    }

    [Fact]
    public async Task The_socket_of_a_killed_agent_is_replaced_and_what_is_none_is_not()
    {
        using (var dead = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified))
        {
            dead.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(_agent.Socket));
            File.Move(_agent.Socket, _agent.Socket + ".kept");   // closing it would remove it
        }
        File.Move(_agent.Socket + ".kept", _agent.Socket);
        _agent.Start();
        await _agent.UntilReadyAsync();
        (await _agent.GetAsync("/health")).Code.Should().Be(200);
        File.GetUnixFileMode(_agent.Socket).Should().Be((UnixFileMode)0b110_110_000);

        await using var other = new AgentRig();
        File.WriteAllText(other.Socket, "precious");
        other.Start();
        (await FluentActions.Awaiting(() => other.Ended.WaitAsync(TimeSpan.FromMinutes(1), Test.Token)).Should().ThrowAsync<OperationException>()).WithMessage("*not a socket*");
        File.ReadAllText(other.Socket).Should().Be("precious");
    }

    [Fact]
    public async Task A_socket_on_which_somebody_listens_is_left_to_him()
    {
        using var living = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        living.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(_agent.Socket));
        living.Listen();
        _agent.Start();
        (await FluentActions.Awaiting(() => _agent.Ended.WaitAsync(TimeSpan.FromMinutes(1), Test.Token)).Should().ThrowAsync<OperationException>()).WithMessage("*listens on*already*");
    }

    [Fact]
    public async Task What_an_agent_has_settled_the_next_one_does_not_run_again()
    {
        _agent.Schedules = [Nights.Schedule("nightly", "0 0 1 1 *").Settings];
        Directory.CreateDirectory(_agent.State);
        string times = Nights.Schedule("nightly", "0 0 1 1 *").TimesKey;
        File.WriteAllText(Path.Combine(_agent.State, "agent.json"), $"{{\"version\":1,\"schedules\":{{\"nightly\":{{\"lastSlot\":\"2020-01-01T00:00:00+00:00\",\"times\":\"{times}\"}}}}}}");
        _agent.Start();
        await _agent.UntilAsync(() => _agent.Launcher.Runs.Count == 2, "years were missed");
        _agent.Said.Should().Contain("nightly missed").And.Contain("is caught up");
        _agent.Launcher.Runs[1].End(0);
        await _agent.UntilAsync(() => _agent.Said.Contains("exit code 0", StringComparison.Ordinal), "it has ended");
        _agent.Signal(AgentSignal.Stop);
        await _agent.Ended.WaitAsync(TimeSpan.FromMinutes(1), Test.Token);
        _agent.Start();
        await _agent.UntilAsync(() => _agent.Notifier.Said.Count(static said => said == "READY=1") == 2, "another one");
        await Task.Delay(500, Test.Token);
        _agent.Launcher.Runs.Select(static run => run.Command).Should().Equal("recover", "run nightly", "recover");
        (await _agent.StatusAsync()).GetProperty("schedules")[0].GetProperty("lastRun").GetProperty("exitCode").GetInt32().Should().Be(0);
    }

    [Fact]
    public async Task Other_paths_and_other_methods_are_refused()
    {
        _agent.Schedules = [Nights.Schedule("nightly", NeverMind).Settings];
        _agent.Start();
        await _agent.UntilReadyAsync();
        File.ReadAllText(Path.Combine(_agent.State, "agent.json")).Should().Contain("nightly", "from now on it can be missed");
        foreach (string path in (string[])["/", "/health/", "/Health", "/status", "/metrics/x", "/../etc/passwd"]) (await _agent.GetAsync(path)).Code.Should().Be(404, path);
        StatusPages pages = PagesOf(new AgentBoard(TimeProvider.System, TimeSpan.FromMinutes(1)));
        (await pages.AnswerAsync("POST", "/health", Test.Token)).Code.Should().Be(405);
        (await pages.AnswerAsync("HEAD", "/metrics", Test.Token)).Code.Should().Be(405);
        (await pages.AnswerAsync("GET", "/metrics", Test.Token)).Code.Should().Be(503, "it has not begun");
    }

    [Fact]
    public async Task How_the_backups_are_is_part_of_what_it_says_and_a_service_without_a_good_snapshot_is_unhealthy()
    {
        _agent.Start();
        await _agent.UntilReadyAsync();
        JsonElement status = JsonDocument.Parse((await _agent.GetAsync("/status.json")).Body).RootElement;
        status.GetProperty("services")[0].GetProperty("state").GetString().Should().Be("good");
        status.GetProperty("agent").GetProperty("healthy").GetBoolean().Should().BeTrue();
        (await _agent.GetAsync("/metrics")).Body.Should().Contain("backup_stale{service=\"site\"} 0").And.Contain("backup_agent_healthy 1");
        _agent.Status = AgentRig.StatusOf(BackupState.Never);
        _agent.Signal(AgentSignal.Reload);
        await UntilHealthIsAsync(503);
        (await _agent.GetAsync("/health")).Body.Should().Contain("site has no good snapshot");
    }

    [Fact]
    public async Task A_repository_that_does_not_answer_does_not_silence_the_agent()
    {
        var time = new ManualTime();
        var board = new AgentBoard(time, TimeSpan.FromSeconds(90));
        board.Show(new AgentView { Began = time.GetUtcNow(), Recovery = 0, Configuration = new ConfigurationView("/b.toml", time.GetUtcNow()) });
        var pages = new StatusPages(board, new BackupStatus(static cancellation => Task.Delay(Timeout.Infinite, cancellation).ContinueWith(static _ => AgentRig.StatusOf(BackupState.Good), TaskScheduler.Default), time));
        Task<StatusPage> health = pages.AnswerAsync("GET", "/health", Test.Token), status = pages.AnswerAsync("GET", "/status.json", Test.Token);
        time.Advance(11);
        (await health).Code.Should().Be(503);
        Encoding.UTF8.GetString((await health).Body).Should().Contain("does not answer");
        Encoding.UTF8.GetString((await status).Body).Should().Contain("\"agent\"");
    }

    private static StatusPages PagesOf(AgentBoard board) => new(board, new BackupStatus(static _ => Task.FromResult(AgentRig.StatusOf(BackupState.Good)), TimeProvider.System));

    [Fact]
    public async Task A_loop_that_does_not_go_round_any_more_is_unhealthy()
    {
        var time = new ManualTime();
        var board = new AgentBoard(time, TimeSpan.FromSeconds(90));
        board.Show(new AgentView { Began = time.GetUtcNow(), Recovery = 0, Configuration = new ConfigurationView("/b.toml", time.GetUtcNow()) });
        StatusPages pages = PagesOf(board);
        time.Advance(89);
        (await pages.AnswerAsync("GET", "/health", Test.Token)).Code.Should().Be(200);
        time.Advance(2);
        (await pages.AnswerAsync("GET", "/health", Test.Token)).Code.Should().Be(503);
        board.Beat();
        (await pages.AnswerAsync("GET", "/health", Test.Token)).Code.Should().Be(200);
    }

    private async Task UntilHealthIsAsync(int code)
    {
        int found = 0;
        for (int i = 0; i < 1000 && found != code; i++)
        {
            found = (await _agent.GetAsync("/health")).Code;
            await Task.Delay(20, Test.Token);
        }
        found.Should().Be(code);
    }

    /// <summary>What is said of a reload is said before it can be seen.</summary>
    private async Task UntilConfigurationIsAsync(string state)
    {
        string? found = null;
        for (int i = 0; i < 1000 && found != state; i++)
        {
            found = (await _agent.StatusAsync()).GetProperty("configuration").GetProperty("state").GetString();
            await Task.Delay(20, Test.Token);
        }
        found.Should().Be(state);
    }
}
