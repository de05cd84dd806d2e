using BackupTool.Operations.Verify;

namespace BackupTool.Operations.Schedules;

/// <summary><c>verify = { … }</c>: how thoroughly the step <c>verify</c> looks.</summary>
public sealed record ScheduleVerification
{
    /// <summary>How thoroughly.</summary>
    public VerifyLevel Level { get; init; } = VerifyLevel.Data;

    /// <summary>For the level content: every snapshot is put together again, not the newest alone.</summary>
    public bool EverySnapshot { get; init; }

    /// <summary>For the level data: every run reads one of so many parts of the packs, and the next one at the next run; 1 for all at once.</summary>
    public int Parts { get; init; } = 1;
}
