using System.Buffers;
using System.Buffers.Text;

namespace BackupTool.Repositories.Archives.Tar;

/// <summary>
/// The map of GNU sparse format 1.0: decimal numbers, a newline after each — how many extents, then offset and length of each —, filled up with
/// NULs to whole blocks. A file that ends in a hole has a last extent of no length at its end, so that a reader knows how far to go.
/// </summary>
internal static class SparseMap
{
    /// <exception cref="ArgumentException">Extents are empty, out of order, overlapping, touching or outside the file.</exception>
    internal static byte[] Format(IReadOnlyList<SparseExtent> extents, long size)
    {
        long end = -1;
        foreach (SparseExtent extent in extents)
        {
            if (extent.Length <= 0 || extent.Offset <= end || extent.Offset > size - extent.Length)
                throw new ArgumentException($"The extent at {extent.Offset} of {extent.Length} bytes is out of place in a file of {size} bytes.", nameof(extents));
            end = extent.Offset + extent.Length;
        }
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
