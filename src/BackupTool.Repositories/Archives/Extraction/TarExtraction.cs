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
        ArgumentNullException.ThrowIfNull(parser);
        ArgumentNullException.ThrowIfNull(writer);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(256 * 1024);
        try
        {
            while (parser.TryReadHeader(out TarMember? member))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (member.Kind != FileKind.Regular || member.IsHardLink)
                {
                    writer.Create(member);
                    continue;
                }
                using FileWriter file = writer.BeginFile(member);
                for (int read; (read = parser.ReadData(buffer)) > 0;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    file.Write(buffer.AsSpan(0, read));
                }
                file.Complete();
            }
            writer.Complete();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
