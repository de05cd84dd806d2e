using BackupTool.Cli.Output;

namespace BackupTool.Cli.Agent;

/// <summary>Words for how a run ended: those of the JSON, and for people.</summary>
internal static class RunOutcome
{
    internal const string None = "none", Running = "running", Done = "done", Warnings = "warnings", Failed = "failed", Interrupted = "interrupted";

    /// <summary>In a word.</summary>
    internal static string Of(int exitCode) => (ExitCode)exitCode switch
    {
        ExitCode.Done or ExitCode.NothingToDo => Done,
        ExitCode.DoneWithWarnings => Warnings,
        _ => Failed,
    };

    /// <summary>With the number.</summary>
    internal static string Describe(int exitCode) => (ExitCode)exitCode switch
    {
        ExitCode.Done => "exit code 0 (done)",
        ExitCode.Failed => "exit code 1 (failed)",
        ExitCode.Usage => "exit code 2 (usage or configuration)",
        ExitCode.DoneWithWarnings => "exit code 3 (done with warnings)",
        ExitCode.NoRepository => "exit code 10 (no repository)",
        ExitCode.Locked => "exit code 11 (another run holds the lock)",
        ExitCode.KeyMissingOrWrong => "exit code 12 (the key is missing or wrong)",
        ExitCode.RepositoryDamaged => "exit code 13 (the repository is damaged)",
        ExitCode.ServiceNotHealthy => "exit code 20 (a service is not healthy)",
        ExitCode.RolledBack => "exit code 21 (rolled back)",
        ExitCode.NothingToDo => "exit code 75 (nothing to do)",
        ExitCode.Cancelled => "exit code 130 (cancelled)",
        _ when exitCode > 128 => $"exit code {exitCode} (signal {exitCode - 128} ended it)",
        _ => $"exit code {exitCode}",
    };
}
