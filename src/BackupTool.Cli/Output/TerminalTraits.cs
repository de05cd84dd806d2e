using System.Globalization;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Cli.Output;

/// <summary>How much is told on standard error.</summary>
public enum Verbosity
{
    /// <summary>-q: warnings and errors only.</summary>
    Quiet,
    /// <summary>Messages and progress, too.</summary>
    Normal,
    /// <summary>-v: details, too.</summary>
    Verbose,
    /// <summary>-vv: stack traces, too.</summary>
    Trace,
}

/// <summary>What stands at the other end of the two streams.</summary>
/// <param name="OutputIsTerminal">Whether a person sees standard output.</param>
/// <param name="ErrorIsTerminal">Whether a person sees standard error.</param>
/// <param name="Color">Whether colours are wanted where a person sees them.</param>
/// <param name="JournalPriorities">Whether standard error goes to the systemd journal, which takes priorities as <c>&lt;N&gt;</c> before a line.</param>
/// <param name="Width">Asks for the terminal's columns, which may change; not asked when neither stream is a terminal.</param>
public sealed record TerminalTraits(bool OutputIsTerminal, bool ErrorIsTerminal, bool Color, bool JournalPriorities, Func<int> Width)
{
    /// <summary>Looks at this process's own streams and environment (NO_COLOR, TERM, JOURNAL_STREAM).</summary>
    public static TerminalTraits Detect(bool noColor)
    {
        bool color = !noColor
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");
        return new TerminalTraits(!Console.IsOutputRedirected, !Console.IsErrorRedirected, color, IsJournal(), MeasureWidth);
    }

    /// <summary>Whether a <c>JOURNAL_STREAM</c> value, <c>device:inode</c> in decimal, names this very file.</summary>
    public static bool NamesStream(string? journalStream, in FileStatus stream)
    {
        if (journalStream?.Split(':') is not [string device, string inode]) return false;
        ulong major = stream.Device >> 32, minor = (uint)stream.Device;
        // As glibc's makedev packs the two numbers into st_dev.
        ulong packed = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xffUL) << 12) | ((major & ~0xfffUL) << 32);
        return device == packed.ToString(CultureInfo.InvariantCulture) && inode == stream.Inode.ToString(CultureInfo.InvariantCulture);
    }

    // The variable is inherited by children whose standard error goes elsewhere, so systemd.exec(5) asks to compare the inode.
    private static bool IsJournal()
    {
        string? journalStream = Environment.GetEnvironmentVariable("JOURNAL_STREAM");
        if (string.IsNullOrEmpty(journalStream)) return false;
        try
        {
            using var error = new SafeFileHandle(2, ownsHandle: false);
            return NamesStream(journalStream, PosixFile.GetStatus(error, BytePath.From("standard error")));
        }
        catch (PosixException)
        {
            return false; // Standard error is closed: nobody reads priorities either.
        }
    }

    private static int MeasureWidth() => Console.WindowWidth is > 0 and int columns ? columns : 80;
}
