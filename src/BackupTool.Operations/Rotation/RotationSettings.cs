using BackupTool.Repositories.Retention;

namespace BackupTool.Operations.Rotation;

/// <summary><c>[rotation]</c></summary>
public sealed record RotationSettings
{
    /// <summary>How long snapshots are kept that no schedule made and no label has a policy for; null: for ever.</summary>
    public RetentionPolicy? Keep { get; init; }

    /// <summary><c>[rotation.label.NAME] keep</c>: how long snapshots with a label are kept.</summary>
    public IReadOnlyDictionary<string, RetentionPolicy> Labels { get; init; } = new Dictionary<string, RetentionPolicy>();

    /// <summary>How long a pack that nothing needs stays before it is removed.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Packs with more waste than this share are packed anew; 0.3 is 30 %.</summary>
    public double MaxWaste { get; init; } = 0.3;

    /// <summary>How many bytes of packs one run packs anew at most.</summary>
    public long MaxRepackBytes { get; init; } = 2L << 30;
}
