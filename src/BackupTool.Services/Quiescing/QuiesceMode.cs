namespace BackupTool.Services.Quiescing;

/// <summary>What is done to a service while its state is cut.</summary>
public enum QuiesceMode
{
    /// <summary>Nothing: it runs on.</summary>
    Online,
    /// <summary>It is stopped, and started again.</summary>
    Stop,
    /// <summary>Its processes are frozen and thawed: it never ends, and its connections survive.</summary>
    Freeze,
}
