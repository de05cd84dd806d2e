namespace BackupTool.Cli.Output;

/// <summary>How far a phase is at one moment.</summary>
/// <param name="Phase">Its name.</param>
/// <param name="Fraction">0 to 1; null when the total is unknown.</param>
/// <param name="Bytes">Bytes done.</param>
/// <param name="TotalBytes">Bytes there are; null when unknown.</param>
/// <param name="Items">Things done.</param>
/// <param name="TotalItems">Things there are; null when unknown.</param>
/// <param name="BytesPerSecond">Over the last seconds.</param>
/// <param name="Left">Time left at the present rate; null when that cannot be said.</param>
public readonly record struct ProgressReading(
    string Phase, double? Fraction, long Bytes, long? TotalBytes, long Items, long? TotalItems, double BytesPerSecond, TimeSpan? Left);

/// <summary>Counts one phase: any thread advances it, one at a time reads it.</summary>
public sealed class ProgressMeter(string phase, long? totalBytes, long? totalItems)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);
    private readonly Queue<(TimeSpan At, long Bytes, long Items)> _samples = new();
    private long _bytes, _items;

    /// <summary>This much more is done.</summary>
    public void Advance(long bytes, long items)
    {
        if (bytes != 0) Interlocked.Add(ref _bytes, bytes);
        if (items != 0) Interlocked.Add(ref _items, items);
    }

    /// <summary>Reads the phase; the rate is that of the last five seconds of readings. Not thread-safe.</summary>
    /// <param name="now">Time on any clock that only goes forward.</param>
    public ProgressReading Read(TimeSpan now)
    {
        long bytes = Interlocked.Read(ref _bytes), items = Interlocked.Read(ref _items);
        _samples.Enqueue((now, bytes, items));
        while (_samples.Count > 2 && now - _samples.Peek().At > Window) _samples.Dequeue();

        (TimeSpan then, long bytesThen, long itemsThen) = _samples.Peek();
        double seconds = (now - then).TotalSeconds;
        double bytesPerSecond = seconds > 0 ? (bytes - bytesThen) / seconds : 0;
        double itemsPerSecond = seconds > 0 ? (items - itemsThen) / seconds : 0;

        bool byBytes = totalBytes > 0;
        double? fraction = byBytes ? (double)bytes / totalBytes : totalItems > 0 ? (double)items / totalItems : null;
        double remaining = byBytes ? totalBytes!.Value - bytes : (totalItems ?? 0) - items;
        double rate = byBytes ? bytesPerSecond : itemsPerSecond;
        TimeSpan? left = fraction is null || rate <= 0 || remaining / rate > TimeSpan.FromDays(100).TotalSeconds
            ? null : TimeSpan.FromSeconds(Math.Ceiling(Math.Max(0, remaining) / rate));
        return new ProgressReading(phase, fraction is double f ? Math.Clamp(f, 0, 1) : null, bytes, totalBytes, items, totalItems, bytesPerSecond, left);
    }
}
