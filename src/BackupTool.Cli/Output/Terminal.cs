using System.Text;

namespace BackupTool.Cli.Output;

/// <summary>How a piece of text looks on a terminal that shows colours.</summary>
public enum TextStyle
{
    /// <summary>As it is.</summary>
    Plain,
    /// <summary>A heading.</summary>
    Bold,
    /// <summary>Of less interest.</summary>
    Dim,
    /// <summary>It went well.</summary>
    Good,
    /// <summary>A warning.</summary>
    Warning,
    /// <summary>An error.</summary>
    Error,
}

/// <summary>
/// Where everything that the operator reads goes: results to standard output, progress and messages to standard error. Control characters
/// in texts are shown escaped, never obeyed. Thread-safe; results are buffered until a message follows, <see cref="Flush"/> or the end. Never fails: see <see cref="OutputFailure"/>.
/// </summary>
public sealed class Terminal : IDisposable
{
    private const string ClearLine = "\r\x1b[2K";
    private readonly Lock _lock = new();
    private readonly TerminalTraits _traits;
    private readonly ForgivingStream _outputStream;
    private readonly StreamWriter _output, _error;
    private string _liveLine = "";

    /// <summary>Writes UTF-8 to the two streams, which stay the caller's to close.</summary>
    public Terminal(Stream output, Stream error, TerminalTraits traits, Verbosity verbosity = Verbosity.Normal)
    {
        _outputStream = new ForgivingStream(output);
        _output = new StreamWriter(_outputStream, new UTF8Encoding(false), 16 * 1024, leaveOpen: true);
        _error = new StreamWriter(new ForgivingStream(error), new UTF8Encoding(false), 1024, leaveOpen: true);
        _traits = traits;
        Verbosity = verbosity;
    }

    /// <summary>The terminal of this process.</summary>
    public static Terminal ForProcess(bool noColor, Verbosity verbosity) =>
        new(Console.OpenStandardOutput(), Console.OpenStandardError(), TerminalTraits.Detect(noColor), verbosity);

    /// <summary>Why results are not all on standard output, as far as they have been handed on; null when they are.</summary>
    public Exception? OutputFailure => _outputStream.Failure;

    /// <summary>How much is told on standard error.</summary>
    public Verbosity Verbosity { get; }

    /// <summary>Whether a person watches standard error, so that a line may be redrawn in place.</summary>
    public bool IsWatched => _traits.ErrorIsTerminal;

    /// <summary>Columns for results; <see cref="int.MaxValue"/> when they go to a file or a pipe and must not be cut.</summary>
    public int OutputWidth => _traits.OutputIsTerminal ? _traits.Width() : int.MaxValue;

    /// <summary>Columns of standard error; <see cref="int.MaxValue"/> when nobody watches it.</summary>
    public int ErrorWidth => _traits.ErrorIsTerminal ? _traits.Width() : int.MaxValue;

    /// <summary>A result, on standard output.</summary>
    public void WriteLine(string text = "", TextStyle style = TextStyle.Plain)
    {
        string line = Paint(PrintableText.Escape(text, keepLines: true), style, _traits.OutputIsTerminal);
        lock (_lock)
        {
            ClearLiveLine();
            _output.WriteLine(line);
            if (_liveLine.Length > 0) _output.Flush();
            DrawLiveLine();
        }
    }

    /// <summary>A whole document as bytes on standard output.</summary>
    public void WriteDocument(Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        lock (_lock)
        {
            ClearLiveLine();
            _output.Flush();
            write(_outputStream);
            _outputStream.Flush();
            DrawLiveLine();
        }
    }

    /// <summary>Only with -v: on standard error.</summary>
    public void Detail(string text)
    {
        if (Verbosity >= Verbosity.Verbose) Log("<6>", "", text, TextStyle.Dim);
    }

    /// <summary>Good to know, on standard error; not with -q.</summary>
    public void Info(string text)
    {
        if (Verbosity >= Verbosity.Normal) Log("<6>", "", text, TextStyle.Plain);
    }

    /// <summary>A warning, on standard error.</summary>
    public void Warn(string text) => Log("<4>", "warning: ", text, TextStyle.Warning);

    /// <summary>An error, on standard error.</summary>
    public void Error(string text) => Log("<3>", "error: ", text, TextStyle.Error);

    /// <summary>Draws one line on standard error that the next call replaces and an empty text removes. Only where <see cref="IsWatched"/>.</summary>
    public void SetLiveLine(string text)
    {
        if (!IsWatched) return;
        // One column stays free: a full last column wraps on many terminals.
        string line = PrintableText.Truncate(PrintableText.Escape(text), ErrorWidth - 1);
        lock (_lock)
        {
            if (line == _liveLine) return;
            if (line.Length > 0) _output.Flush();
            ClearLiveLine();
            _liveLine = line;
            DrawLiveLine();
        }
    }

    /// <summary>Hands on whatever is still buffered.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            _output.Flush();
            _error.Flush();
        }
    }

    /// <summary>Removes the live line and flushes.</summary>
    public void Dispose()
    {
        SetLiveLine("");
        Flush();
        _output.Dispose();
        _error.Dispose();
    }

    private void Log(string priority, string label, string text, TextStyle style)
    {
        string[] lines = PrintableText.Escape(text, keepLines: true).TrimEnd('\n').Split('\n');
        lock (_lock)
        {
            _output.Flush();
            ClearLiveLine();
            for (int i = 0; i < lines.Length; i++)
            {
                if (_traits.JournalPriorities) _error.Write(priority);
                // A label is what stands out; text without one is painted itself.
                if (label.Length == 0) _error.WriteLine(Paint(lines[i], style, _traits.ErrorIsTerminal));
                else _error.WriteLine((i == 0 ? Paint(label, style, _traits.ErrorIsTerminal) : "") + lines[i]);
            }
            DrawLiveLine();
            _error.Flush();
        }
    }

    private void ClearLiveLine()
    {
        if (_liveLine.Length == 0) return;
        _error.Write(ClearLine);
        _error.Flush();
    }

    private void DrawLiveLine()
    {
        if (_liveLine.Length == 0) return;
        _error.Write(_liveLine);
        _error.Flush();
    }

    private string Paint(string text, TextStyle style, bool seen)
    {
        if (!_traits.Color || !seen || text.Length == 0) return text;
        string? code = style switch
        {
            TextStyle.Bold => "1",
            TextStyle.Dim => "2",
            TextStyle.Good => "32",
            TextStyle.Warning => "33",
            TextStyle.Error => "1;31",
            _ => null,
        };
        return code is null ? text : $"\x1b[{code}m{text}\x1b[0m";
    }
}
