using System.Globalization;
using System.Text;
using BackupTool.Operations;

namespace BackupTool.Cli.Output;

/// <summary>
/// Shows long work on standard error: a line redrawn ten times a second on a terminal, else a plain line every ten seconds. Work shorter than
/// a second shows nothing, and the line is gone once this is disposed. With -q only warnings are told.
/// </summary>
public sealed class ProgressBar : IProgressObserver, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RedrawEvery = TimeSpan.FromMilliseconds(100), LogEvery = TimeSpan.FromSeconds(10);
    private const int NarrowestBar = 10, WidestBar = 30;
    private readonly Terminal _terminal;
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly ITimer? _timer;
    private readonly Lock _tick = new();
    private volatile ProgressMeter? _meter;
    private bool _ended;

    /// <summary>Starts the clock: work is long when it lasts a second from now on.</summary>
    public ProgressBar(Terminal terminal, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(terminal);
        ArgumentNullException.ThrowIfNull(time);
        _terminal = terminal;
        _time = time;
        _start = time.GetTimestamp();
        if (terminal.Verbosity == Verbosity.Quiet) return;
        TimeSpan period = terminal.IsWatched ? RedrawEvery : LogEvery;
        _timer = time.CreateTimer(_ => Tick(), null, period, period);
    }

    /// <inheritdoc/>
    public void Begin(string phase, long? totalBytes, long? totalItems)
    {
        var meter = new ProgressMeter(phase, totalBytes, totalItems);
        lock (_tick)
        {
            meter.Read(_time.GetElapsedTime(_start));
            _meter = meter;
        }
        _terminal.Detail(phase);
    }

    /// <inheritdoc/>
    public void Advance(long bytes, long items) => _meter?.Advance(bytes, items);

    /// <inheritdoc/>
    public void Message(string text) => _terminal.Info(text);

    /// <inheritdoc/>
    public void Warn(string text) => _terminal.Warn(text);

    /// <summary>Removes the line and stops.</summary>
    public void Dispose()
    {
        lock (_tick) _ended = true;
        _timer?.Dispose();
        _terminal.SetLiveLine("");
    }

    /// <summary>The line for a terminal of <paramref name="columns"/>: the bar takes what the figures leave, or is left out.</summary>
    public static string Line(in ProgressReading reading, int columns)
    {
        string figures = string.Join("  ", Figures(reading));
        int room = columns - PrintableText.Width(reading.Phase) - PrintableText.Width(figures) - "  []  ".Length;
        if (reading.Fraction is not double fraction || room < NarrowestBar) return $"{reading.Phase}  {figures}";
        int cells = Math.Min(room, WidestBar), full = (int)(fraction * cells);
        return new StringBuilder(reading.Phase).Append("  [").Append('#', full).Append('-', cells - full).Append("]  ").Append(figures).ToString();
    }

    // Begin and Dispose hold the lock for an instant only; two ticks at once would draw the same line twice.
    private void Tick()
    {
        if (!_tick.TryEnter()) return;
        try
        {
            TimeSpan elapsed = _time.GetElapsedTime(_start);
            if (_ended || _meter is not ProgressMeter meter) return;
            ProgressReading reading = meter.Read(elapsed);
            if (elapsed < Patience) return;
            if (_terminal.IsWatched) _terminal.SetLiveLine(Line(reading, _terminal.ErrorWidth - 1));
            else _terminal.Info($"{reading.Phase}: {string.Join(", ", Figures(reading))}");
        }
        finally
        {
            _tick.Exit();
        }
    }

    private static IEnumerable<string> Figures(ProgressReading reading)
    {
        if (reading.Fraction is double fraction) yield return string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(fraction * 100):0} %");
        if (reading.TotalBytes is long totalBytes) yield return $"{ByteSize.Format(reading.Bytes)} of {ByteSize.Format(totalBytes)}";
        else if (reading.Bytes > 0) yield return ByteSize.Format(reading.Bytes);
        if (reading.TotalItems is long totalItems) yield return string.Create(CultureInfo.InvariantCulture, $"{reading.Items:N0} of {totalItems:N0}");
        else if (reading.Bytes == 0 && reading.Items > 0) yield return reading.Items.ToString("N0", CultureInfo.InvariantCulture);
        if (reading.BytesPerSecond >= 1) yield return $"{ByteSize.Format((long)reading.BytesPerSecond)}/s";
        if (reading.Left is TimeSpan left) yield return left.TotalSeconds < 60 ? $"{left.Seconds} s left" : $"{Duration.Format(left)} left";
    }
}
