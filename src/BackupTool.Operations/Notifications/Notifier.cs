using System.Globalization;
using BackupTool.Posix;

namespace BackupTool.Operations.Notifications;

/// <summary>
/// Tells people on every channel that wants to know, side by side. It never throws but for cancellation, and takes no longer than <see cref="NotifySettings.Timeout"/> for an event and as
/// long again for what waits from earlier; for the start of a run, 10 seconds. A warning, failure, staleness or recovery that no channel took (pings apart) is kept, and told late.
/// </summary>
/// <param name="settings">Who is told.</param>
/// <param name="time">The clock.</param>
public sealed class Notifier(NotifySettings settings, TimeProvider time)
{
    private readonly NotifySpool _spool = new(settings.StateDirectory, time);

    /// <summary>For tests: how patient it is, in the place of what is usual.</summary>
    internal Func<NotifyPatience, NotifyPatience> Temper { get; init; } = static patience => patience;

    /// <summary>The invocation of the unit whose main process this is; null when it is none's. (A child of the agent inherits the agent's, which it must not speak for.)</summary>
    internal string? Invocation { get; init; } =
        Environment.GetEnvironmentVariable("SYSTEMD_EXEC_PID") == Environment.ProcessId.ToString(CultureInfo.InvariantCulture) ? Environment.GetEnvironmentVariable("INVOCATION_ID") : null;

    /// <summary>Tells an event, and afterwards what nobody could be told earlier.</summary>
    /// <returns>What went wrong, a sentence each, without secrets.</returns>
    public async Task<IReadOnlyList<string>> SendAsync(NotifyEvent notice, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(notice);
        var message = new NotifyMessage(notice);
        ChannelSettings[] wanting = [.. settings.Channels.Where(channel => channel.Wants(notice))];
        try
        {
            IReadOnlyList<ChannelAnswer> answers = await DeliverAsync(wanting, message, NotifyPatience.For(notice.Kind, settings.Timeout), cancellationToken);
            List<string> problems = [.. answers.Where(static answer => !answer.IsTold).Select(static answer => answer.Problem)];
            bool isLost = answers.Any(static answer => answer.Channel.Tells) && answers.All(static answer => !answer.Channel.Tells || !answer.IsTold);
            bool isKept = isLost && IsKept(notice) && Keep(message, problems);
            if (!isLost && notice.Kind != NotifyKind.Start) problems.AddRange(await TellKeptAsync(cancellationToken));
            if (notice.Kind == NotifyKind.Failure && (isKept || answers.Any(static answer => answer is { IsTold: true, Channel.Tells: true }))) Mark(problems);
            return problems;
        }
        catch (OperationCanceledException) when (IsKept(notice) && wanting.Any(static channel => channel.Tells))
        {
            _ = Keep(message, []);   // whoever is in a hurry is not told of more
            throw;
        }
    }

    /// <summary>Tells a trial on some channels, whatever they want to know, and says what each answered. Nothing is kept.</summary>
    public Task<IReadOnlyList<ChannelAnswer>> TryAsync(IReadOnlyList<ChannelSettings> channels, NotifyEvent trial, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trial);
        return DeliverAsync(channels, new NotifyMessage(trial), NotifyPatience.For(trial.Kind, settings.Timeout), cancellationToken);
    }

    /// <summary>Whether a unit's invocation has told of its failure itself (or kept it to be told).</summary>
    public bool HasTold(string invocation)
    {
        ArgumentNullException.ThrowIfNull(invocation);
        return IsInvocation(invocation) && _spool.HasTold(invocation);
    }

    private async Task<IReadOnlyList<ChannelAnswer>> DeliverAsync(IEnumerable<ChannelSettings> channels, NotifyMessage message, NotifyPatience patience, CancellationToken cancellationToken) =>
        await Task.WhenAll(channels.Select(channel => new Delivery(channel, message, Temper(patience), time).RunAsync(cancellationToken)));

    private async Task<IReadOnlyList<string>> TellKeptAsync(CancellationToken cancellationToken)
    {
        long began = time.GetTimestamp();
        try
        {
            IReadOnlyList<string> lost = await _spool.TellAsync(async message =>
            {
                TimeSpan left = settings.Timeout - time.GetElapsedTime(began);
                if (left <= TimeSpan.Zero) return false;
                ChannelSettings[] tellers = [.. settings.Channels.Where(channel => channel.Tells && channel.Wants(message.Event))];
                // Nobody wants to know any more.
                if (tellers.Length == 0) return true;
                return (await DeliverAsync(tellers, message, NotifyPatience.ForLate(left), cancellationToken)).Any(static answer => answer.IsTold);
            });
            int waiting = _spool.Count();
            return waiting == 0 ? lost : [.. lost, string.Create(CultureInfo.InvariantCulture, $"{waiting} {(waiting == 1 ? "notification" : "notifications")} of earlier could not be told yet: kept in {_spool.Directory}")];
        }
        catch (PosixException e)
        {
            return [$"what could not be told earlier cannot be told now: {e.Message}"];
        }
    }

    private bool Keep(NotifyMessage message, List<string> problems)
    {
        try
        {
            _spool.Keep(message);
            problems.Add($"nobody could be told; it is kept in {_spool.Directory}, and told after the next run");
            return true;
        }
        catch (PosixException e)
        {
            problems.Add($"nobody could be told, and it cannot be kept to be told later: {e.Message}");
            return false;
        }
    }

    private void Mark(List<string> problems)
    {
        if (Invocation is not { } invocation || !IsInvocation(invocation)) return;
        try
        {
            _spool.MarkTold(invocation);
        }
        catch (PosixException e)
        {
            problems.Add($"it cannot be remembered that the failure was told, so it may be told again: {e.Message}");
        }
    }

    // systemd's ids are 32 hexadecimal digits: anything else does not become part of a name.
    private static bool IsInvocation(string text) => text.Length == 32 && text.All(char.IsAsciiHexDigit);

    private static bool IsKept(NotifyEvent notice) => notice.Kind is NotifyKind.Failure or NotifyKind.Warning or NotifyKind.Recovery or NotifyKind.Stale;
}
