using System.Net.Sockets;
using System.Text.Json;
using BackupTool.Cli.Agent;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Status;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;
using Microsoft.Extensions.Hosting.Systemd;

namespace BackupTool.Tests.Cli.Agent;

/// <summary>An agent in this process: real configuration files, a real socket, a real clock; what it starts only pretends to run.</summary>
internal sealed class AgentRig : IAsyncDisposable
{
    private readonly TemporaryDirectory _there = new();
    private readonly RecordedTerminal _terminal = new();
    private readonly AgentSignals _signals = new();
    private Task<ExitCode>? _running;

    internal AgentRig()
    {
        Directory.CreateDirectory(_there.Below("schedules"));
        Configure("");
    }

    internal string Socket => _there.Below("agent.sock");

    internal string ConfigFile => _there.Below("backup.toml");

    internal string State => _there.Below("state");

    internal FakeLauncher Launcher { get; } = new();

    internal FakeNotifier Notifier { get; } = new();

    /// <summary>The schedules that the next reading of the configuration finds.</summary>
    internal IReadOnlyList<ScheduleSettings> Schedules { get; set; } = [];

    /// <summary>Whether the start finds those on the disk instead.</summary>
    internal bool ReadsSchedules { get; set; }

    /// <summary>What people were told that the agent has begun without.</summary>
    internal string[] ToldLeftOut { get; private set; } = [];

    internal string ScheduleFile(string name) => _there.Below($"schedules/{name}.toml");

    /// <summary>How the backups are.</summary>
    internal StatusReport Status { get; set; } = StatusOf(BackupState.Good);

    internal static StatusReport StatusOf(BackupState state) => new()
    {
        Time = DateTimeOffset.UnixEpoch,
        Host = "host",
        Repository = "/repository",
        Services = [new ServiceStatus { Name = "site", State = state }],
        Schedules = [],
        Runs = [],
        Notices = [],
    };

    /// <summary>What was said on standard error.</summary>
    internal string Said => _terminal.Error;

    internal void Configure(string more) => File.WriteAllText(ConfigFile, $"[repository]\npath = \"{_there.Below("repository")}\"\n[state]\npath = \"{State}\"\n[agent]\nsocket = \"{Socket}\"\n{more}\n");

    internal AgentRig Start(TimeSpan? aliveInterval = null)
    {
        var world = new AgentWorld
        {
            Time = TimeProvider.System,
            Terminal = _terminal.Terminal,
            Notices = new ServiceNotices(Notifier, TimeProvider.System, _terminal.Terminal.Warn),
            AliveInterval = aliveInterval,
            Signals = _signals.Reader,
            Launcher = Launcher,
            ConfigFile = BytePath.From(ConfigFile),
            ReadConfiguration = () => ConfigurationReader.Read(BytePath.From(ConfigFile), null) with { Schedules = Schedules },
            ReadConfigurationAtStart = ReadAtStart,
            TellLeftOut = (configuration, _) =>
            {
                ToldLeftOut = [.. configuration.LesserProblems.Select(static problem => problem.ToString())];
                return Task.FromResult<IReadOnlyList<string>>([]);
            },
            ReadStatus = (_, _) => Task.FromResult(Status),
            HostId = "host",
        };
        _running = Task.Run(() => new AgentRun(world).RunAsync());
        return this;
    }

    private BackupConfiguration ReadAtStart()
    {
        BackupConfiguration read = ConfigurationReader.ReadDespiteSchedules(BytePath.From(ConfigFile), null);
        return ReadsSchedules ? read : read with { Schedules = Schedules };
    }

    internal void Signal(AgentSignal signal) => _signals.Send(signal);

    /// <summary>Its exit code, when it ends.</summary>
    internal Task<ExitCode> Ended => _running!;

    /// <summary>Asks it.</summary>
    internal async Task<(int Code, string Body)> GetAsync(string path)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Socket), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        using HttpResponseMessage answer = await client.GetAsync(new Uri($"http://agent{path}"), Test.Token);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Test.Token));
    }

    internal async Task<JsonElement> StatusAsync() => JsonDocument.Parse((await GetAsync("/status.json")).Body).RootElement.GetProperty("agent");

    /// <summary>Waits for something, a minute at most.</summary>
    internal async Task UntilAsync(Func<bool> condition, string what)
    {
        for (int i = 0; i < 3000 && !condition(); i++)
        {
            if (_running is { IsFaulted: true }) await _running;
            await Task.Delay(20, Test.Token);
        }
        condition().Should().BeTrue("{0}; it said: {1}", what, Said);
    }

    internal Task UntilReadyAsync() => UntilAsync(() => Notifier.Said.Contains("READY=1"), "it is ready");

    public async ValueTask DisposeAsync()
    {
        Launcher.EndAll();
        _signals.Send(AgentSignal.Stop);
        if (_running is not null) await Task.WhenAny(_running, Task.Delay(TimeSpan.FromSeconds(30)));
        _signals.Dispose();
        _terminal.Dispose();
        _there.Dispose();
    }

    internal sealed class FakeNotifier : ISystemdNotifier
    {
        private readonly List<string> _said = [];

        public bool IsEnabled => true;

        internal IReadOnlyList<string> Said
        {
            get
            {
                lock (_said) return [.. _said];
            }
        }

        public void Notify(Microsoft.Extensions.Hosting.Systemd.ServiceState state)
        {
            lock (_said) _said.Add(state.ToString());
        }
    }
}

/// <summary>Starts nothing, and says what was to be started.</summary>
internal sealed class FakeLauncher : IRunLauncher
{
    private readonly List<FakeRun> _runs = [];

    /// <summary>The exit code of <c>recover</c>; null: it goes on until it is ended.</summary>
    internal int? Recovery { get; set; } = 0;

    internal IReadOnlyList<FakeRun> Runs
    {
        get
        {
            lock (_runs) return [.. _runs];
        }
    }

    public IChildRun Start(BytePath configuration, params IReadOnlyList<string> command)
    {
        var run = new FakeRun(string.Join(' ', command), File.Exists(configuration.ToString()) ? File.ReadAllText(configuration.ToString()) : "");
        lock (_runs) _runs.Add(run);
        if (run.Command == "recover" && Recovery is { } code) run.End(code);
        return run;
    }

    internal void EndAll()
    {
        foreach (FakeRun run in Runs) run.End(0);
    }
}

/// <summary>A run that ends when the test says so.</summary>
internal sealed class FakeRun(string command, string configuration) : IChildRun
{
    private readonly TaskCompletionSource<int> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _terminations;

    internal string Command => command;

    /// <summary>What was in the configuration file that it was given.</summary>
    internal string Configuration => configuration;

    internal int Terminations => Volatile.Read(ref _terminations);

    public int ProcessId => 4242;

    public Task<int> Ended => _ended.Task;

    public void Terminate() => Interlocked.Increment(ref _terminations);

    internal void End(int code) => _ended.TrySetResult(code);

    public void Dispose()
    {
    }
}
