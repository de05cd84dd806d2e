using System.IO.Compression;

namespace BackupTool.Operations.Export;

/// <summary>Turns a plain tar archive of ours into what somebody else wants to have.</summary>
/// <remarks>
/// The compressors are the base library's: they run natively, and its zip writer keeps modes and symbolic links, which SharpCompress's has no way to state.
/// </remarks>
public static class ArchiveConversion
{
    private const int BufferBytes = 256 * 1024;

    /// <summary>
    /// Reads <paramref name="tar"/> to its end and writes the converted archive, whole when this returns. Neither stream is disposed, nor need they be seekable.
    /// </summary>
    /// <param name="tar">A plain tar archive.</param>
    /// <param name="format">What to make of it.</param>
    /// <param name="output">Takes the result.</param>
    /// <param name="localTime">The zone of the times in a zip archive, which are local by convention.</param>
    /// <param name="cancellationToken">Ends the work between two pieces; the output is then incomplete.</param>
    /// <returns>What the format could not hold, one finding for each kind of loss.</returns>
    /// <exception cref="ExplainedException">The tar archive is damaged.</exception>
    public static IReadOnlyList<ExportFinding> Convert(
        Stream tar, ExportFormat format, Stream output, TimeZoneInfo localTime, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tar);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(localTime);
        switch (format)
        {
            case ExportFormat.Tar:
                Copy(tar, output, cancellationToken);
                return [];
            case ExportFormat.TarGzip:
                using (var gzip = new GZipStream(output, CompressionLevel.Optimal, leaveOpen: true)) Copy(tar, gzip, cancellationToken);
                return [];
            case ExportFormat.Zip:
                return new ZipConversion(localTime).Convert(tar, output, cancellationToken);
            default:
                throw new ArgumentOutOfRangeException(nameof(format), format, "No such format.");
        }
    }

    private static void Copy(Stream from, Stream to, CancellationToken cancellationToken)
    {
        var buffer = new byte[BufferBytes];
        for (int read; (read = from.Read(buffer)) > 0;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            to.Write(buffer, 0, read);
        }
    }
}
