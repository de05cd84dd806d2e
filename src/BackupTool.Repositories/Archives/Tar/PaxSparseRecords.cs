namespace BackupTool.Repositories.Archives.Tar;

/// <summary>The <c>GNU.sparse.*</c> records: formats 0.0 (a pair of records for each extent), 0.1 (all in one) and 1.0 (the map stands in the data).</summary>
internal sealed class PaxSparseRecords
{
    private long? _major, _minor, _size, _realSize, _offset;
    private SparseLayoutBuilder? _builder;

    /// <summary>Whether it is format 1.0.</summary>
    internal bool MapIsInData => _major is not null;

    internal void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long offset)
    {
        if (key.SequenceEqual("major"u8)) _major = PaxRecords.NumberOf(value, offset);
        else if (key.SequenceEqual("minor"u8)) _minor = PaxRecords.NumberOf(value, offset);
        else if (key.SequenceEqual("realsize"u8)) _realSize = PaxRecords.NumberOf(value, offset);
        else if (key.SequenceEqual("size"u8)) _size = PaxRecords.NumberOf(value, offset);
        else if (key.SequenceEqual("offset"u8)) _offset = PaxRecords.NumberOf(value, offset);
        else if (key.SequenceEqual("numbytes"u8)) AddExtent(PaxRecords.NumberOf(value, offset), offset);
        else if (key.SequenceEqual("map"u8)) AddMap(value, offset);
    }

    /// <summary>The file's size in format 1.0.</summary>
    internal long RealSize(long offset)
    {
        if (_major != 1 || _minor is not (null or 0)) throw new TarFormatException(offset, $"a sparse member is of the format {_major}.{_minor}, which we do not know");
        return _realSize ?? throw new TarFormatException(offset, "a sparse member does not state its size");
    }

    /// <summary>The layout in formats 0.0 and 0.1; null for a member that is not sparse.</summary>
    internal SparseLayout? Layout(long offset)
    {
        if (_size is null && _builder is null) return null;
        if (_size is not long size) throw new TarFormatException(offset, "a sparse member does not state its size");
        return (_builder ?? new SparseLayoutBuilder(offset)).Build(size);
    }

    private void AddExtent(long length, long offset)
    {
        if (_offset is not long start) throw new TarFormatException(offset, "a sparse member's extent has a length but no offset");
        (_builder ??= new SparseLayoutBuilder(offset)).Add(start, length);
        _offset = null;
    }

    private void AddMap(ReadOnlySpan<byte> value, long offset)
    {
        _builder = new SparseLayoutBuilder(offset);
        long? start = null;
        foreach (Range range in value.Split((byte)','))
        {
            if (value[range].IsEmpty) continue;
            long number = PaxRecords.NumberOf(value[range], offset);
            if (start is long from)
            {
                _builder.Add(from, number);
                start = null;
            }
            else
            {
                start = number;
            }
        }
        if (start is not null) throw new TarFormatException(offset, "a sparse map ends after an offset");
    }
}
