using System.Globalization;
using BackupTool.Cli.Output;
using BackupTool.Services.Systemd;

namespace BackupTool.Cli.Commands;

/// <summary>Tells what is wrong with a service, with the last lines of its journal.</summary>
internal static class UnitProblems
{
    internal static void Print(Terminal terminal, string name, string problem, IReadOnlyList<JournalLine> journal)
    {
        string lines = string.Concat(journal.Select(static line => string.Create(CultureInfo.InvariantCulture, $"\n  {line.Time.ToLocalTime():HH:mm:ss} {line.Text}")));
        terminal.Error($"{name}: {problem}{lines}");
    }
}
