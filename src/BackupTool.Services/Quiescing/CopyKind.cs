namespace BackupTool.Services.Quiescing;

/// <summary>What a service did while its state was cut.</summary>
public enum CopyKind
{
    /// <summary>It ran.</summary>
    Online,
    /// <summary>It had not been running before.</summary>
    Inactive,
    /// <summary>It had been stopped, and had ended well.</summary>
    Clean,
    /// <summary>All its processes stood still: what a power cut would leave, but for caches, which are there.</summary>
    Frozen,
    /// <summary>It had been killed, had failed when it was stopped, or came back meanwhile: the copy is what a crash would leave. The reason says which.</summary>
    Crash,
}
