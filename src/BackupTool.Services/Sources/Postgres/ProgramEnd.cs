using System.Text;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>How a program ended, and the last it said on standard error.</summary>
/// <param name="ExitCode">128 + the signal's number when one ended it.</param>
/// <param name="Lines">The last lines of standard error, of bounded length.</param>
/// <param name="SaidError">Whether any line of standard error, also one not kept, was an error rather than a warning.</param>
internal sealed record ProgramEnd(int ExitCode, IReadOnlyList<string> Lines, bool SaidError)
{
    private const int LastLines = 20, LongestLine = 1000;

    /// <summary>Whether it did all it was told.</summary>
    internal bool IsSuccess => ExitCode == 0 && !SaidError;

    /// <summary>How it ended, in words.</summary>
    internal string How => ExitCode > 128 ? $"was ended by signal {ExitCode - 128}" : $"ended with {ExitCode}";

    /// <summary>Reads standard error to its end, however much it is, and keeps little.</summary>
    internal static (IReadOnlyList<string> Lines, bool SaidError) Drain(TextReader error)
    {
        var lines = new Queue<string>();
        bool saidError = false;
        var line = new StringBuilder();
        var buffer = new char[4096];
        for (int read; (read = error.Read(buffer, 0, buffer.Length)) > 0;)
            foreach (char c in buffer.AsSpan(0, read))
            {
                if (c == '\n') EndLine();
                else if (line.Length < LongestLine) line.Append(char.IsControl(c) ? ' ' : c);
            }
        EndLine();
        return ([.. lines], saidError);

        void EndLine()
        {
            string text = line.ToString().Trim();
            line.Clear();
            if (text.Length == 0) return;
            saidError |= IsError(text);
            lines.Enqueue(text);
            if (lines.Count > LastLines) lines.Dequeue();
        }
    }

    // "pg_dump: error: …" (12 on); "pg_dump: fatal: …" (12, 13); "ERROR: …" and "FATAL: …" are the server's, quoted.
    private static bool IsError(string line) =>
        line.Contains("error: ", StringComparison.OrdinalIgnoreCase) || line.Contains("fatal: ", StringComparison.OrdinalIgnoreCase)
        || line.Contains("panic: ", StringComparison.OrdinalIgnoreCase);
}
