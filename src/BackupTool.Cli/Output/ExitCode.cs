namespace BackupTool.Cli.Output;

/// <summary>What the process tells its caller. The numbers are a stable contract.</summary>
public enum ExitCode
{
    /// <summary>Everything that was asked for is done.</summary>
    Done = 0,
    /// <summary>It failed.</summary>
    Failed = 1,
    /// <summary>The command line or the configuration is wrong.</summary>
    Usage = 2,
    /// <summary>Done, but something was skipped, and named.</summary>
    DoneWithWarnings = 3,
    /// <summary>There is no repository where one was expected.</summary>
    NoRepository = 10,
    /// <summary>Another run holds the lock.</summary>
    Locked = 11,
    /// <summary>The key is missing or wrong.</summary>
    KeyMissingOrWrong = 12,
    /// <summary>The repository is damaged.</summary>
    RepositoryDamaged = 13,
    /// <summary>A service is not healthy.</summary>
    ServiceNotHealthy = 20,
    /// <summary>The result was not healthy, so the state before it was put back.</summary>
    RolledBack = 21,
    /// <summary>There was nothing to do.</summary>
    NothingToDo = 75,
    /// <summary>The operator cancelled.</summary>
    Cancelled = 130,
}
