using System.Globalization;
using BackupTool.Posix;
using BackupTool.Services.Maubot;

namespace BackupTool.Operations.Reseed.Maubot;

/// <summary>How a reseed is done.</summary>
public sealed record MaubotReseedOptions
{
    /// <summary>How long clients, and then instances, may take to start. Maubot tries a client again after 10, 20 and 30 seconds. Default 2 minutes.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The accounts that are logged in anew; null for none.</summary>
    public ClientPasswords? FreshDevices { get; init; }

    /// <summary>Told what is being done, without secrets.</summary>
    public Action<string> Observe { get; init; } = static _ => { };

    /// <summary>How patient it is with homeservers.</summary>
    public MaubotPatience HomeserverPatience { get; init; } = new();
}

/// <summary>
/// Gives an empty maubot what a snapshot holds, through its management interface: plugins, then clients, then instances with their own ids, each read back until it has started. Its
/// homeserver must be healthy. What is there already is left or set right, so that it may be run again after it was killed, at whatever point.
/// </summary>
/// <param name="api">Logged in.</param>
/// <param name="options">How.</param>
/// <param name="time">The clock.</param>
public sealed class MaubotReseed(MaubotApi api, MaubotReseedOptions options, TimeProvider time)
{
    /// <summary>Decides what would be done with the maubot as it is. Changes nothing.</summary>
    /// <exception cref="MaubotApiException">Maubot does not answer, or not to us.</exception>
    public async Task<MaubotReseedPlan> PlanAsync(MaubotSeed seed, CancellationToken cancellationToken) =>
        MaubotReseedPlan.Make(seed, await api.ReadInventoryAsync(cancellationToken), options.FreshDevices);

    /// <summary>Decides and does it.</summary>
    /// <returns>What became of everything: what failed is in it, and does not keep the rest from being made.</returns>
    /// <exception cref="MaubotApiException">Maubot does not answer, or not to us, so that the rest is not worth a try.</exception>
    public async Task<MaubotReseedReport> RunAsync(MaubotSeed seed, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        MaubotReseedPlan plan = await PlanAsync(seed, cancellationToken);
        var plugins = new List<ReseededPlugin>();
        foreach (PlannedPlugin plugin in plan.Plugins) plugins.Add(await UploadAsync(plugin, cancellationToken));
        IReadOnlyList<ReseededClient> clients = await new ClientReseed(api, options, time).RunAsync(plan.Clients, cancellationToken);
        IReadOnlyList<ReseededInstance> instances = await new InstanceReseed(api, options, time).RunAsync(plan.Instances, clients, cancellationToken);
        return new MaubotReseedReport { Plugins = plugins, Clients = clients, Instances = instances, Warnings = plan.Warnings, Elapsed = time.GetElapsedTime(started) };
    }

    private async Task<ReseededPlugin> UploadAsync(PlannedPlugin planned, CancellationToken cancellationToken)
    {
        SeedPlugin plugin = planned.Plugin;
        if (planned.Action == ReseedAction.Leave) return new ReseededPlugin(plugin.Id, plugin.Version, ReseedOutcome.AlreadyThere, planned.IsOtherVersion ? planned.Reason : null);
        options.Observe(string.Create(CultureInfo.InvariantCulture, $"plugin {plugin.Id} {plugin.Version}: uploading"));
        try
        {
            bool isNew = await api.UploadPluginAsync(plugin.File, cancellationToken);
            return new ReseededPlugin(plugin.Id, plugin.Version, isNew ? ReseedOutcome.Created : ReseedOutcome.AlreadyThere, null);
        }
        catch (MaubotApiException e) when (e.ConcernsOnlyThisRequest)
        {
            return new ReseededPlugin(plugin.Id, plugin.Version, ReseedOutcome.Failed, e.Message);
        }
        catch (PosixException e)
        {
            return new ReseededPlugin(plugin.Id, plugin.Version, ReseedOutcome.Failed, e.Message);
        }
    }
}
