using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Packs;

namespace BackupTool.Repositories.Index;

/// <summary>Where a chunk's frame lies.</summary>
/// <param name="Pack">In which pack.</param>
/// <param name="Offset">Bytes from its start.</param>
/// <param name="Length">Bytes of the frame.</param>
/// <param name="Size">Bytes of the plaintext.</param>
public readonly record struct ChunkLocation(PackId Pack, long Offset, int Length, int Size);

/// <summary>
/// All chunks of a repository, in memory: about 56 bytes each. Thread-safe. A chunk can be <i>claimed</i> by a worker that is about to store it;
/// it gets its location when its pack is durable.
/// </summary>
public sealed class ChunkIndex
{
    private const int Pending = -1, SegmentShift = 12;

    private readonly Lock _lock = new();
    private readonly List<PackId> _packs = [];
    private readonly List<long> _packEnds = [];
    private readonly List<int> _packCounts = [];
    private readonly Dictionary<PackId, int> _packNumbers = [];
    private readonly List<Entry[]> _segments = [];
    private int[] _buckets = new int[1 << 14];
    private int _count;

    private struct Entry
    {
        internal ChunkId Id;
        internal long Offset;
        internal int Pack, Length, Size, Next;
    }

    /// <summary>How many chunks are known or claimed.</summary>
    public int Count
    {
        get { lock (_lock) return _count; }
    }

    /// <summary>The packs that are known.</summary>
    public IReadOnlyList<PackId> Packs
    {
        get { lock (_lock) return [.. _packs]; }
    }

    /// <summary>How far the frames of this pack reach, as far as they are known: its file is longer.</summary>
    public long EndOfFrames(PackId pack)
    {
        lock (_lock) return _packEnds[_packNumbers[pack]];
    }

    /// <summary>How many chunks are said to be in this pack; 0 for a pack that is not known.</summary>
    public int CountIn(PackId pack)
    {
        lock (_lock) return _packNumbers.TryGetValue(pack, out int number) ? _packCounts[number] : 0;
    }

    /// <summary>Whether chunks of this pack are known.</summary>
    public bool Contains(PackId pack)
    {
        lock (_lock) return _packNumbers.ContainsKey(pack);
    }

    /// <summary>Where a chunk is; false when it is unknown or not yet durable.</summary>
    public bool TryGet(ChunkId id, out ChunkLocation location)
    {
        lock (_lock)
        {
            location = default;
            int at = Find(id);
            if (at < 0 || At(at).Pack == Pending) return false;
            ref Entry entry = ref At(at);
            location = new ChunkLocation(_packs[entry.Pack], entry.Offset, entry.Length, entry.Size);
            return true;
        }
    }

    /// <summary>True when nobody has the chunk yet: the caller is to store it. False when it is stored or another worker is storing it.</summary>
    public bool TryClaim(ChunkId id, int size)
    {
        lock (_lock)
        {
            if (Find(id) >= 0) return false;
            ref Entry entry = ref Add(id);
            (entry.Id, entry.Pack, entry.Size) = (id, Pending, size);
            return true;
        }
    }

    /// <summary>Adds a chunk of an index file; the first location of a chunk stays.</summary>
    public void Add(PackId pack, in PackedChunk chunk)
    {
        lock (_lock) Set(NumberOf(pack), chunk);
    }

    /// <summary>Adds, or gives its location to, every chunk of a pack.</summary>
    public void Add(FinishedPack pack)
    {
        lock (_lock)
        {
            int number = NumberOf(pack.Id);
            foreach (PackedChunk chunk in pack.Chunks) Set(number, chunk);
        }
    }

    /// <summary>
    /// Whether a pack's own table says the same: it has every chunk that is said to be in it, where it is said to be, and none that is not known at all.
    /// </summary>
    public bool AgreesWith(PackId pack, IReadOnlyList<PackedChunk> table)
    {
        int found = 0;
        foreach (PackedChunk chunk in table)
        {
            if (!TryGet(chunk.Id, out ChunkLocation known)) return false;
            if (known.Pack != pack) continue;
            if ((known.Offset, known.Length, known.Size) != (chunk.Offset, chunk.Length, chunk.Size)) return false;
            found++;
        }
        return found == CountIn(pack);
    }

    private void Set(int pack, in PackedChunk chunk)
    {
        _packEnds[pack] = Math.Max(_packEnds[pack], chunk.Offset + chunk.Length);
        int at = Find(chunk.Id);
        if (at >= 0 && At(at).Pack != Pending) return;
        ref Entry entry = ref at >= 0 ? ref At(at) : ref Add(chunk.Id);
        _packCounts[pack]++;
        (entry.Id, entry.Pack, entry.Offset, entry.Length, entry.Size) = (chunk.Id, pack, chunk.Offset, chunk.Length, chunk.Size);
    }

    private int NumberOf(PackId pack)
    {
        if (_packNumbers.TryGetValue(pack, out int number)) return number;
        _packNumbers.Add(pack, number = _packs.Count);
        _packs.Add(pack);
        _packEnds.Add(0);
        _packCounts.Add(0);
        return number;
    }

    private int Find(ChunkId id)
    {
        if (_count == 0) return -1;
        int at = _buckets[id.GetHashCode() & (_buckets.Length - 1)] - 1;
        while (at >= 0 && At(at).Id != id) at = At(at).Next - 1;
        return at;
    }

    private ref Entry At(int number) => ref _segments[number >> SegmentShift][number & ((1 << SegmentShift) - 1)];

    private ref Entry Add(ChunkId id)
    {
        if (_count == _buckets.Length) Grow();
        if (_count >> SegmentShift == _segments.Count) _segments.Add(new Entry[1 << SegmentShift]);
        ref int bucket = ref _buckets[id.GetHashCode() & (_buckets.Length - 1)];
        ref Entry entry = ref At(_count);
        entry.Next = bucket;
        bucket = ++_count;
        return ref entry;
    }

    private void Grow()
    {
        _buckets = new int[_buckets.Length * 2];
        for (int i = 0; i < _count; i++)
        {
            ref Entry entry = ref At(i);
            ref int bucket = ref _buckets[entry.Id.GetHashCode() & (_buckets.Length - 1)];
            entry.Next = bucket;
            bucket = i + 1;
        }
    }
}
