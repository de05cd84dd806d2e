using System.CommandLine;
using BackupTool.Operations.Configuration;

namespace BackupTool.Cli.Commands;

/// <summary>Lengths of time on the command line.</summary>
internal static class TimeOption
{
    /// <summary>What was given; null when nothing was.</summary>
    /// <exception cref="UsageException">It is no time.</exception>
    internal static TimeSpan? TimeOf(this CommandContext context, Option<string?> option) => context.Value(option) is not { } text ? null : DurationText.TryParse(text, out TimeSpan time) ? time
        : throw new UsageException($"{option.Name}: '{text}' is no time.", "Write a number and a unit: 30s, 10m, 2h, 1d.");
}
