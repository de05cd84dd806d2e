using System.Text;
using BackupTool.Cli.Output;

namespace BackupTool.Tests.Cli;

/// <summary>A terminal whose two streams can be read afterwards.</summary>
internal sealed class RecordedTerminal : IDisposable
{
    private readonly MemoryStream _output = new(), _error = new();

    public RecordedTerminal(bool watched = false, bool color = false, bool journal = false, int width = 80, Verbosity verbosity = Verbosity.Normal) =>
        Terminal = new Terminal(_output, _error, new TerminalTraits(watched, watched, color, journal, () => width), verbosity);

    public Terminal Terminal { get; }

    public string Output => Read(_output);

    public string Error => Read(_error);

    public void Dispose() => Terminal.Dispose();

    private string Read(MemoryStream stream)
    {
        Terminal.Flush();
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
