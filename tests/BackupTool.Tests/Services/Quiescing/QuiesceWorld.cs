using BackupTool.Services.Health;
using BackupTool.Services.Quiescing;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Quiescing;

/// <summary>A simulated machine with services of ours, a state directory, and the processes that stop and start them.</summary>
internal sealed class QuiesceWorld : IDisposable
{
    private readonly TemporaryDirectory _state = TemporaryDirectory.InMemory();

    internal QuiesceWorld()
    {
        Systemd = new SimulatedSystemd(Time);
        Client = new SimulatedClient(Systemd, Time);
        Journal = new RestartJournal(_state.Path);
    }

    internal VirtualTime Time { get; } = new();
    internal SimulatedSystemd Systemd { get; }
    internal SimulatedClient Client { get; set; }
    internal RestartJournal Journal { get; private set; }
    internal List<QuiesceTarget> Targets { get; } = [];
    internal List<string> Told { get; } = [];
    internal string StateDirectory => _state.Text;
    internal string JournalText => File.ReadAllText(_state.Below("restarts.json"));
    internal SimulatedUnit this[string unit] => Systemd[unit];

    public void Dispose()
    {
        Journal.Held?.Dispose();
        _state.Dispose();
    }

    /// <summary>The stack this tool exists for: maubot and a bridge need the homeserver.</summary>
    internal static QuiesceWorld Stack(QuiesceMode mode = QuiesceMode.Stop)
    {
        var world = new QuiesceWorld();
        world.Add("homeserver", new SimulatedUnit("continuwuity.service"), mode);
        world.Add("slack", new SimulatedUnit("slack.service"), mode, "homeserver");
        world.Add("maubot", new SimulatedUnit("maubot.service"), mode, "homeserver");
        return world;
    }

    internal void Add(string name, SimulatedUnit unit, QuiesceMode mode, params string[] after)
    {
        if (!Systemd.Units.ContainsKey(unit.Name)) Systemd.Add(unit);
        string unitName = unit.Name;
        Targets.Add(new QuiesceTarget { Name = name, Unit = unitName, Mode = mode, After = after, Health = new Late(() => Client.CheckOf(unitName)), WasHealthy = Systemd[unitName].IsActive });
    }

    internal void Change(string name, Func<QuiesceTarget, QuiesceTarget> change)
    {
        int at = Targets.FindIndex(target => target.Name == name);
        Targets[at] = change(Targets[at]);
    }

    internal QuiescePlan Plan() => Now(() => QuiescePlan.MakeAsync(Targets, new SimulatedClient(Systemd, Time), Test.Token));

    internal T Now<T>(Func<Task<T>> act)
    {
        T? result = default;
        Time.Run(async () => result = await act());
        return result!;
    }

    internal Task<QuiescedServices> EnterAsync(CancellationToken cancellationToken = default) => EnterAsync(Plan(), cancellationToken);

    internal Task<QuiescedServices> EnterAsync(QuiescePlan plan, CancellationToken cancellationToken = default) =>
        QuiescedServices.EnterAsync(plan, Client, Journal, Time, Told.Add, cancellationToken);

    /// <summary>A whole window.</summary>
    internal QuiesceOutcome Run(Func<QuiescedServices, Task>? window = null, Func<string, ValueTask>? releasePins = null)
    {
        QuiescePlan plan = Plan();
        plan.Problems.Should().BeEmpty();
        return Now(async () =>
        {
            QuiescedServices services = await EnterAsync(plan);
            Systemd.Log.Add("window");
            if (window is not null) await window(services);
            return await services.ResumeAsync(releasePins);
        });
    }

    /// <summary>The process ends at a call of its own, and the kernel lets go of its lock.</summary>
    internal void KillAt(int call, Func<Task>? act = null)
    {
        QuiescePlan plan = Plan();
        Client = new SimulatedClient(Systemd, Time) { KilledAt = call };
        Time.Run(act ?? (async () => await (await EnterAsync(plan)).ResumeAsync()), () => Client.IsKilled);
        Journal.Held?.Dispose();
        Journal = new RestartJournal(_state.Path);
    }

    /// <summary>Kills while nothing is being called: in the window.</summary>
    internal void KillInWindow()
    {
        QuiescePlan plan = Plan();
        Time.Run(async () =>
        {
            await EnterAsync(plan);
            await Task.Delay(TimeSpan.FromMilliseconds(1), Time);
        });
        Journal.Held!.Dispose();
        Journal = new RestartJournal(_state.Path);
    }

    internal RecoveryReport Recover(int killedAt = 0)
    {
        RecoveryReport? report = null;
        // A process that is killed takes its threads along. One that only counts as killed may still have one at the journal, and its lock, for a moment.
        for (int attempt = 0; attempt == 0 || (report?.Status == RecoveryStatus.HeldByLivingRun && attempt < 500); attempt++)
        {
            if (attempt > 0) Thread.Sleep(10);
            Client = new SimulatedClient(Systemd, Time) { KilledAt = killedAt };
            Time.Run(async () => report = await Recovery.RunAsync(Journal, Client, (_, unit) => Client.CheckOf(unit), Time, Told.Add, Test.Token), () => Client.IsKilled);
        }
        Journal.Held?.Dispose();
        Journal = new RestartJournal(_state.Path);
        return report!;
    }

    private sealed class Late(Func<IHealthCheck> check) : IHealthCheck
    {
        public Task<HealthAnswer> AskAsync(CancellationToken cancellationToken) => check().AskAsync(cancellationToken);
    }
}
