using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// Reads files that have chunks of their own — large ones, sparse ones, databases — and cuts them: header, content, padding, with a cut between each, so that
/// a touched mtime stores a header only. One file at a time.
/// </summary>
internal sealed class OwnFileReader(
    WriteSession session, Func<ArchiveStep, CancellationToken, ValueTask> add, Action<ArchiveWarning> report, Action<long> onRead, Action<BytePath> onNewer)
{
    private readonly FileSlices _slices = new(session, add, onRead);

    /// <summary>Adds the steps of one file. A file that cannot be read is reported and left out: false.</summary>
    internal async Task<bool> TryReadAsync(ArchiveEntry entry, CancellationToken cancellationToken)
    {
        try
        {
            for (int attempt = 1; !await TryReadOnceAsync(entry, attempt == MemberReading.Attempts, cancellationToken); attempt++)
                await _slices.RestartAsync(cancellationToken);
            return true;
        }
        catch (Exception e) when (MemberReading.Explain(entry, e) is { } reason)
        {
            await _slices.RestartAsync(cancellationToken);
            report(new ArchiveWarning(entry.Path, reason));
            return false;
        }
    }

    private async Task<bool> TryReadOnceAsync(ArchiveEntry entry, bool acceptChanging, CancellationToken cancellationToken)
    {
        DatabaseContent? database = entry.DatabaseCopy is { } copy ? await copy(cancellationToken) : null;
        BytePath path = database?.Path ?? (entry.StagedPath.IsEmpty ? entry.Path : entry.StagedPath);
        UnixTime readAt = PosixIdentity.FileClock();
        SafeFileHandle file = database?.File ?? (entry.IsStaged ? PosixDirectory.Current.OpenForReading(path) : PosixDirectory.OpenForReadingWithoutLinks(path));
        try
        {
            FileStatus before = PosixFile.GetStatus(file, path);
            if (before.Kind != FileKind.Regular) throw new PosixException(Errno.ENXIO, "read", entry.Path);
            HardLinkNames.RequireSame(entry, before);
            FileStatus shown = entry.IsStaged ? entry.Status : before;
            long size = entry.StagedPath.IsEmpty ? before.Size : entry.Status.Size;
            List<SparseExtent>? sparse = entry.IsStaged ? null : FindExtents(file, before, path);
            TarMember member = MemberReading.ToMember(entry, shown, size, null, sparse);

            int headerBytes = _slices.AddHeader(member);
            var content = new ExtentReader(file, path, sparse ?? [new SparseExtent(0, size)]);
            if (entry.IsDatabase) await _slices.CutFixedAsync(content, cancellationToken);
            else await _slices.CutByContentAsync(content, cancellationToken);
            _slices.AddPadding(member.StoredSize);

            bool unchanged = !content.CameShort && (!MayChange(entry, database) || PosixFile.GetStatus(file, path).IsUnchangedSince(before));
            if (!unchanged && entry.IsStaged) throw new PosixException((Errno)5 /* EIO */, "hold still while it was read", path);
            if (!unchanged && !acceptChanging) return false;
            if (!unchanged) report(new ArchiveWarning(entry.Path, $"changed while it was read, {MemberReading.Attempts} times: what is stored may never have been its content"));
            if (!entry.IsStaged && !before.IsUnchangedSince(entry.Status)) onNewer(entry.Path);
            await _slices.FlushAsync(leadsFile: false, cancellationToken);
            CatalogEntry line = MemberReading.ToCatalog(entry, member, shown, Placement.Own, headerBytes, readAt, "");
            await add(new FileEndStep(unchanged ? line : line with { ChangedAt = null }, sparse), cancellationToken);
            return true;
        }
        finally
        {
            if (database?.File is null) file.Dispose();
        }
    }

    /// <summary>A staged file may share its inode with an original that is linked, unlinked or grown: its first bytes stay. A copy is ours alone.</summary>
    private static bool MayChange(ArchiveEntry entry, DatabaseContent? database) => !entry.IsStaged || database?.File is not null;

    /// <summary>The stretches of data, when the file has holes worth keeping as holes.</summary>
    private static List<SparseExtent>? FindExtents(SafeFileHandle file, in FileStatus status, BytePath path)
    {
        if (status.AllocatedBytes >= status.Size || status.Size < TarHeader.BlockSize) return null;
        var extents = new List<SparseExtent>();
        long at = 0;
        while (at < status.Size && PosixFile.TryFindData(file, at, out long start, out long end, path) && start < status.Size)
        {
            end = Math.Min(end, status.Size);
            extents.Add(new SparseExtent(start, end - start));
            at = end;
        }
        // Holes between more stretches than that cost more than they are worth.
        bool isWhole = extents.Count > SparseMap.MaxExtents || (extents is [var only] && only.Length == status.Size);
        return isWhole ? null : [.. SparseExtent.AlignToBlocks(extents, status.Size)];
    }

    /// <summary>Reads stretches of a file as one stream. A file that became shorter gives zeros, and says so.</summary>
    private sealed class ExtentReader(SafeFileHandle file, BytePath path, IReadOnlyList<SparseExtent> extents) : ContentSource
    {
        private int _extent;
        private long _position;
        private long _left = extents.Sum(static extent => extent.Length);

        internal bool CameShort { get; private set; }

        internal override long MostLeft => _left;

        internal override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken) => new(Read(buffer.Span));

        private int Read(Span<byte> buffer)
        {
            int filled = 0;
            while (filled < buffer.Length)
            {
                SparseExtent extent = extents[_extent];
                Span<byte> part = buffer.Slice(filled, (int)Math.Min(buffer.Length - filled, extent.Length - _position));
                int read = PosixFile.ReadFully(file, part, extent.Offset + _position, path);
                CameShort |= read < part.Length;
                part[read..].Clear();
                filled += part.Length;
                _position += part.Length;
                if (_position == extent.Length) (_extent, _position) = (_extent + 1, 0);
            }
            _left -= filled;
            return filled;
        }
    }
}
