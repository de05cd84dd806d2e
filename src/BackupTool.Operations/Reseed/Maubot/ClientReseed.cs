using System.Globalization;
using BackupTool.Services.Maubot;

namespace BackupTool.Operations.Reseed.Maubot;

/// <summary>Makes the clients, and waits until those that should run do.</summary>
internal sealed class ClientReseed(MaubotApi api, MaubotReseedOptions options, TimeProvider time)
{
    /// <summary>How the new devices are shown in the accounts' lists.</summary>
    internal const string DeviceName = "maubot (logged in anew by backup)";

    internal async Task<IReadOnlyList<ReseededClient>> RunAsync(IReadOnlyList<PlannedClient> planned, CancellationToken cancellationToken)
    {
        var made = new List<ReseededClient>();
        foreach (PlannedClient client in planned) made.Add(await MakeAsync(client, cancellationToken));
        await StartStoppedAsync(made, cancellationToken);
        options.Observe("clients: waiting until they have started");
        IReadOnlyList<MaubotClientState> seen = await StartWatch.WaitAsync(() => api.ListClientsAsync(cancellationToken), clients => made.All(client => IsSettled(client, Find(clients, client.Id))),
            options.StartTimeout, time, cancellationToken);
        return [.. made.Select(client => Judge(client, Find(seen, client.Id)))];
    }

    private static MaubotClientState? Find(IReadOnlyList<MaubotClientState> clients, string id) => clients.FirstOrDefault(client => client.Settings.Id == id);

    private async Task<ReseededClient> MakeAsync(PlannedClient planned, CancellationToken cancellationToken)
    {
        var result = new ReseededClient(planned.Client.Id, ReseedOutcome.AlreadyThere, planned.Client.Enabled, false, null, null, planned.Warnings);
        if (planned.Action == ReseedAction.Impossible) return result with { Outcome = ReseedOutcome.Failed, Reason = planned.Reason };
        if (planned.Action == ReseedAction.Leave) return result;
        options.Observe($"client {planned.Client.Id}: {(planned.LogsInAnew ? "logging in anew" : planned.Action == ReseedAction.Create ? "making it" : "setting it right")}");
        try
        {
            if (planned.LogsInAnew) return await LogInAndPutAsync(planned.Client, result, cancellationToken);
            return result with { Outcome = await PutAsync(planned.Client, cancellationToken) };
        }
        catch (MaubotApiException e) when (e.ConcernsOnlyThisRequest)
        {
            return result with { Outcome = ReseedOutcome.Failed, Reason = e.Message };
        }
    }

    private async Task<ReseedOutcome> PutAsync(MaubotClientSettings client, CancellationToken cancellationToken)
    {
        if (await api.PutClientAsync(client, cancellationToken)) return ReseedOutcome.Created;
        if (!client.Enabled) await api.SetClientStartedAsync(client, false, cancellationToken);
        return ReseedOutcome.Updated;
    }

    private async Task<ReseededClient> LogInAndPutAsync(MaubotClientSettings client, ReseededClient result, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(client.Homeserver, UriKind.Absolute, out Uri? homeserver) || homeserver.Scheme is not ("http" or "https"))
            return result with { Outcome = ReseedOutcome.Failed, Reason = "the snapshot's homeserver of it is not a URL" };
        using var login = new HomeserverLogin(homeserver, time, options.HomeserverPatience);
        FreshDevice device;
        try
        {
            device = await login.LogInAsync(client.Id, options.FreshDevices!.Find(client.Id)!, DeviceName, cancellationToken);
        }
        catch (MaubotApiException e)
        {
            // The homeserver's failure, of whatever kind, says nothing of maubot.
            return result with { Outcome = ReseedOutcome.Failed, Reason = e.Message };
        }
        try
        {
            ReseedOutcome outcome = await PutAsync(client with { AccessToken = device.AccessToken, DeviceId = device.DeviceId }, cancellationToken);
            return result with { Outcome = outcome, FreshDevice = device.DeviceId, Warnings = [.. result.Warnings, .. WarnOfLeftDevice(client)] };
        }
        catch (MaubotApiException e) when (e.Failure == MaubotFailure.Refused)
        {
            return result with { Outcome = ReseedOutcome.Failed, Reason = $"{e.Message}{await TryLogOutAsync(login, device, cancellationToken)}" };
        }
    }

    private static IEnumerable<string> WarnOfLeftDevice(MaubotClientSettings client) => client.DeviceId.Length == 0 ? [] :
    [
        $"{client.Id}: its old device {client.DeviceId} and its token are still valid, so that a rollback can use them. Log that device out when you will not roll back.",
    ];

    /// <summary>A device that nobody uses is not left behind; when it has to be, the report says so.</summary>
    private static async Task<string> TryLogOutAsync(HomeserverLogin login, FreshDevice device, CancellationToken cancellationToken)
    {
        try
        {
            await login.LogOutAsync(device, cancellationToken);
            return "";
        }
        catch (MaubotApiException e)
        {
            return $" The unused new device {device.DeviceId} could not be logged out: {e.Message}";
        }
    }

    /// <summary>One that is there but stopped does not start by being enabled. A new one was started by being made: maubot goes on trying.</summary>
    private async Task StartStoppedAsync(List<ReseededClient> made, CancellationToken cancellationToken)
    {
        if (made.All(static client => client.Outcome is ReseedOutcome.Created or ReseedOutcome.Failed)) return;
        IReadOnlyList<MaubotClientState> seen = await api.ListClientsAsync(cancellationToken);
        for (int i = 0; i < made.Count; i++)
        {
            if (made[i] is not { Outcome: ReseedOutcome.Updated or ReseedOutcome.AlreadyThere, IsEnabled: true } client) continue;
            if (Find(seen, client.Id) is not { IsStarted: false, Settings.Enabled: true } state) continue;
            try
            {
                await api.SetClientStartedAsync(state.Settings, true, cancellationToken);
            }
            catch (MaubotApiException e) when (e.ConcernsOnlyThisRequest)
            {
                made[i] = client with { Reason = e.Message };
            }
        }
    }

    private static bool IsSettled(ReseededClient client, MaubotClientState? state) =>
        client.Outcome == ReseedOutcome.Failed || !client.IsEnabled || state is null || state.IsStarted || !state.Settings.Enabled;

    private ReseededClient Judge(ReseededClient client, MaubotClientState? state)
    {
        if (client.Outcome == ReseedOutcome.Failed) return client with { IsStarted = state?.IsStarted ?? false };
        if (state is null) return client with { Outcome = ReseedOutcome.Failed, Reason = "maubot said it was set, but does not list it" };
        if (state.IsStarted && client.IsEnabled)
        {
            IEnumerable<string> sync = state.IsSyncOk == false ? [$"{client.Id} runs, but its last attempt to receive events failed: see maubot's log."] : [];
            // A device without keys is harmless as long as maubot, for want of its encryption libraries or of a use for them, makes none.
            string idle = state.HasEncryption || client.FreshDevice is not null ? "" : " Maubot shows no end-to-end encryption at work for it now.";
            return client with { IsStarted = true, Reason = null, Warnings = [.. client.Warnings.Select(warning => warning + idle), .. sync] };
        }
        if (!client.IsEnabled) return client with { IsStarted = state.IsStarted, Reason = state.IsStarted ? "it is disabled in the snapshot, but maubot did not stop it" : null };
        string why = !state.Settings.Enabled
            ? "maubot has disabled it: the homeserver did not take its token, knows it as another user or device, or did not answer; maubot's log says which"
            : string.Create(CultureInfo.InvariantCulture, $"it did not start within {options.StartTimeout.TotalSeconds:0.###} s: maubot's log says why; run this again when its homeserver answers");
        return client with { IsStarted = false, Reason = client.Reason is null ? why : $"{why} ({client.Reason})" };
    }
}
