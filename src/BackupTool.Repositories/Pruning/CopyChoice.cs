using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Packs;

namespace BackupTool.Repositories.Pruning;

/// <summary>
/// Chooses for each referenced chunk the one pack that it is kept in: its <i>home</i>. A chunk of one pack alone leaves no choice. Of several copies that in a pack which stays anyway, and as it is;
/// then packs are taken one by one, those first that consist of such chunks most, so that most others become free. Packs that are marked, and after them those that no index names, come last.
/// The same packs and references give the same choice in any order.
/// </summary>
internal sealed class CopyChoice
{
    private readonly List<PackUse> _packs;
    private readonly Dictionary<ChunkId, int> _homes = [];
    private readonly Dictionary<ChunkId, List<(int Pack, int Length)>> _open = [];
    private readonly long[] _frames, _live, _coverable;

    internal CopyChoice(IEnumerable<PackUse> packs, IReadOnlyCollection<ChunkId> referenced, Func<ChunkId, bool> isReferenced, double maxWaste)
    {
        _packs = [.. packs.OrderBy(static pack => pack.Id.Hex, StringComparer.Ordinal)];
        _frames = [.. _packs.Select(static pack => pack.Chunks.Sum(static chunk => (long)chunk.Length))];
        (_live, _coverable) = (new long[_packs.Count], new long[_packs.Count]);
        FindHolders(isReferenced);
        if (_homes.Count != referenced.Count) throw new ArgumentException($"{referenced.Count - _homes.Count} referenced chunks are in no pack.", nameof(referenced));
        UseNeededPacks(maxWaste);
        while (FindBest() is >= 0 and int best) Take(best);
    }

    /// <summary>All packs, in the order of their names.</summary>
    internal IReadOnlyList<PackUse> Packs => _packs;

    /// <summary>Bytes of frames of the chunks that have their home in this pack.</summary>
    internal long LiveBytes(int pack) => _live[pack];

    /// <summary>Bytes of all frames of this pack.</summary>
    internal long FrameBytes(int pack) => _frames[pack];

    /// <summary>Where a referenced chunk is kept; −1 for one that nothing references.</summary>
    internal int HomeOf(ChunkId chunk) => _homes.GetValueOrDefault(chunk, -1);

    private void FindHolders(Func<ChunkId, bool> isReferenced)
    {
        var lengths = new Dictionary<ChunkId, int>();
        for (int pack = 0; pack < _packs.Count; pack++)
        {
            foreach (PackedChunk chunk in _packs[pack].Chunks)
            {
                if (!isReferenced(chunk.Id)) continue;
                if (_homes.TryAdd(chunk.Id, pack))
                {
                    lengths.Add(chunk.Id, chunk.Length);
                    continue;
                }
                if (!_open.TryGetValue(chunk.Id, out var holders)) _open.Add(chunk.Id, holders = [(_homes[chunk.Id], lengths[chunk.Id])]);
                if (!holders.Exists(holder => holder.Pack == pack)) holders.Add((pack, chunk.Length));
            }
        }
        foreach ((ChunkId chunk, List<(int, int)> holders) in _open.ToList())
            if (holders.Count == 1) _open.Remove(chunk);   // twice in one pack
        foreach ((ChunkId chunk, int pack) in _homes)
            if (!_open.ContainsKey(chunk)) _live[pack] += lengths[chunk];
    }

    /// <summary>
    /// Copies in packs that stay for another chunk's sake cost nothing; of several such packs the one with the least waste. Not in those that would have too much waste all the same: they are
    /// to be packed anew, and what has a copy elsewhere should not be copied again.
    /// </summary>
    private void UseNeededPacks(double maxWaste)
    {
        foreach ((int pack, int length) in _open.Values.SelectMany(static holders => holders)) _coverable[pack] += length;
        double[] share = [.. _packs.Select((_, pack) => _live[pack] == 0 || (double)(_frames[pack] - _live[pack] - _coverable[pack]) / _frames[pack] > maxWaste ? 0 : (double)_live[pack] / _frames[pack])];
        foreach ((ChunkId chunk, List<(int Pack, int Length)> holders) in _open.ToList())
        {
            (int Pack, int Length)? best = null;
            foreach ((int Pack, int Length) holder in holders)
                if (share[holder.Pack] > 0 && (best is null || (Rank(holder.Pack), -share[holder.Pack]).CompareTo((Rank(best.Value.Pack), -share[best.Value.Pack])) < 0)) best = holder;
            if (best is not { } home) continue;
            foreach ((int pack, int length) in holders) _coverable[pack] -= length;
            Settle(chunk, home.Pack, home.Length);
        }
    }

    private void Settle(ChunkId chunk, int pack, int length)
    {
        _homes[chunk] = pack;
        _live[pack] += length;
        _open.Remove(chunk);
    }

    private int Rank(int pack) => !_packs[pack].IsIndexed ? 2 : _packs[pack].MarkedAt is not null ? 1 : 0;

    private int FindBest()
    {
        int best = -1;
        for (int pack = 0; pack < _packs.Count; pack++)
            if (_coverable[pack] > 0 && (best < 0 || OrderOf(pack).CompareTo(OrderOf(best)) < 0)) best = pack;
        return best;
    }

    private (int, double, long) OrderOf(int pack) => (Rank(pack), -(double)_coverable[pack] / _frames[pack], -_coverable[pack]);

    private void Take(int best)
    {
        foreach (PackedChunk chunk in _packs[best].Chunks)
        {
            if (!_open.TryGetValue(chunk.Id, out var holders)) continue;
            foreach ((int pack, int length) in holders) _coverable[pack] -= length;
            Settle(chunk.Id, best, chunk.Length);
        }
        _coverable[best] = 0;
    }
}
