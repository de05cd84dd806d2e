namespace BackupTool.Services.Maubot;

/// <summary>A plugin that a maubot has.</summary>
/// <param name="Id">Like <c>xyz.maubot.echo</c>.</param>
/// <param name="Version">As maubot writes it: normalised by PEP 440.</param>
public sealed record MaubotPluginState(string Id, string Version);

/// <summary>A client: the account that bots speak through. What it is set to, not how it is.</summary>
public sealed record MaubotClientSettings
{
    /// <summary>The user id, like <c>@bot:example.org</c>.</summary>
    public required string Id { get; init; }

    /// <summary>The homeserver's URL.</summary>
    public required string Homeserver { get; init; }

    /// <summary>The access token at the homeserver.</summary>
    public required SecretText AccessToken { get; init; }

    /// <summary>The device that the token belongs to; empty for a client without end-to-end encryption.</summary>
    public required string DeviceId { get; init; }

    /// <summary>Whether maubot starts it.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Whether it receives events.</summary>
    public bool Sync { get; init; } = true;

    /// <summary>Whether it follows invitations.</summary>
    public bool Autojoin { get; init; } = true;

    /// <summary>Whether it is shown as online.</summary>
    public bool Online { get; init; } = true;

    /// <summary>The name it gives itself; <c>disable</c> for none of maubot's doing.</summary>
    public string Displayname { get; init; } = "disable";

    /// <summary>The picture it gives itself; <c>disable</c> for none of maubot's doing.</summary>
    public string AvatarUrl { get; init; } = "disable";
}

/// <summary>A client as a running maubot has it.</summary>
/// <param name="Settings">What it is set to.</param>
/// <param name="IsStarted">Whether it runs.</param>
/// <param name="IsSyncOk">Whether its last attempt to receive events succeeded; null when maubot does not say.</param>
/// <param name="HasEncryption">Whether it has end-to-end encryption at work: a device id alone does not say so.</param>
public sealed record MaubotClientState(MaubotClientSettings Settings, bool IsStarted, bool? IsSyncOk, bool HasEncryption);

/// <summary>An instance: a bot. What it is set to, not how it is.</summary>
public sealed record MaubotInstanceSettings
{
    /// <summary>Its name, which also names its database.</summary>
    public required string Id { get; init; }

    /// <summary>The plugin's id.</summary>
    public required string Type { get; init; }

    /// <summary>Whether maubot starts it.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>The client that it speaks through.</summary>
    public required string PrimaryUser { get; init; }

    /// <summary>Its configuration, YAML: it may hold keys and passwords.</summary>
    public required SecretText Config { get; init; }

    /// <summary><c>sqlite</c> or <c>postgres</c>; null while it has no database. Maubot chooses: it cannot be set.</summary>
    public string? DatabaseEngine { get; init; }
}

/// <summary>An instance as a running maubot has it.</summary>
/// <param name="Settings">What it is set to.</param>
/// <param name="IsStarted">Whether it runs.</param>
/// <param name="HasDatabase">Whether it has its database open.</param>
public sealed record MaubotInstanceState(MaubotInstanceSettings Settings, bool IsStarted, bool HasDatabase);

/// <summary>Everything that a reseed looks at in a running maubot.</summary>
public sealed record MaubotInventory(IReadOnlyList<MaubotPluginState> Plugins, IReadOnlyList<MaubotClientState> Clients, IReadOnlyList<MaubotInstanceState> Instances)
{
    /// <summary>A maubot without anything, as it is after a wipe.</summary>
    public static MaubotInventory Empty { get; } = new([], [], []);
}
