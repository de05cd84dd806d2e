namespace BackupTool.Operations.Notifications.Channels;

/// <summary>What became of one attempt to tell somebody.</summary>
/// <param name="IsTold">Whether it was taken.</param>
/// <param name="Said">What was answered, or why nothing was; no secret, no address beyond the host.</param>
/// <param name="MayPass">Whether another attempt may do better.</param>
/// <param name="Pause">How long the other side wants to be left alone; null when it does not say.</param>
internal sealed record Attempt(bool IsTold, string Said, bool MayPass = false, TimeSpan? Pause = null);

/// <summary>A way to tell somebody, for one message. Its secrets are read when it is made.</summary>
internal abstract class Channel : IDisposable
{
    /// <summary>Whether an attempt that failed may be made again without telling anybody twice what matters.</summary>
    internal virtual bool IsRepeatable => true;

    /// <summary>Tells a message once; ends when the token says so.</summary>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    /// <exception cref="NotifyException">Something is not as it must be: no attempt will do better.</exception>
    internal abstract Task<Attempt> TryAsync(NotifyMessage message, CancellationToken cancellationToken);

    public abstract void Dispose();

    /// <exception cref="NotifyException">A secret cannot be read.</exception>
    internal static Channel Open(ChannelSettings settings, string? schedule, TimeProvider time) => settings switch
    {
        PingSettings ping => new PingChannel(ping, schedule, time),
        NtfySettings ntfy => new NtfyChannel(ntfy, time),
        WebhookSettings webhook => new WebhookChannel(webhook, time),
        MatrixSettings matrix => new MatrixChannel(matrix, time),
        CommandSettings command => new CommandChannel(command, time),
        _ => throw new ArgumentOutOfRangeException(nameof(settings), settings.Kind, "no channel of this kind"),
    };
}
