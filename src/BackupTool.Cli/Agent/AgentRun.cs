using BackupTool.Cli.Output;
using BackupTool.Operations;
using BackupTool.Operations.Configuration;

namespace BackupTool.Cli.Agent;

/// <summary>The agent from its start to its end.</summary>
/// <param name="world">What it stands on.</param>
internal sealed class AgentRun(AgentWorld world)
{
    /// <summary>A loop that does not go round for so long is stuck: it should every 30 seconds.</summary>
    private static readonly TimeSpan StuckAfter = 3 * AgentLoop.LongestSleep;
    private static readonly TimeSpan LongestTelling = TimeSpan.FromSeconds(5);
    private AgentSignal? _ending;
    private bool _isToReload;

    /// <summary>Loads the configuration, brings back what an earlier run has stopped, and then does what the schedules say, until it is told to end.</summary>
    /// <exception cref="ConfigurationException">There is no configuration to go by. What was owed is paid all the same.</exception>
    /// <exception cref="AgentRunsAlreadyException">There is another agent.</exception>
    /// <exception cref="OperationException">It cannot listen where it is to.</exception>
    internal async Task<ExitCode> RunAsync()
    {
        BackupConfiguration configuration;
        LoadedFiles files;
        try
        {
            (configuration, files) = AgentConfiguration.Read(world, world.ReadConfigurationAtStart);
        }
        catch (ConfigurationException)
        {
            await RecoverAsync();
            throw;
        }
        using AgentStateFile file = AgentStateFile.Hold(configuration.State.Path);
        var board = new AgentBoard(world.Time, StuckAfter);
        AgentConfiguration? inForce = null;
        var backups = new BackupStatus(cancellation => world.ReadStatus(inForce?.Current ?? configuration, cancellation), world.Time);
        await using AgentConfiguration current = await AgentConfiguration.StartAsync(world, configuration, files, new StatusPages(board, backups));
        inForce = current;
        Task telling = TellLeftOutAsync(configuration);
        board.Show(new AgentView { Began = world.Time.GetUtcNow(), Configuration = current.View });
        int recovery = await RecoverAsync();
        if (_isToReload) await current.ReloadAsync();
        if (_ending is null) _ending = await new AgentLoop(world, current, await BeginAsync(current, file), file, board) { Recovery = recovery, Backups = backups }.RunAsync();
        await Task.WhenAny(telling, Task.Delay(LongestTelling, world.Time));
        return _ending == AgentSignal.Cancel ? ExitCode.Cancelled : ExitCode.Done;
    }

    /// <summary>Beside all else: people are told what the agent begins without. At night nobody reads what it says.</summary>
    private async Task TellLeftOutAsync(BackupConfiguration configuration)
    {
        if (configuration.LesserProblems.Count == 0) return;
        using var patience = new CancellationTokenSource(StuckAfter, world.Time);
        try
        {
            foreach (string problem in await world.TellLeftOut(configuration, patience.Token)) world.Terminal.Warn(problem);
        }
        catch (OperationCanceledException)
        {
            world.Terminal.Warn("nobody could be told in time what the agent has begun without");
        }
    }

    /// <summary>Runs <c>backup recover</c> to its end. Whatever comes of it, schedules are kept: each run tries again.</summary>
    private async Task<int> RecoverAsync()
    {
        world.Notices.Status(StatusLine.Recovering);
        try
        {
            using IChildRun child = world.Launcher.Start(world.ConfigFile, "recover");
            using var done = new CancellationTokenSource();
            while (await Task.WhenAny(child.Ended, world.Signals.WaitToReadAsync(done.Token).AsTask()) != child.Ended)
                while (world.Signals.TryRead(out AgentSignal signal)) Hear(signal, child);
            await done.CancelAsync();
            int exitCode = await child.Ended;
            if (exitCode is not ((int)ExitCode.Done or (int)ExitCode.Locked) && _ending is null)
                world.Terminal.Error($"the recovery at the start ended with {RunOutcome.Describe(exitCode)}\n  → See above what is not back, mend it, and run 'backup recover'.");
            return exitCode;
        }
        catch (OperationException e)
        {
            world.Terminal.Error($"the recovery at the start: {e.Message}");
            return (int)ExitCode.Failed;
        }
    }

    private void Hear(AgentSignal signal, IChildRun child)
    {
        if (signal == AgentSignal.Reload)
        {
            _isToReload = true;
            return;
        }
        _ending ??= signal;
        world.Notices.Stopping();
        child.Terminate();
    }

    private async Task<DueRuns> BeginAsync(AgentConfiguration current, AgentStateFile file)
    {
        AgentMemory memory = file.Read(out string? problem);
        if (problem is not null) world.Terminal.Warn($"{file.File} cannot be used ({problem}): when schedules last ran is taken from the repository");
        IReadOnlyDictionary<string, DateTimeOffset> newest = new Dictionary<string, DateTimeOffset>();
        if (current.Schedules.Any(schedule => !memory.Schedules.ContainsKey(schedule.Name))) newest = await RepositoryBaseline.ReadAsync(current.Current, world.Terminal.Warn, CancellationToken.None);
        world.Terminal.Info($"schedules: {AgentConfiguration.NamesOf(current.Schedules)}");
        return new DueRuns(current.Schedules, memory, name => newest.TryGetValue(name, out DateTimeOffset time) ? time : null, world.Time.GetUtcNow());
    }
}
