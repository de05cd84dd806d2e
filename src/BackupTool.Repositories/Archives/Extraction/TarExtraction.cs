using System.Buffers;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Repositories.Archives.Extraction;

/// <summary>From a tar stream to a tree.</summary>
public static class TarExtraction
{
    /// <summary>Restores every member of the archive, to its end mark, and completes the tree.</summary>
    /// <exception cref="ExplainedException">The archive is damaged, or a member cannot be restored.</exception>
    public static void ExtractAll(TarParser parser, TreeWriter writer, CancellationToken cancellationToken)
    {
        Extract(parser, writer, null, null, cancellationToken);
        writer.Complete();
    }

    /// <summary>
    /// Restores every member of the archive, to its end mark. The caller completes the tree: several archives may go into one.
    /// </summary>
    /// <param name="parser">The archive.</param>
    /// <param name="writer">The tree.</param>
    /// <param name="place">Says under which name a member is restored, or null for one that is passed over; null to restore all as they are.</param>
    /// <param name="onWritten">Told the bytes of data of each piece.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ExplainedException">The archive is damaged, or a member cannot be restored.</exception>
    public static void Extract(
        TarParser parser, TreeWriter writer, Func<TarMember, TarMember?>? place, Action<long>? onWritten, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(parser);
        ArgumentNullException.ThrowIfNull(writer);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(256 * 1024);
        try
        {
            while (parser.TryReadHeader(out TarMember? read))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if ((place is null ? read : place(read)) is not { } member) continue;
                if (member.Kind != FileKind.Regular || member.IsHardLink)
                {
                    writer.Create(member);
                    continue;
                }
                using FileWriter file = writer.BeginFile(member);
                for (int count; (count = parser.ReadData(buffer)) > 0;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    file.Write(buffer.AsSpan(0, count));
                    onWritten?.Invoke(count);
                }
                file.Complete();
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
