using System.Globalization;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Packs;

namespace BackupTool.Repositories.Pruning;

/// <summary>
/// Decides what becomes of each pack, and says why. Pure. A pack stays when it is the home of a referenced chunk; of a chunk that is in several packs one copy is enough.
/// The same repository gives the same plan.
/// </summary>
public sealed class PrunePlan
{
    private readonly CopyChoice _choice;

    private PrunePlan(CopyChoice choice, IReadOnlyList<PackVerdict> verdicts) => (_choice, Verdicts) = (choice, verdicts);

    /// <summary>One for each pack, in the order of their names.</summary>
    public IReadOnlyList<PackVerdict> Verdicts { get; }

    /// <summary>Packs with this fate, in the order of their names.</summary>
    public IEnumerable<PackVerdict> With(PackFate fate) => Verdicts.Where(verdict => verdict.Fate == fate);

    /// <summary>The pack that a referenced chunk is kept in; null for a chunk that nothing references.</summary>
    public PackUse? HomeOf(ChunkId chunk) => _choice.HomeOf(chunk) is >= 0 and int home ? _choice.Packs[home] : null;

    /// <summary>Decides.</summary>
    /// <param name="packs">All packs that are whole, in any order.</param>
    /// <param name="referenced">Every chunk that a snapshot needs: each is in one of the packs.</param>
    /// <param name="now">The time.</param>
    /// <param name="options">How thoroughly.</param>
    /// <exception cref="ArgumentException">A referenced chunk is in none of the packs: then nothing must be removed.</exception>
    public static PrunePlan Make(IEnumerable<PackUse> packs, IReadOnlySet<ChunkId> referenced, DateTimeOffset now, PruneOptions options) =>
        Make(packs, [.. referenced], referenced.Contains, now, options);

    internal static PrunePlan Make(
        IEnumerable<PackUse> packs, IReadOnlyCollection<ChunkId> referenced, Func<ChunkId, bool> isReferenced, DateTimeOffset now, PruneOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var choice = new CopyChoice(packs, referenced, isReferenced, options.MaxWaste);
        HashSet<PackId> repacked = ChooseRepacked(choice, options);
        return new PrunePlan(choice, [.. choice.Packs.Select((pack, at) => choice.LiveBytes(at) == 0
            ? JudgeUnneeded(pack, choice.FrameBytes(at), now, options.Grace)
            : JudgeNeeded(pack, choice.LiveBytes(at), choice.FrameBytes(at) - choice.LiveBytes(at), repacked.Contains(pack.Id), options))]);
    }

    /// <summary>The worst first, as many as the bound allows.</summary>
    private static HashSet<PackId> ChooseRepacked(CopyChoice choice, PruneOptions options)
    {
        var chosen = new HashSet<PackId>();
        long left = options.MaxRepackBytes;
        var wasteful = choice.Packs.Select((pack, at) => (Pack: pack, Live: choice.LiveBytes(at), Share: (double)(choice.FrameBytes(at) - choice.LiveBytes(at)) / choice.FrameBytes(at)))
            .Where(candidate => candidate.Live > 0 && candidate.Share > options.MaxWaste);
        foreach ((PackUse pack, _, _) in wasteful.OrderByDescending(static candidate => candidate.Share))   // stable: then in the order of the names
        {
            if (pack.Bytes > left) continue;
            left -= pack.Bytes;
            chosen.Add(pack.Id);
        }
        return chosen;
    }

    private static PackVerdict JudgeUnneeded(PackUse pack, long frames, DateTimeOffset now, TimeSpan grace)
    {
        if (grace <= TimeSpan.Zero) return new(pack, PackFate.Remove, 0, frames, null, "nothing needs it");
        if (pack.MarkedAt is not { } marked) return new(pack, PackFate.Mark, 0, frames, now + grace, "nothing needs it");
        // A clock that was set back: waiting for the mark's own time could take for ever.
        if (marked > now) return new(pack, PackFate.Mark, 0, frames, now + grace, "nothing needs it, and its mark is of the future");
        return now - marked >= grace
            ? new(pack, PackFate.Remove, 0, frames, null, $"nothing needs it, and nothing has since {Format(marked)}")
            : new(pack, PackFate.Wait, 0, frames, marked + grace, $"nothing needs it; marked at {Format(marked)}");
    }

    private static PackVerdict JudgeNeeded(PackUse pack, long live, long waste, bool isRepacked, PruneOptions options)
    {
        double share = (double)waste / (live + waste);
        string wasteText = waste == 0 ? "needed wholly" : string.Create(CultureInfo.InvariantCulture, $"needed, with {share * 100:0.#} % waste");
        if (isRepacked) return new(pack, PackFate.Repack, live, waste, null, wasteText);
        if (share > options.MaxWaste) wasteText += " that this run has no bytes left to pack anew";
        return new(pack, pack.MarkedAt is null ? PackFate.Keep : PackFate.Unmark, live, waste, null, wasteText);
    }

    private static string Format(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
