using BackupTool.Services.Maubot;

namespace BackupTool.Operations.Reseed.Maubot;

/// <summary>What is done about a plugin, a client or an instance.</summary>
public enum ReseedAction
{
    /// <summary>It is not there, and is made.</summary>
    Create,
    /// <summary>It is there, and is set to what the snapshot says.</summary>
    Update,
    /// <summary>It is there, and stays as it is.</summary>
    Leave,
    /// <summary>It cannot be made.</summary>
    Impossible,
}

/// <summary>What is done about a plugin, and why.</summary>
/// <param name="Plugin">The plugin.</param>
/// <param name="Action">What is done.</param>
/// <param name="IsOtherVersion">Whether maubot has another version of it than the snapshot, and keeps it.</param>
/// <param name="Reason">Why.</param>
public sealed record PlannedPlugin(SeedPlugin Plugin, ReseedAction Action, bool IsOtherVersion, string Reason);

/// <summary>What is done about a client, and why.</summary>
/// <param name="Client">What it shall be set to: with the token that it has already where that is newer than the snapshot's.</param>
/// <param name="Action">What is done.</param>
/// <param name="LogsInAnew">Whether it gets a new device and token first.</param>
/// <param name="Reason">Why.</param>
/// <param name="Warnings">What the operator should know of it.</param>
public sealed record PlannedClient(MaubotClientSettings Client, ReseedAction Action, bool LogsInAnew, string Reason, IReadOnlyList<string> Warnings);

/// <summary>What is done about an instance, and why.</summary>
public sealed record PlannedInstance(MaubotInstanceSettings Instance, ReseedAction Action, string Reason);

/// <summary>What a reseed will do, in its order: plugins, clients, instances. Deciding changes nothing, so that <c>--dry-run</c> shows it.</summary>
public sealed record MaubotReseedPlan
{
    /// <summary>The plugins.</summary>
    public required IReadOnlyList<PlannedPlugin> Plugins { get; init; }

    /// <summary>The clients.</summary>
    public required IReadOnlyList<PlannedClient> Clients { get; init; }

    /// <summary>The instances.</summary>
    public required IReadOnlyList<PlannedInstance> Instances { get; init; }

    /// <summary>What the operator should know of the whole.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Whether anything of the snapshot cannot be made.</summary>
    public bool IsWhole => Plugins.All(static p => p.Action != ReseedAction.Impossible) && Clients.All(static c => c.Action != ReseedAction.Impossible)
        && Instances.All(static i => i.Action != ReseedAction.Impossible);

    /// <summary>Decides.</summary>
    /// <param name="seed">What the snapshot holds.</param>
    /// <param name="present">What maubot has; <see cref="MaubotInventory.Empty"/> for one that will be wiped, with the plugins that stay on its disk.</param>
    /// <param name="passwords">Whose accounts are logged in anew; null for none.</param>
    public static MaubotReseedPlan Make(MaubotSeed seed, MaubotInventory present, ClientPasswords? passwords)
    {
        ArgumentNullException.ThrowIfNull(seed);
        ArgumentNullException.ThrowIfNull(present);
        List<PlannedClient> clients = [.. seed.Clients.Select(client => Plan(client, Find(present.Clients, client.Id), seed, passwords))];
        return new MaubotReseedPlan
        {
            Plugins = [.. seed.Plugins.Select(plugin => Plan(plugin, present.Plugins.FirstOrDefault(p => p.Id == plugin.Id)))],
            Clients = clients,
            Instances = [.. seed.Instances.Select(instance => Plan(instance, seed, present, clients))],
            Warnings =
            [
                .. seed.Problems,
                .. (passwords?.Users ?? []).Where(user => seed.Clients.All(client => client.Id != user)).Select(static user => $"There is a password for {user}, but the snapshot has no such client."),
            ],
        };
    }

    private static MaubotClientState? Find(IReadOnlyList<MaubotClientState> clients, string id) => clients.FirstOrDefault(client => client.Settings.Id == id);

    private static PlannedPlugin Plan(SeedPlugin plugin, MaubotPluginState? present)
    {
        if (present is null) return new PlannedPlugin(plugin, ReseedAction.Create, false, $"version {plugin.Version} is uploaded");
        if (PluginVersion.AreSame(present.Version, plugin.Version)) return new PlannedPlugin(plugin, ReseedAction.Leave, false, $"version {present.Version} is there");
        // Its instances' databases stayed on the disk and may be of the schema of the version that did, too.
        return new PlannedPlugin(plugin, ReseedAction.Leave, true, $"version {present.Version} is there and stays; the snapshot has {plugin.Version}");
    }

    private static PlannedClient Plan(MaubotClientSettings client, MaubotClientState? present, MaubotSeed seed, ClientPasswords? passwords)
    {
        // Whatever token a running client has that is not the snapshot's was given to it after the wipe: by an earlier run, or by the operator.
        bool hasNewerToken = present is { IsStarted: true } && !present.Settings.AccessToken.Equals(client.AccessToken);
        if (hasNewerToken) client = client with { AccessToken = present!.Settings.AccessToken, DeviceId = present.Settings.DeviceId, Homeserver = present.Settings.Homeserver };
        bool logsIn = passwords?.Find(client.Id) is not null && !hasNewerToken;
        if (client.Homeserver.Length == 0 || (client.AccessToken.IsEmpty && !logsIn))
            return new PlannedClient(client, ReseedAction.Impossible, false, $"the snapshot has no {(client.Homeserver.Length == 0 ? "homeserver" : "access token")} of it", []);

        IReadOnlyList<string> warnings = logsIn || hasNewerToken || client.DeviceId.Length == 0 ? [] : [WarnOfOldDevice(client, seed)];
        string kept = hasNewerToken ? ", and keeps its newer token" : "";
        if (logsIn) return new PlannedClient(client, present is null ? ReseedAction.Create : ReseedAction.Update, true, "it is logged in as a new device", warnings);
        if (present is null) return new PlannedClient(client, ReseedAction.Create, false, "it is not there", warnings);
        return present.Settings == client
            ? new PlannedClient(client, ReseedAction.Leave, false, $"it is there{kept}", warnings)
            : new PlannedClient(client, ReseedAction.Update, false, $"it is there with other settings{kept}", warnings);
    }

    private static string WarnOfOldDevice(MaubotClientSettings client, MaubotSeed seed) => seed.ClientsWithKeys switch
    {
        { } users when !users.Contains(client.Id) =>
            $"{client.Id} keeps its device {client.DeviceId}. The snapshot has no end-to-end encryption keys of it: if it never used encryption, nothing is lost; else log it in anew (--fresh-devices).",
        _ => $"{client.Id} keeps its device {client.DeviceId}, whose end-to-end encryption keys are gone: in encrypted rooms others will not trust it and it will read nothing. " +
            "Log it in anew (--fresh-devices) where it is in such rooms.",
    };

    private static PlannedInstance Plan(MaubotInstanceSettings instance, MaubotSeed seed, MaubotInventory present, List<PlannedClient> clients)
    {
        if (instance.Id.Any(static c => char.ToLowerInvariant(c) != c))
            return new PlannedInstance(instance, ReseedAction.Impossible,
                "the management interface writes ids in lower case, so that its database would not be found again; use --reseed rows or snapshot for it");
        if (instance.Type.Length == 0 || instance.PrimaryUser.Length == 0)
            return new PlannedInstance(instance, ReseedAction.Impossible, $"the snapshot does not say its {(instance.Type.Length == 0 ? "plugin" : "client")}");
        if (present.Plugins.All(plugin => plugin.Id != instance.Type) && seed.Plugins.All(plugin => plugin.Id != instance.Type))
            return new PlannedInstance(instance, ReseedAction.Impossible, $"neither maubot nor the snapshot has its plugin {instance.Type}");
        bool clientWillBe = clients.Any(client => client.Client.Id == instance.PrimaryUser && client.Action != ReseedAction.Impossible) || Find(present.Clients, instance.PrimaryUser) is not null;
        if (!clientWillBe) return new PlannedInstance(instance, ReseedAction.Impossible, $"its client {instance.PrimaryUser} is neither there nor can it be made");

        if (present.Instances.FirstOrDefault(p => p.Settings.Id == instance.Id) is not { } there) return new PlannedInstance(instance, ReseedAction.Create, "it is not there");
        return there.Settings with { DatabaseEngine = instance.DatabaseEngine } == instance
            ? new PlannedInstance(instance, ReseedAction.Leave, "it is there")
            : new PlannedInstance(instance, ReseedAction.Update, "it is there with other settings");
    }
}
