using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// Reads content that some program writes while it is read. A tar header stands before the content and says its size, which is known only at the end: the header's chunk is made
/// last, and takes its place before the content in the chunk list.
/// </summary>
internal sealed class StreamedMemberReader(WriteSession session, Func<ArchiveStep, CancellationToken, ValueTask> add, Action<long> onRead)
{
    private readonly FileSlices _slices = new(session, add, onRead);

    /// <summary>Adds the steps of one member. Whatever the stream throws comes out: a part of a dump is none.</summary>
    internal async Task ReadAsync(ArchiveEntry entry, CancellationToken cancellationToken)
    {
        UnixTime readAt = PosixIdentity.FileClock();
        long size;
        await using (Stream stream = await entry.Streamed!(cancellationToken))
        {
            size = await _slices.CutByContentAsync(new StreamSource(stream), cancellationToken);
        }
        TarMember member = MemberReading.ToMember(entry, entry.Status, size, null, null);
        _slices.AddPadding(member.StoredSize);
        await _slices.FlushAsync(leadsFile: false, cancellationToken);
        int headerBytes = _slices.AddHeader(member);
        await _slices.FlushAsync(leadsFile: true, cancellationToken);
        CatalogEntry line = MemberReading.ToCatalog(entry, member, entry.Status, Placement.Own, headerBytes, readAt, "");
        await add(new FileEndStep(line with { ChangedAt = null }, null), cancellationToken);
    }

    private sealed class StreamSource(Stream stream) : ContentSource
    {
        internal override long MostLeft => long.MaxValue;

        internal override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken) =>
            await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
    }
}
