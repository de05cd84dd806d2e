using System.Globalization;
using BackupTool.Operations.Notifications.Channels;

namespace BackupTool.Operations.Notifications;

/// <summary>What became of telling one event on one channel.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="IsTold">Whether it was taken.</param>
/// <param name="Answer">What was answered, or why nobody was told. Holds no secret.</param>
/// <param name="Attempts">How often it was tried; 0 when something was missing to try it at all.</param>
/// <param name="Hint">What to do, as a sentence; null when the answer says it.</param>
public sealed record ChannelAnswer(ChannelSettings Channel, bool IsTold, string Answer, int Attempts, string? Hint = null)
{
    internal string Problem => $"[notify.{Channel.Name}] was not told: {Answer}{(Attempts > 1 ? string.Create(CultureInfo.InvariantCulture, $" ({Attempts} attempts)") : "")}{(Hint is null ? "" : $" ({Hint})")}";
}

/// <summary>Tells one message on one channel, again after a pause where that may help, within bounds.</summary>
internal sealed class Delivery(ChannelSettings settings, NotifyMessage message, NotifyPatience patience, TimeProvider time)
{
    private readonly long _began = time.GetTimestamp();
    private int _attempts;

    /// <summary>Never throws but for cancellation.</summary>
    internal async Task<ChannelAnswer> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var channel = Channel.Open(settings, message.Event.Schedule, time);
            return await RepeatAsync(channel, cancellationToken);
        }
        catch (NotifyException e)
        {
            return Failed(e.Message, e.Hint);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        // Whatever it is: a backup must not fail because nobody could be told. The message of an unknown exception may quote a secret, so its type has to do.
        catch (Exception e)
        {
            return Failed($"internal error: {e.GetType().Name}", "This is a fault of the program, not yours: report it.");
        }
    }

    private async Task<ChannelAnswer> RepeatAsync(Channel channel, CancellationToken cancellationToken)
    {
        while (true)
        {
            _attempts++;
            Attempt attempt = await TryOnceAsync(channel, cancellationToken);
            if (attempt.IsTold) return new ChannelAnswer(settings, true, attempt.Said, _attempts);
            if (!attempt.MayPass || !channel.IsRepeatable || _attempts >= patience.Attempts) return Failed(attempt.Said);
            TimeSpan pause = attempt.Pause ?? patience.PauseAfter(_attempts);
            if (pause >= Left) return Failed(attempt.Pause is null ? attempt.Said : string.Create(CultureInfo.InvariantCulture, $"{attempt.Said}; it is to be left alone for {pause.TotalSeconds:0} s"));
            await Task.Delay(pause, time, cancellationToken);
        }
    }

    private async Task<Attempt> TryOnceAsync(Channel channel, CancellationToken cancellationToken)
    {
        TimeSpan limit = !channel.IsRepeatable || patience.Attempt > Left ? Left : patience.Attempt;
        if (limit < TimeSpan.FromMilliseconds(1)) limit = TimeSpan.FromMilliseconds(1);
        using var late = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            return await channel.TryAsync(message, either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The rest of the time for all attempts may be next to nothing: that is not what was waited.
            string seconds = string.Create(CultureInfo.InvariantCulture, $"{(limit < patience.Attempt ? patience.Total : limit).TotalSeconds:0.#} s");
            return new Attempt(false, channel.IsRepeatable ? $"no answer within {seconds}" : $"it did not end within {seconds}, and was killed", MayPass: true);
        }
    }

    private TimeSpan Left => patience.Total - time.GetElapsedTime(_began);

    private ChannelAnswer Failed(string why, string? hint = null) => new(settings, false, why, _attempts, hint);
}
