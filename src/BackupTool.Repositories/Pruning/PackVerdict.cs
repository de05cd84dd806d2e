using BackupTool.Repositories.Packs;

namespace BackupTool.Repositories.Pruning;

/// <summary>A pack as prune found it: it is there, and as long as its chunks say.</summary>
/// <param name="Id">Which.</param>
/// <param name="Bytes">Size of its file.</param>
/// <param name="IsIndexed">Whether an index file names it; an interrupted run leaves packs that none names.</param>
/// <param name="MarkedAt">Since when it is marked as needed by nothing; null when it is not.</param>
/// <param name="Chunks">What it holds.</param>
public sealed record PackUse(PackId Id, long Bytes, bool IsIndexed, DateTimeOffset? MarkedAt, IReadOnlyList<PackedChunk> Chunks);

/// <summary>What is to become of a pack.</summary>
public enum PackFate
{
    /// <summary>It is needed, and stays.</summary>
    Keep,
    /// <summary>It is needed again: its mark goes.</summary>
    Unmark,
    /// <summary>Nothing needs it: it gets a mark of now.</summary>
    Mark,
    /// <summary>Nothing needs it, and its mark is younger than the grace period.</summary>
    Wait,
    /// <summary>Nothing needs it, and the grace period is over.</summary>
    Remove,
    /// <summary>It is needed, and holds much that is not: its live chunks are copied into new packs, and nothing needs it then.</summary>
    Repack,
}

/// <summary>What is to become of one pack, and why.</summary>
/// <param name="Pack">Which.</param>
/// <param name="Fate">What becomes of it.</param>
/// <param name="LiveBytes">Bytes of the frames that are needed from this pack.</param>
/// <param name="WasteBytes">Bytes of the other frames: needed by nothing, or kept in another pack.</param>
/// <param name="RemovableAt">When it may be removed, for what is marked or waits.</param>
/// <param name="Reason">For people.</param>
public sealed record PackVerdict(PackUse Pack, PackFate Fate, long LiveBytes, long WasteBytes, DateTimeOffset? RemovableAt, string Reason)
{
    /// <summary>Which share of its frames is waste: 0 to 1.</summary>
    public double Waste => LiveBytes + WasteBytes == 0 ? 0 : (double)WasteBytes / (LiveBytes + WasteBytes);
}
