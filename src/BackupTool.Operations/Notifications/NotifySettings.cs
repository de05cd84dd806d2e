using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Notifications;

/// <summary><c>[notify]</c>: who is told, and how. No secrets are in it, only where they are: they are read when they are needed, so that a missing one fails no backup.</summary>
public sealed record NotifySettings
{
    /// <summary>The tool's state directory, below which is kept what could not be told, and what was.</summary>
    public BytePath StateDirectory { get; init; } = BytePath.From("/var/lib/backup");

    /// <summary>How long telling one event may take in all, on every channel at once.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The channels, in the order of the file.</summary>
    public IReadOnlyList<ChannelSettings> Channels { get; init; } = [];
}

/// <summary><c>[notify.NAME]</c></summary>
public abstract record ChannelSettings
{
    /// <summary>Lower-case letters, digits and hyphens.</summary>
    public required string Name { get; init; }

    /// <summary>What it is told. A trial goes to every channel.</summary>
    public required IReadOnlyList<NotifyKind> On { get; init; }

    /// <summary>The schedules whose runs it is told of; null for all, and for what no schedule does.</summary>
    public IReadOnlyList<string>? Schedules { get; init; }

    /// <summary>Where its table begins.</summary>
    public required TextPlace Place { get; init; }

    /// <summary>The word for <c>kind</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>Whether it tells people something: a dead-man ping, which only drives a clock, does not.</summary>
    public virtual bool Tells => true;

    /// <summary>Where its secrets are.</summary>
    public abstract IReadOnlyList<SecretSource> Secrets { get; }

    /// <summary>Whether an event is for it.</summary>
    public virtual bool Wants(NotifyEvent notice)
    {
        ArgumentNullException.ThrowIfNull(notice);
        if (notice.Kind == NotifyKind.Test) return true;
        return On.Contains(notice.Kind) && (Schedules is null || (notice.Schedule is { } schedule && Schedules.Contains(schedule)));
    }

    private protected static IReadOnlyList<SecretSource> Those(params ReadOnlySpan<SecretSource?> secrets)
    {
        var found = new List<SecretSource>();
        foreach (SecretSource? secret in secrets)
            if (secret is not null) found.Add(secret);
        return found;
    }
}

/// <summary><c>kind = "ping"</c>: a dead-man's switch. The address itself is asked on success, with <c>/start</c>, <c>/fail</c> or <c>/log</c> after it for the rest.</summary>
public sealed record PingSettings : ChannelSettings
{
    /// <summary>The address, in which <c>{schedule}</c> stands for the schedule's name.</summary>
    public required NotifyAddress Url { get; init; }

    /// <inheritdoc/>
    public override string Kind => "ping";

    /// <inheritdoc/>
    public override bool Tells => false;

    /// <inheritdoc/>
    public override IReadOnlyList<SecretSource> Secrets => Those(Url.Secret);

    /// <inheritdoc/>
    /// <remarks>That a service is no longer stale is no run's success: it would hide that a run is missing, but from one who was told of the staleness.</remarks>
    public override bool Wants(NotifyEvent notice) =>
        base.Wants(notice) && (notice is not { Kind: NotifyKind.Recovery, Schedule: null } || On.Contains(NotifyKind.Stale));
}

/// <summary><c>kind = "ntfy"</c></summary>
public sealed record NtfySettings : ChannelSettings
{
    /// <summary>The server; with the topic, when <see cref="Topic"/> is null.</summary>
    public required NotifyAddress Url { get; init; }

    /// <summary>The topic; null when the address has it.</summary>
    public string? Topic { get; init; }

    /// <summary>The access token; null when the topic is open.</summary>
    public SecretSource? Token { get; init; }

    /// <summary>1 (least) to 5, where it is not the usual.</summary>
    public IReadOnlyDictionary<NotifyKind, int> Priorities { get; init; } = new Dictionary<NotifyKind, int>();

    /// <summary>Tags besides the one of the event's kind.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <inheritdoc/>
    public override string Kind => "ntfy";

    /// <inheritdoc/>
    public override IReadOnlyList<SecretSource> Secrets => Those(Url.Secret, Token);
}

/// <summary><c>kind = "webhook"</c>: the event is posted as JSON.</summary>
public sealed record WebhookSettings : ChannelSettings
{
    /// <summary>The address.</summary>
    public required NotifyAddress Url { get; init; }

    /// <summary>A token; null for none.</summary>
    public SecretSource? Token { get; init; }

    /// <summary>The header that is the token; null for <c>Authorization: Bearer</c>.</summary>
    public string? TokenHeader { get; init; }

    /// <summary>The key under which the body is signed; null for no signature.</summary>
    public SecretSource? SigningKey { get; init; }

    /// <inheritdoc/>
    public override string Kind => "webhook";

    /// <inheritdoc/>
    public override IReadOnlyList<SecretSource> Secrets => Those(Url.Secret, Token, SigningKey);
}

/// <summary>How a message in a room is meant: clients show a notice without a sound.</summary>
public enum MatrixMessage
{
    /// <summary>A text for what is wrong, a notice for the rest.</summary>
    Automatic,
    /// <summary><c>m.text</c></summary>
    Text,
    /// <summary><c>m.notice</c></summary>
    Notice,
}

/// <summary><c>kind = "matrix"</c>: a message in a room.</summary>
public sealed record MatrixSettings : ChannelSettings
{
    /// <summary>The homeserver's base address.</summary>
    public required Uri Homeserver { get; init; }

    /// <summary>The room's id (<c>!…</c>) or alias (<c>#…</c>). The account must be in it; what is said is not encrypted.</summary>
    public required string Room { get; init; }

    /// <summary>The account's access token.</summary>
    public required SecretSource Token { get; init; }

    /// <summary>Text or notice.</summary>
    public MatrixMessage Message { get; init; }

    /// <inheritdoc/>
    public override string Kind => "matrix";

    /// <inheritdoc/>
    public override IReadOnlyList<SecretSource> Secrets => [Token];
}

/// <summary><c>kind = "command"</c>: a program that gets the event as JSON on its input.</summary>
public sealed record CommandSettings : ChannelSettings
{
    /// <summary>The program, absolute, and its arguments; no shell.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <inheritdoc/>
    public override string Kind => "command";

    /// <inheritdoc/>
    public override IReadOnlyList<SecretSource> Secrets => [];
}
