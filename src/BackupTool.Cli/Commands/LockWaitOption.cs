using System.CommandLine;

namespace BackupTool.Cli.Commands;

/// <summary><c>--lock-wait</c> of commands that take a lock on the repository.</summary>
internal sealed class LockWaitOption
{
    private static readonly TimeSpan Usual = TimeSpan.FromMinutes(1);

    internal Option<string?> Option { get; } = new("--lock-wait") { Description = "How long to wait for another run, such as 30s or 10m [default: the configured time]", HelpName = "TIME" };

    /// <summary>What was given; null when nothing was.</summary>
    /// <exception cref="UsageException">It is no time.</exception>
    internal TimeSpan? Value(CommandContext context) => context.TimeOf(Option);

    /// <summary>What was given, else what is configured where a configuration can be read, else a minute.</summary>
    /// <exception cref="UsageException">It is no time.</exception>
    internal TimeSpan ValueOrUsual(CommandContext context) => Value(context) ?? context.TryReadConfiguration()?.Repository.LockWait ?? Usual;
}
