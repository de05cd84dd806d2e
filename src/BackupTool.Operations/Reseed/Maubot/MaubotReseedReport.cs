namespace BackupTool.Operations.Reseed.Maubot;

/// <summary>What became of a plugin, a client or an instance.</summary>
public enum ReseedOutcome
{
    /// <summary>It was made.</summary>
    Created,
    /// <summary>It was there, and was set to what the snapshot says.</summary>
    Updated,
    /// <summary>It was there, and stayed as it was.</summary>
    AlreadyThere,
    /// <summary>It is not there, or not as it should be.</summary>
    Failed,
}

/// <summary>What became of a plugin.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Version">The version that the snapshot has.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Reason">Why it failed, or what differs; null when there is nothing to say.</param>
public sealed record ReseededPlugin(string Id, string Version, ReseedOutcome Outcome, string? Reason);

/// <summary>What became of a client.</summary>
/// <param name="Id">Its user id.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="IsEnabled">Whether it should run.</param>
/// <param name="IsStarted">Whether it runs: read back from maubot.</param>
/// <param name="FreshDevice">The id of the device that it was logged in as; null when it kept its own.</param>
/// <param name="Reason">Why it failed or does not run; null when all is well.</param>
/// <param name="Warnings">What the operator should know of it.</param>
public sealed record ReseededClient(string Id, ReseedOutcome Outcome, bool IsEnabled, bool IsStarted, string? FreshDevice, string? Reason, IReadOnlyList<string> Warnings);

/// <summary>What became of an instance.</summary>
/// <param name="Id">Its id: the same as in the snapshot.</param>
/// <param name="Type">Its plugin.</param>
/// <param name="Client">Its client.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="IsEnabled">Whether it should run.</param>
/// <param name="IsStarted">Whether it runs: read back from maubot.</param>
/// <param name="HasDatabase">Whether it has its database open.</param>
/// <param name="Reason">Why it failed or does not run; null when all is well.</param>
/// <param name="Warnings">What the operator should know of it.</param>
public sealed record ReseededInstance(
    string Id, string Type, string Client, ReseedOutcome Outcome, bool IsEnabled, bool IsStarted, bool HasDatabase, string? Reason, IReadOnlyList<string> Warnings);

/// <summary>What a reseed came to. Holds no secrets.</summary>
public sealed record MaubotReseedReport
{
    /// <summary>The plugins.</summary>
    public required IReadOnlyList<ReseededPlugin> Plugins { get; init; }

    /// <summary>The clients.</summary>
    public required IReadOnlyList<ReseededClient> Clients { get; init; }

    /// <summary>The instances.</summary>
    public required IReadOnlyList<ReseededInstance> Instances { get; init; }

    /// <summary>What the operator should know of the whole.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>What no reseed brings back.</summary>
    public IReadOnlyList<string> Lost { get; init; } = WhatIsLost;

    /// <summary>How long it took.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>Whether everything of the snapshot is there again, and what should run runs.</summary>
    public bool IsComplete => Plugins.All(static plugin => plugin.Outcome != ReseedOutcome.Failed)
        && Clients.All(static client => client.Outcome != ReseedOutcome.Failed && (client.IsStarted || !client.IsEnabled))
        && Instances.All(static instance => instance.Outcome != ReseedOutcome.Failed && instance.Reason is null);

    /// <summary>What is in a maubot's database and cannot be set through its management interface.</summary>
    public static IReadOnlyList<string> WhatIsLost { get; } =
    [
        "the clients' sync tokens: they begin with what is said from now on, and never see what was said since they last ran",
        "the clients' sync filters: maubot makes them anew at the homeserver",
        "the cache of rooms and their members: it fills again as the clients hear of them",
        "the end-to-end encryption keys (Olm and Megolm) where they were in this database: older encrypted messages stay unreadable to the bots, and a device that had keys is of no use without them",
    ];
}
