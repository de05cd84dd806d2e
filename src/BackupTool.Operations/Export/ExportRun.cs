using BackupTool.Operations.Restore;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Compression;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Export;

/// <summary>Writes one service of a snapshot, or a part of it, as an archive file. Every byte was checked before it is written.</summary>
public sealed class ExportRun(Repository repository, ChunkIndex index)
{
    private const int FrameBytes = 4 << 20;

    /// <summary>Writes a <c>.tar.zst</c>. The whole archive goes out as the frames that it is stored in; a part is compressed anew.</summary>
    public async Task WriteZstdAsync(ServiceSnapshot service, IReadOnlyList<Glob> include, Stream output, CancellationToken cancellationToken)
    {
        if (include.Count == 0)
        {
            await ArchiveStream.CopyFramesAsync(repository, index, service.Archive, output, cancellationToken);
            return;
        }
        await using ArchiveStream tar = await OpenAsync(service, include, cancellationToken);
        using FrameCompressor compressor = FrameCodec.CreateCompressor(3);
        byte[] plain = new byte[FrameBytes], frame = new byte[FrameCompressor.Bound(FrameBytes)];
        for (int count; (count = tar.ReadAtLeast(plain, plain.Length, throwOnEndOfStream: false)) > 0;)
            await output.WriteAsync(frame.AsMemory(0, compressor.Compress(plain.AsSpan(0, count), frame)), cancellationToken);
    }

    /// <summary>Writes another format; returns what it could not hold.</summary>
    public async Task<IReadOnlyList<ExportFinding>> WriteAsync(
        ServiceSnapshot service, IReadOnlyList<Glob> include, ExportFormat format, Stream output, CancellationToken cancellationToken)
    {
        await using ArchiveStream tar = await OpenAsync(service, include, cancellationToken);
        return await Task.Run(() => ArchiveConversion.Convert(tar, format, output, TimeZoneInfo.Local, cancellationToken), cancellationToken);
    }

    private async Task<ArchiveStream> OpenAsync(ServiceSnapshot service, IReadOnlyList<Glob> include, CancellationToken cancellationToken)
    {
        var selection = new MemberSelection(include, service);
        await selection.ScanAsync(repository, index, service.Archive, cancellationToken);
        if (selection.Entries == 0) throw new NotInRepositoryException("Nothing in the snapshot matches.", "Run 'backup find' or 'backup show' to see the paths.");
        return selection.Ranges(repository, index, service.Archive, cancellationToken) is { } ranges
            ? ArchiveStream.Open(repository, index, service.Archive, ranges, cancellationToken)
            : ArchiveStream.Open(repository, index, service.Archive, cancellationToken);
    }
}
