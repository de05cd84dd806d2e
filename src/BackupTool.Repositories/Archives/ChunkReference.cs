using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using BackupTool.Repositories.Chunks;

namespace BackupTool.Repositories.Archives;

/// <summary>A chunk in its place in a stream.</summary>
/// <param name="Id">Which.</param>
/// <param name="Size">Bytes of its plaintext.</param>
public readonly record struct ChunkReference(ChunkId Id, int Size)
{
    /// <summary>The ids of a snapshot's member, whose sizes only the index knows.</summary>
    public static IEnumerable<ChunkId> Parse(string[] ids) => ids.Select(ChunkId.Parse);

    /// <summary>Writes the line of a chunk list: id, tab, size, newline.</summary>
    internal void AppendLine(ArrayBufferWriter<byte> output)
    {
        Span<byte> line = output.GetSpan(2 * ChunkId.Size + 13);
        Id.FormatTo(line);
        line[64] = (byte)'\t';
        Utf8Formatter.TryFormat(Size, line[65..], out int digits);
        line[65 + digits] = (byte)'\n';
        output.Advance(66 + digits);
    }

    /// <summary>Reads a line of a chunk list, without its newline.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    internal static ChunkReference ParseLine(ReadOnlySpan<byte> line) =>
        line.Length > 65 && line[64] == '\t' && ChunkId.TryParse(line[..64], out ChunkId id)
        && int.TryParse(line[65..], NumberStyles.None, CultureInfo.InvariantCulture, out int size) && size is > 0 and <= Chunk.MaxBytes
            ? new ChunkReference(id, size)
            : throw new InvalidDataException($"a line of the chunk list is malformed: '{Encoding.Latin1.GetString(line)}'");
}
