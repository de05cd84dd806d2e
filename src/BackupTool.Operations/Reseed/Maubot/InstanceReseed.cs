using System.Globalization;
using BackupTool.Services.Maubot;

namespace BackupTool.Operations.Reseed.Maubot;

/// <summary>Makes the instances under their own ids, so that they find their databases again, and waits until those that should run do.</summary>
internal sealed class InstanceReseed(MaubotApi api, MaubotReseedOptions options, TimeProvider time)
{
    internal async Task<IReadOnlyList<ReseededInstance>> RunAsync(IReadOnlyList<PlannedInstance> planned, IReadOnlyList<ReseededClient> clients, CancellationToken cancellationToken)
    {
        var made = new List<ReseededInstance>();
        foreach (PlannedInstance instance in planned) made.Add(await MakeAsync(instance, clients, cancellationToken));
        await StartStoppedAsync(planned, made, clients, cancellationToken);
        options.Observe("instances: waiting until they have started");
        IReadOnlyList<MaubotInstanceState> seen = await StartWatch.WaitAsync(() => api.ListInstancesAsync(cancellationToken),
            instances => made.All(instance => IsSettled(instance, Find(instances, instance.Id), clients)), options.StartTimeout, time, cancellationToken);
        return [.. made.Zip(planned, (instance, plan) => Judge(instance, plan.Instance, Find(seen, instance.Id), clients))];
    }

    private static MaubotInstanceState? Find(IReadOnlyList<MaubotInstanceState> instances, string id) => instances.FirstOrDefault(instance => instance.Settings.Id == id);

    private async Task<ReseededInstance> MakeAsync(PlannedInstance planned, IReadOnlyList<ReseededClient> clients, CancellationToken cancellationToken)
    {
        MaubotInstanceSettings instance = planned.Instance;
        var result = new ReseededInstance(instance.Id, instance.Type, instance.PrimaryUser, ReseedOutcome.AlreadyThere, instance.Enabled, false, false, null, []);
        if (planned.Action == ReseedAction.Impossible) return result with { Outcome = ReseedOutcome.Failed, Reason = planned.Reason };
        if (planned.Action == ReseedAction.Leave) return result;
        options.Observe($"instance {instance.Id}: {(planned.Action == ReseedAction.Create ? "making it" : "setting it right")}");
        try
        {
            bool isNew = await api.PutInstanceAsync(instance, planned.Action == ReseedAction.Update && !instance.Enabled ? false : null, cancellationToken);
            return result with { Outcome = isNew ? ReseedOutcome.Created : ReseedOutcome.Updated };
        }
        catch (MaubotApiException e) when (e.ConcernsOnlyThisRequest)
        {
            string? ofClient = clients.FirstOrDefault(client => client.Id == instance.PrimaryUser && client.Outcome == ReseedOutcome.Failed)?.Reason;
            return result with { Outcome = ReseedOutcome.Failed, Reason = ofClient is null ? e.Message : $"{e.Message} Its client {instance.PrimaryUser} failed, too." };
        }
    }

    /// <summary>One that is there but stopped does not start by being enabled; nor does one that maubot failed at while it made it.</summary>
    private async Task StartStoppedAsync(
        IReadOnlyList<PlannedInstance> planned, List<ReseededInstance> made, IReadOnlyList<ReseededClient> clients, CancellationToken cancellationToken)
    {
        if (made.All(static instance => instance.Outcome is ReseedOutcome.Created or ReseedOutcome.Failed)) return;
        IReadOnlyList<MaubotInstanceState> seen = await api.ListInstancesAsync(cancellationToken);
        for (int i = 0; i < made.Count; i++)
        {
            if (made[i] is not { Outcome: ReseedOutcome.Updated or ReseedOutcome.AlreadyThere, IsEnabled: true } instance || !ClientRuns(instance, clients)) continue;
            if (Find(seen, instance.Id) is not { IsStarted: false, Settings.Enabled: true }) continue;
            try
            {
                await api.PutInstanceAsync(planned[i].Instance, true, cancellationToken);
            }
            catch (MaubotApiException e) when (e.ConcernsOnlyThisRequest)
            {
                made[i] = instance with { Reason = e.Message };
            }
        }
    }

    /// <summary>Maubot starts the instances of a client with it: those of one that does not run cannot be expected to.</summary>
    private static bool ClientRuns(ReseededInstance instance, IReadOnlyList<ReseededClient> clients) => clients.FirstOrDefault(client => client.Id == instance.Client)?.IsStarted ?? true;

    private static bool IsSettled(ReseededInstance instance, MaubotInstanceState? state, IReadOnlyList<ReseededClient> clients) =>
        instance.Outcome == ReseedOutcome.Failed || !instance.IsEnabled || instance.Reason is not null || state is null || state.IsStarted || !state.Settings.Enabled || !ClientRuns(instance, clients);

    private ReseededInstance Judge(ReseededInstance instance, MaubotInstanceSettings wanted, MaubotInstanceState? state, IReadOnlyList<ReseededClient> clients)
    {
        if (instance.Outcome == ReseedOutcome.Failed) return instance with { IsStarted = state?.IsStarted ?? false };
        if (state is null) return instance with { Outcome = ReseedOutcome.Failed, Reason = "maubot said it was set, but does not list it" };
        // Maubot passes over a plugin that it does not have when it sets an instance that is there.
        if (state.Settings.Type != wanted.Type || state.Settings.PrimaryUser != wanted.PrimaryUser)
            return instance with { Outcome = ReseedOutcome.Failed, IsStarted = state.IsStarted, Reason = $"maubot left it on {state.Settings.Type} and {state.Settings.PrimaryUser}" };

        IEnumerable<string> engine = wanted.DatabaseEngine is { } old && state.Settings.DatabaseEngine is { } now && old != now
            ? [$"{instance.Id} had its database in {old}, and maubot has put it into {now} now: see `plugin_databases` in maubot's config.yaml; the old data are not in it."] : [];
        ReseededInstance seen = instance with { IsStarted = state.IsStarted, HasDatabase = state.HasDatabase, Warnings = [.. instance.Warnings, .. engine] };
        return seen with { Reason = WhyNot(seen, state, clients) };
    }

    private string? WhyNot(ReseededInstance instance, MaubotInstanceState state, IReadOnlyList<ReseededClient> clients)
    {
        if (!instance.IsEnabled) return state.IsStarted ? "it is disabled in the snapshot, but maubot did not stop it" : null;
        if (state.IsStarted) return null;
        if (!state.Settings.Enabled) return "maubot has disabled it: its plugin or its database failed when it was started; maubot's log says why";
        if (clients.FirstOrDefault(client => client.Id == instance.Client) is { IsStarted: false } client)
            return client.IsEnabled ? $"its client {client.Id} does not run" : null;
        string why = string.Create(CultureInfo.InvariantCulture, $"it did not start within {options.StartTimeout.TotalSeconds:0.###} s: maubot's log says why");
        return instance.Reason is null ? why : $"it did not start: {instance.Reason}";
    }
}
