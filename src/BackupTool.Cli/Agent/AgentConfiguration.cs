using BackupTool.Operations;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;

namespace BackupTool.Cli.Agent;

/// <summary>The configuration that the agent goes by, with the server that it asks for. A later one takes its place whole, or is refused. Disposing stops the server.</summary>
internal sealed class AgentConfiguration : IAsyncDisposable
{
    private const int MostTries = 10;
    private readonly AgentWorld _world;
    private readonly StatusPages _pages;
    private StatusServer _server;
    private LoadedFiles _files;

    private AgentConfiguration(AgentWorld world, BackupConfiguration configuration, LoadedFiles files, StatusPages pages, StatusServer server)
    {
        (_world, _files, _pages, _server, Current) = (world, files, pages, server, configuration);
        Schedules = WatchedSchedule.From(configuration, world.HostId);
        View = new ConfigurationView(configuration.File.ToString(), world.Time.GetUtcNow()) { LeftOut = configuration.LesserProblems };
    }

    /// <summary>What is in force.</summary>
    internal BackupConfiguration Current { get; private set; }

    /// <summary>Its schedules.</summary>
    internal IReadOnlyList<WatchedSchedule> Schedules { get; private set; }

    /// <summary>What others are told of it.</summary>
    internal ConfigurationView View { get; private set; }

    /// <summary>Begins with a configuration.</summary>
    /// <exception cref="OperationException">The server cannot listen where it is to.</exception>
    internal static async Task<AgentConfiguration> StartAsync(AgentWorld world, BackupConfiguration configuration, LoadedFiles files, StatusPages pages) =>
        new(world, configuration, files, pages, await StatusServer.StartAsync(configuration.Agent, world.RuntimeDirectory, pages));

    /// <summary>Reads a configuration, and its files as they were then.</summary>
    /// <exception cref="ConfigurationException">It cannot be used.</exception>
    /// <exception cref="PosixException">One of the files cannot be read.</exception>
    internal static (BackupConfiguration Configuration, LoadedFiles Files) Read(AgentWorld world, Func<BackupConfiguration> read)
    {
        BackupConfiguration configuration = read();
        LoadedFiles files = LoadedFiles.Read(world.ConfigFile);
        for (int tries = 0; tries < MostTries; tries++)
        {
            // What is kept must be what was checked: somebody may be writing meanwhile.
            configuration = read();
            LoadedFiles after = LoadedFiles.Read(world.ConfigFile);
            if (files.IsSame(after)) break;
            files = after;
        }
        return (configuration, files);
    }

    /// <summary>The configuration file for a run.</summary>
    /// <exception cref="PosixException">The files on the disk are not those that are in force, and those cannot be copied.</exception>
    internal BytePath ForRun()
    {
        BytePath file = _files.ForRun(Current.State.Path, out bool isCopy);
        if (isCopy) _world.Terminal.Warn($"{Current.File}, or what is beside it, has changed since it was loaded: the run goes by what was loaded at {DueRuns.Shown(View.Loaded.ToLocalTime())} (SIGHUP has the agent load it again)");
        return file;
    }

    /// <summary>Reads it again; false when what is on the disk is refused: then all stays as it is, and the operator is told why.</summary>
    internal async Task<bool> ReloadAsync()
    {
        DateTimeOffset now = _world.Time.GetUtcNow();
        try
        {
            (BackupConfiguration next, LoadedFiles files) = Read(_world, _world.ReadConfiguration);
            IReadOnlyList<WatchedSchedule> schedules = WatchedSchedule.From(next, _world.HostId);
            if (next.State.Path != Current.State.Path)
                throw new OperationException($"{next.File}: the state directory has become {next.State.Path}, and the agent's is {Current.State.Path}.", "Restart the agent: it cannot move while it runs.");
            if (next.Agent != Current.Agent) await ListenAsync(next.Agent);
            (Current, _files, Schedules, View) = (next, files, schedules, new ConfigurationView(next.File.ToString(), now));
            _world.Terminal.Info($"configuration: loaded {next.File} again; schedules: {NamesOf(schedules)}");
            return true;
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            string hint = e is ExplainedException { Hint: { } text } ? $"\n  → {text}" : "";
            _world.Terminal.Error($"configuration: refused, and the one loaded at {DueRuns.Shown(View.Loaded.ToLocalTime())} goes on:\n{e.Message}{hint}");
            View = View with { Refused = now, Problem = ProblemOf(e) };
            return false;
        }
    }

    /// <summary>What is wrong, without what is only dubious.</summary>
    private static string ProblemOf(Exception refusal) =>
        refusal is ConfigurationException { Problems: var problems } ? string.Join("\n", problems.Where(static problem => !problem.IsWarning)) : refusal.Message;

    /// <summary>For a sentence.</summary>
    internal static string NamesOf(IReadOnlyList<WatchedSchedule> schedules) => schedules.Count == 0 ? "none" : string.Join(", ", schedules.Select(static schedule => schedule.Name));

    private async Task ListenAsync(AgentSettings settings)
    {
        await _server.DisposeAsync();
        try
        {
            _server = await StatusServer.StartAsync(settings, _world.RuntimeDirectory, _pages);
        }
        catch (OperationException)
        {
            _server = await StatusServer.StartAsync(Current.Agent, _world.RuntimeDirectory, _pages);
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
