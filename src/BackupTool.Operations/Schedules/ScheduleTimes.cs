using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Cronos;

namespace BackupTool.Operations.Schedules;

/// <summary>
/// When a schedule runs. Where the clock is put forward over its time, it runs when the clock has been; where the clock is put back, a run at
/// given hours and minutes is the first of the two (so it happens once on either day), and one that repeats (<c>*/30</c>, <c>*</c>, a range) goes on repeating.
/// </summary>
/// <remarks>Nothing here waits or knows what time it is. Times are in the schedule's zone, with its offset at that time. A schedule of the machine's zone
/// keeps that zone as it was when the configuration was read.</remarks>
public sealed class ScheduleTimes
{
    /// <summary>What <see cref="LongestGap"/> says where there are no two runs: longer than any age that is asked about, and short enough to reckon with.</summary>
    public static readonly TimeSpan NoGap = TimeSpan.FromDays(36_500);

    // More than a year, so that one that rests in the summer is seen to rest; a leap day's needs the number below.
    private static readonly TimeSpan Horizon = TimeSpan.FromDays(400);
    private const int MostRuns = 100_000;

    private readonly CronExpression _expression;
    private readonly TimeZoneInfo _zone;

    /// <summary>Prepares the times of one schedule on one machine.</summary>
    /// <param name="settings">The schedule.</param>
    /// <param name="hostId">What tells the machine apart: <see cref="HostId.Read"/>.</param>
    /// <exception cref="FormatException">Its <c>cron</c> is none. One that was read from a file has been checked.</exception>
    public ScheduleTimes(ScheduleSettings settings, string hostId)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(hostId);
        (CronExpression? expression, string? problem) = CronText.Read(settings.Cron);
        _expression = expression ?? throw new FormatException($"`{settings.Cron}` is no cron expression: {problem}");
        _zone = settings.TimeZone;
        Delay = DelayOf(settings.Jitter, hostId, settings.Name);
    }

    /// <summary>How much later than <c>cron</c> says every run begins: from none to the schedule's jitter, in whole seconds, always the same for this host and schedule.</summary>
    public TimeSpan Delay { get; }

    /// <summary>The first run after a time (not at it), with <see cref="Delay"/>; null when there is none any more.</summary>
    public DateTimeOffset? Next(DateTimeOffset after)
    {
        // Cronos 0.13 answers the time itself again where it is the end of the hour that the clock leaves out (Europe/Dublin): who waits for the next run would run for ever.
        for (DateTimeOffset from = after - Delay; ; from += TimeSpan.FromSeconds(1))
        {
            if (_expression.GetNextOccurrence(from, _zone) is not { } occurrence) return null;
            if (occurrence + Delay > after) return TimeZoneInfo.ConvertTime(occurrence + Delay, _zone);
        }
    }

    /// <summary>The last run at a time or before it, with <see cref="Delay"/>; null when there was none.</summary>
    public DateTimeOffset? Latest(DateTimeOffset notAfter)
    {
        // Cronos 0.13 looks back into an hour that the clock leaves out and answers the last second before it: a hint where to look forward from, no more.
        for (DateTimeOffset? hint = _expression.GetPreviousOccurrence(notAfter - Delay, _zone, inclusive: true); hint is { } at; hint = _expression.GetPreviousOccurrence(at, _zone))
        {
            DateTimeOffset? latest = null;
            for (DateTimeOffset? run = Next(at + Delay - TimeSpan.FromSeconds(2)); run <= notAfter; run = Next(run.Value)) latest = run;
            if (latest is not null) return latest;
        }
        return null;
    }

    /// <summary>
    /// The longest time between one run and the next, of those from the last one before a time to a good year after it (or 100,000 runs, if that is less): a nightly run has 25
    /// hours in the night that is longer, one of working days has three days. <see cref="NoGap"/> where there are no two runs.
    /// </summary>
    public TimeSpan LongestGap(DateTimeOffset from)
    {
        DateTimeOffset? run = Latest(from) ?? Next(from);
        TimeSpan longest = TimeSpan.Zero;
        for (int i = 0; i < MostRuns && run is { } last && (longest == TimeSpan.Zero || last - from < Horizon); i++)
        {
            run = Next(last);
            if (run is { } next && next - last > longest) longest = next - last;
        }
        return longest == TimeSpan.Zero ? NoGap : longest;
    }

    private static TimeSpan DelayOf(TimeSpan jitter, string hostId, string schedule)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{hostId}\n{schedule}"));
        return TimeSpan.FromSeconds(BinaryPrimitives.ReadUInt64BigEndian(hash) % ((ulong)jitter.TotalSeconds + 1));
    }
}
