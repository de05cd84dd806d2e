namespace BackupTool.Repositories.Archives.Tar;

/// <summary>A sparse member as it was read.</summary>
/// <param name="Size">Of the file, bytes.</param>
/// <param name="Extents">As <see cref="TarMember.Sparse"/> demands.</param>
internal sealed record SparseLayout(long Size, IReadOnlyList<SparseExtent> Extents);

/// <summary>Puts a layout together from extents as programs write them: empty ones at the end of a hole are left out, touching ones joined.</summary>
internal sealed class SparseLayoutBuilder(long offset)
{
    private readonly List<SparseExtent> _extents = [];

    internal void Add(long start, long length)
    {
        if (length == 0) return;
        bool joins = _extents.Count > 0 && _extents[^1] is var last && last.Offset + last.Length == start && last.Length % TarHeader.BlockSize == 0;
        if (joins) _extents[^1] = _extents[^1] with { Length = _extents[^1].Length + length };
        else if (_extents.Count == SparseMap.MaxExtents) throw new TarFormatException(offset, $"a sparse map has more than {SparseMap.MaxExtents} extents");
        else _extents.Add(new SparseExtent(start, length));
    }

    internal SparseLayout Build(long size) => SparseMap.FindFault(_extents, size) is string fault
        ? throw new TarFormatException(offset, $"a sparse map is no good: {fault}")
        : new SparseLayout(size, _extents);
}

/// <summary>Reads the map of format 1.0, block by block.</summary>
internal sealed class SparseMapReader(long offset)
{
    private readonly SparseLayoutBuilder _builder = new(offset);
    private long? _number, _start;
    private long _numbersLeft = -1;

    /// <summary>Takes a block; false when it was the last one of the map.</summary>
    internal bool Read(ReadOnlySpan<byte> block)
    {
        foreach (byte b in block)
        {
            if (_numbersLeft == 0) return false;
            if (b is >= (byte)'0' and <= (byte)'9' && _number is null or < long.MaxValue / 10) _number = ((_number ?? 0) * 10) + (b - '0');
            else if (b == (byte)'\n' && _number is long number) Take(number);
            else throw new TarFormatException(offset, "a sparse map holds something else than numbers");
        }
        return _numbersLeft != 0;
    }

    internal SparseLayout Build(long size) => _builder.Build(size);

    private void Take(long number)
    {
        _number = null;
        if (_numbersLeft < 0)
        {
            // One more than we write: the empty extent at the end.
            if (number > SparseMap.MaxExtents + 1) throw new TarFormatException(offset, $"a sparse map claims {number} extents");
            _numbersLeft = 2 * number;
            return;
        }
        if (_start is long start) _builder.Add(start, number);
        _start = _start is null ? number : null;
        _numbersLeft--;
    }
}
