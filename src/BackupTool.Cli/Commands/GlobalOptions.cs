using System.CommandLine;

namespace BackupTool.Cli.Commands;

/// <summary>The options that every command has.</summary>
internal sealed class GlobalOptions
{
    internal const string DefaultConfig = "/etc/backup/backup.toml";

    internal Option<string?> Config { get; } = new("--config", "-c")
    {
        Description = $"Configuration file [default: $BACKUP_CONFIG, else {DefaultConfig}]",
        HelpName = "FILE",
        Recursive = true,
    };

    internal Option<string?> Repository { get; } = new("--repository", "-r")
    {
        Description = "Repository to use instead of the configured one; no configuration is needed then to read it",
        HelpName = "DIR",
        Recursive = true,
    };

    internal Option<bool> Json { get; } = new("--json") { Description = "Print one JSON document on standard output", Recursive = true };

    internal Option<bool> NoColor { get; } = new("--no-color") { Description = "No colours ($NO_COLOR does the same)", Recursive = true };

    internal Option<bool> Quiet { get; } = new("--quiet", "-q") { Description = "Only warnings and errors", Recursive = true };

    internal Option<bool> Verbose { get; } = new("--verbose", "-v") { Description = "Tell more; -vv prints stack traces", Recursive = true };

    internal Option<bool> Trace { get; } = new("-vv") { Description = "As -v, with stack traces", Recursive = true, Hidden = true };

    internal IEnumerable<Option> All => [Config, Repository, Json, NoColor, Quiet, Verbose, Trace];
}
