using System.Buffers;
using System.Buffers.Text;

namespace BackupTool.Repositories.Archives.Tar;

/// <summary>
/// The map of GNU sparse format 1.0: decimal numbers, a newline after each — how many extents, then offset and length of each —, filled up with
/// NULs to whole blocks. A file that ends in a hole has a last extent of no length at its end, so that a reader knows how far to go.
/// </summary>
internal static class SparseMap
{
    /// <summary>More make a map that costs more memory than a hole is worth (64 MiB): store such a file whole.</summary>
    internal const int MaxExtents = 4 << 20;

    /// <summary>What is wrong with a map, as the end of a sentence; null when nothing is.</summary>
    internal static string? FindFault(IReadOnlyList<SparseExtent> extents, long size)
    {
        if (extents.Count > MaxExtents) return $"it has {extents.Count} extents, where {MaxExtents} are allowed";
        long end = -1;
        for (int i = 0; i < extents.Count; i++)
        {
            (long offset, long length) = extents[i];
            if (length <= 0 || offset <= end || length > size || offset > size - length)
                return $"its extent of {length} bytes at {offset} is out of place in a file of {size} bytes";
            if (length % TarHeader.BlockSize != 0 && i != extents.Count - 1)
                return $"its extent of {length} bytes at {offset} ends within a block, which programs read differently";
            end = offset + length;
        }
        return null;
    }

    /// <exception cref="UnstorableMemberException">The extents are not as <see cref="TarMember.Sparse"/> demands.</exception>
    internal static byte[] Format(IReadOnlyList<SparseExtent> extents, long size)
    {
        if (FindFault(extents, size) is string fault) throw new UnstorableMemberException($"a sparse map is no good: {fault}");
        long end = extents.Count == 0 ? -1 : extents[^1].Offset + extents[^1].Length;
        bool endsInHole = end < size || extents.Count == 0;

        var text = new ArrayBufferWriter<byte>(TarHeader.BlockSize);
        Write(text, extents.Count + (endsInHole ? 1 : 0));
        foreach (SparseExtent extent in extents)
        {
            Write(text, extent.Offset);
            Write(text, extent.Length);
        }
        if (endsInHole)
        {
            Write(text, size);
            Write(text, 0);
        }
        byte[] map = new byte[text.WrittenCount + TarHeader.PaddingAfter(text.WrittenCount)];
        text.WrittenSpan.CopyTo(map);
        return map;
    }

    private static void Write(ArrayBufferWriter<byte> output, long number)
    {
        Span<byte> span = output.GetSpan(21);
        Utf8Formatter.TryFormat(number, span, out int length);
        span[length] = (byte)'\n';
        output.Advance(length + 1);
    }
}
