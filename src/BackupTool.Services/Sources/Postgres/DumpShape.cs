using System.Buffers.Binary;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// Follows a dump in pg_dump's custom format as it goes by, and knows at its end whether everything is in it that its table of contents announces: a program that says "success" after half a dump is not
/// believed. Nothing is kept. Knows the versions 1.12 (PostgreSQL 9.0) to 1.16 (17 and later) of the format (pg_backup_archiver.c and pg_backup_custom.c); of others it has no opinion.
/// </summary>
internal sealed class DumpShape
{
    private const int TableData = 1, LargeObjects = 3;
    private const int IntBytes = 5;   // a sign and four bytes, the lowest first

    private readonly IEnumerator<int> _steps;
    private readonly byte[] _field = new byte[16];
    private int _filled, _wanted;
    private long _toSkip;
    private bool _isUnknown, _isInData, _isBetweenBlocks;
    private int _announced, _found;

    internal DumpShape()
    {
        _steps = Parse().GetEnumerator();
        Step();
    }

    /// <summary>The next bytes.</summary>
    internal void Feed(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && !_isUnknown)
        {
            if (_toSkip > 0)
            {
                int skipped = (int)Math.Min(_toSkip, bytes.Length);
                _toSkip -= skipped;
                bytes = bytes[skipped..];
                if (_toSkip == 0) Step();
                continue;
            }
            int taken = Math.Min(_wanted - _filled, bytes.Length);
            bytes[..taken].CopyTo(_field.AsSpan(_filled));
            _filled += taken;
            bytes = bytes[taken..];
            if (_filled == _wanted) Step();
        }
    }

    /// <summary>Why what went by is no whole dump; null when it is, or when that cannot be told.</summary>
    internal string? FindProblem() => _isUnknown || (_isBetweenBlocks && _filled == 0 && _found == _announced) ? null
        : !_isInData ? "it is cut off in its table of contents"
        : _isBetweenBlocks && _filled == 0 ? $"it holds the rows of {_found} of its {_announced} tables"
        : $"it is cut off in the rows of table {_found + 1} of {_announced}";

    // A step is a number of bytes to have next, or, below zero, to skip.
    private void Step()
    {
        (_filled, _wanted) = (0, 0);
        if (!_steps.MoveNext()) _isUnknown = true;
        else if (_steps.Current > 0) _wanted = _steps.Current;
        else _toSkip = -(long)_steps.Current;
    }

    private int Int() => _field[0] == 0 ? BinaryPrimitives.ReadInt32LittleEndian(_field.AsSpan(1)) : -BinaryPrimitives.ReadInt32LittleEndian(_field.AsSpan(1));

    private IEnumerable<int> Parse()
    {
        yield return 11;   // PGDMP, version in three parts, sizes of integers and offsets, format
        if (!_field.AsSpan(0, 6).SequenceEqual("PGDMP\x01"u8) || _field[6] is < 12 or > 16 || _field[8] != 4 || _field[10] != 1) yield break;
        int minor = _field[6], offsetBytes = _field[9];
        if (offsetBytes is < 1 or > 8) yield break;
        yield return minor >= 15 ? 1 : IntBytes;   // compression
        for (int i = 0; i < 7; i++) yield return IntBytes;   // when it was made
        foreach (int step in Texts(3)) yield return step;   // database, versions
        yield return IntBytes;
        for (int left = Int(); left > 0; left--)
            foreach (int step in Entry(minor, offsetBytes)) yield return step;

        _isInData = true;
        while (true)
        {
            _isBetweenBlocks = true;
            yield return 1;
            _isBetweenBlocks = false;
            int kind = _field[0];
            if (kind is not (TableData or LargeObjects)) yield break;
            yield return IntBytes;
            foreach (int step in kind == TableData ? Pieces() : Objects()) yield return step;
            _found++;
        }
    }

    /// <summary>An entry of the table of contents.</summary>
    private IEnumerable<int> Entry(int minor, int offsetBytes)
    {
        yield return IntBytes;   // its number
        yield return IntBytes;
        if (Int() != 0) _announced++;   // rows follow
        foreach (int step in Texts(4)) yield return step;   // identities, tag, description
        yield return IntBytes;   // section
        foreach (int step in Texts(minor >= 14 ? 6 : 5)) yield return step;   // statements, namespace, tablespace, access method
        if (minor >= 16) yield return IntBytes;   // kind of relation
        foreach (int step in Texts(2)) yield return step;   // owner, "false"
        while (true)
        {
            yield return IntBytes;   // dependencies, to one that is absent
            int length = Int();
            if (length < 0) break;
            if (length > 0) yield return -length;
        }
        yield return 1 + offsetBytes;
    }

    private IEnumerable<int> Texts(int count)
    {
        for (int i = 0; i < count; i++)
        {
            yield return IntBytes;
            if (Int() is > 0 and int length) yield return -length;
        }
    }

    /// <summary>Rows, in pieces, to an empty one.</summary>
    private IEnumerable<int> Pieces()
    {
        while (true)
        {
            yield return IntBytes;
            int length = Int();
            if (length == 0) yield break;
            if (length > 0) yield return -length;
        }
    }

    /// <summary>Large objects, each with its number, to number 0.</summary>
    private IEnumerable<int> Objects()
    {
        while (true)
        {
            yield return IntBytes;
            if (Int() == 0) yield break;
            foreach (int step in Pieces()) yield return step;
        }
    }
}
