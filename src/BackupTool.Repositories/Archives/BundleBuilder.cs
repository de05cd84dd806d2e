using System.Security.Cryptography;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Chunks;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Repositories.Archives;

/// <summary>Reads small originals and writes them, one after another, as tar members. Stateless: workers share it.</summary>
internal sealed class BundleBuilder(Action<ArchiveWarning> report, Action<long> onRead, Action<BytePath> onNewer)
{
    /// <summary>Appends every member that can be read; returns their catalog lines. What cannot be read is reported and left out.</summary>
    /// <param name="entries">In the order of the stream.</param>
    /// <param name="stored">Reads what the parent has.</param>
    /// <param name="output">Where the members go.</param>
    /// <param name="names">Told of what is left out and asked for hard links again, when first names are among the entries; null when there are none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    internal async ValueTask<List<CatalogEntry>> BuildAsync(
        IReadOnlyList<PlannedEntry> entries, ChunkReader stored, NativeBufferWriter output, HardLinkNames? names, CancellationToken cancellationToken)
    {
        var catalog = new List<CatalogEntry>(entries.Count);
        var source = new LastChunk(stored);
        foreach (PlannedEntry entry in entries)
        {
            PlannedEntry planned = names?.PlanAgain(entry) ?? entry;
            int start = output.Length;
            Placement placement = catalog.Count == 0 ? Placement.BundleStart : Placement.Bundled;
            bool taken = planned.StoredIn is not null && await TryTakeAsync(planned, source, output, cancellationToken);
            try
            {
                catalog.Add(taken ? planned.Entry.Unchanged! with { Placement = placement } : Add(planned, placement, output));
            }
            catch (Exception e) when (MemberReading.Explain(planned.Entry, e) is { } reason)
            {
                output.Truncate(start);
                names?.Forget(planned.Entry);
                report(new ArchiveWarning(planned.Entry.Path, reason));
            }
        }
        return catalog;
    }

    /// <summary>Copies the member as the parent has it. What cannot be read there any more is read from the service after all, and said.</summary>
    private async ValueTask<bool> TryTakeAsync(PlannedEntry planned, LastChunk source, NativeBufferWriter output, CancellationToken cancellationToken)
    {
        int start = output.Length;
        try
        {
            foreach (PlacedChunk chunk in planned.StoredIn!) CopyPart(planned.Entry.Unchanged!, chunk, await source.ReadAsync(chunk.Chunk.Id, cancellationToken), output);
            return true;
        }
        catch (RepositoryDamagedException e)
        {
            output.Truncate(start);
            report(new ArchiveWarning(planned.Entry.Path, $"was read anew: {e.Message}"));
            return false;
        }
    }

    /// <summary>Neighbours share chunks: the last one read is kept.</summary>
    private sealed class LastChunk(ChunkReader stored)
    {
        private (ChunkId Id, byte[]? Content) _last;

        internal async ValueTask<byte[]> ReadAsync(ChunkId id, CancellationToken cancellationToken)
        {
            if (_last.Content is null || _last.Id != id) _last = (id, await stored.ReadAsync(id, cancellationToken));
            return _last.Content!;
        }
    }

    private static void CopyPart(CatalogEntry entry, PlacedChunk chunk, byte[] content, NativeBufferWriter output)
    {
        int from = (int)(Math.Max(entry.StreamOffset, chunk.Start) - chunk.Start), to = (int)(Math.Min(entry.StreamOffset + entry.StreamBytes, chunk.End) - chunk.Start);
        content.AsSpan(from..to).CopyTo(output.GetSpan(to - from));
        output.Advance(to - from);
    }

    private CatalogEntry Add(PlannedEntry planned, Placement placement, NativeBufferWriter output) =>
        planned.Entry.Status.Kind == FileKind.Regular && planned.HardLinkTo is null
            ? AddFile(planned.Entry, placement, output)
            : AddWithoutContent(planned.Entry, planned.HardLinkTo, placement, output);

    private static CatalogEntry AddWithoutContent(ArchiveEntry entry, BytePath? hardLinkTo, Placement placement, NativeBufferWriter output)
    {
        int start = output.Length;
        UnixTime readAt = PosixIdentity.FileClock();
        TarMember member = MemberReading.ToMember(entry, entry.Status, 0, hardLinkTo, null);
        TarHeader.Write(member, output);
        CatalogEntry line = MemberReading.ToCatalog(entry, member, entry.Status, placement, output.Length - start, readAt, "");
        // The status is the cut's: what changed within the same tick right after the cut looked would be taken for unchanged for ever.
        bool isAsTheCutSawIt = PosixDirectory.Current.TryGetStatus(entry.Path, out FileStatus now) && now.IsUnchangedSince(entry.Status)
            && (now.Kind, now.Mode, now.Uid, now.Gid) == (entry.Status.Kind, entry.Status.Mode, entry.Status.Uid, entry.Status.Gid);
        return isAsTheCutSawIt ? line : line with { ChangedAt = null };
    }

    private CatalogEntry AddFile(ArchiveEntry entry, Placement placement, NativeBufferWriter output)
    {
        int start = output.Length;
        for (int attempt = 1; ; attempt++)
        {
            output.Truncate(start);
            CatalogEntry? whole = TryAddFile(entry, placement, output, acceptChanging: attempt == MemberReading.Attempts);
            if (whole is not null) return whole;
        }
    }

    private CatalogEntry? TryAddFile(ArchiveEntry entry, Placement placement, NativeBufferWriter output, bool acceptChanging)
    {
        int start = output.Length;
        UnixTime readAt = PosixIdentity.FileClock();
        using SafeFileHandle file = entry.IsStaged ? PosixDirectory.Current.OpenForReading(entry.StagedPath) : PosixDirectory.OpenForReadingWithoutLinks(entry.Path);
        FileStatus before = entry.IsStaged ? entry.Status : PosixFile.GetStatus(file, entry.Path);
        if (before.Kind != FileKind.Regular) throw new PosixException(Errno.ENXIO, "read", entry.Path);
        HardLinkNames.RequireSame(entry, before);
        // What was small when the bundle was planned may have grown past any bound.
        long size = Math.Min(before.Size, Math.Min(entry.Status.Size, Chunk.MaxBytes) + (1 << 20));
        TarMember member = MemberReading.ToMember(entry, before, size, null, null);
        TarHeader.Write(member, output);
        int headerBytes = output.Length - start;

        int stored = (int)size + TarHeader.PaddingAfter(size);
        Span<byte> content = output.GetSpan(stored)[..stored];
        int read = PosixFile.ReadFully(file, content[..(int)size], 0, entry.Path);
        content[read..].Clear();
        output.Advance(stored);
        onRead(read);
        if (entry.IsStaged && read < size) throw new PosixException((Errno)5 /* EIO */, "read to its end", entry.StagedPath);

        bool unchanged = entry.IsStaged || (read == before.Size && PosixFile.GetStatus(file, entry.Path).IsUnchangedSince(before));
        if (!unchanged && !acceptChanging) return null;
        if (!unchanged) report(new ArchiveWarning(entry.Path, $"changed while it was read, {MemberReading.Attempts} times: what is stored may never have been its content"));
        if (!entry.IsStaged && !before.IsUnchangedSince(entry.Status)) onNewer(entry.Path);
        string key = $"s:{Convert.ToHexStringLower(SHA256.HashData(content[..(int)size]))}";
        CatalogEntry line = MemberReading.ToCatalog(entry, member, before, placement, headerBytes, readAt, key);
        return unchanged ? line : line with { ChangedAt = null };
    }
}
