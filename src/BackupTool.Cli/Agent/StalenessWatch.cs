using BackupTool.Operations.Configuration;

namespace BackupTool.Cli.Agent;

/// <summary>Looks once an hour, beside the loop, whether a service's backups are too old: a run that never begins tells nobody.</summary>
internal sealed class StalenessWatch(AgentWorld world)
{
    internal static readonly TimeSpan Interval = TimeSpan.FromHours(1);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    // Not at once: what was missed while the machine was off begins first.
    private long _lookedAt = world.Time.GetTimestamp();
    private Task _telling = Task.CompletedTask;

    /// <summary>Begins to look when it is time, and the last look has ended.</summary>
    internal void Look(BackupConfiguration configuration)
    {
        if (!_telling.IsCompleted || world.Time.GetElapsedTime(_lookedAt) < Interval) return;
        _lookedAt = world.Time.GetTimestamp();
        _telling = Task.Run(() => TellAsync(configuration));
    }

    private async Task TellAsync(BackupConfiguration configuration)
    {
        using var patience = new CancellationTokenSource(Patience, world.Time);
        try
        {
            foreach (string problem in await world.TellStaleness(configuration, patience.Token)) world.Terminal.Warn(problem);
        }
        catch (OperationCanceledException)
        {
            world.Terminal.Warn("whether a service's backups are too old could not be found out in time");
        }
        catch (Exception e)
        {
            world.Terminal.Warn($"whether a service's backups are too old could not be found out: {e.Message}");   // the agent goes on: it has runs to start
        }
    }
}
