using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Chunks;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Repositories.Archives;

/// <summary>
/// Reads files that have chunks of their own — large ones, sparse ones, databases — and cuts them: header, content, padding, with a cut between each, so that
/// a touched mtime stores a header only. One file at a time.
/// </summary>
internal sealed class OwnFileReader(WriteSession session, Func<ArchiveStep, CancellationToken, ValueTask> add, Action<ArchiveWarning> report, Action<long> onRead)
{
    // Write and read version in a SQLite header (fileformat2, 1.3.3): what is stored has no write-ahead log beside it.
    private const int JournalModeOffset = 18;
    private const byte RollbackJournal = 1;
    private const int StepBytes = 2 << 20;
    private static readonly byte[] Zeros = new byte[TarHeader.BlockSize];

    private readonly ChunkingParameters _chunking = session.Repository.Format.Chunking;
    private readonly ContentCutter _cutter = CutterFor(session.Repository.Format.Chunking);
    private readonly int _blockBytes = Math.Max(8 << 20, 2 * session.Repository.Format.Chunking.MaxBytes);
    private List<ChunkSlice> _slices = [];
    private long _sliceBytes;

    private static ContentCutter CutterFor(ChunkingParameters chunking) => new(chunking.MinBytes, chunking.AverageBytes, chunking.MaxBytes);

    /// <summary>Adds the steps of one file. A file that cannot be read is reported and left out: false.</summary>
    internal async Task<bool> TryReadAsync(ArchiveEntry entry, CancellationToken cancellationToken)
    {
        try
        {
            for (int attempt = 1; !await TryReadOnceAsync(entry, attempt == MemberReading.Attempts, cancellationToken); attempt++)
                await RestartAsync(cancellationToken);
            return true;
        }
        catch (Exception e) when (MemberReading.Explain(entry, e) is { } reason)
        {
            await RestartAsync(cancellationToken);
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

            int headerBytes = AddHeader(member);
            var content = new ExtentReader(file, path, sparse ?? [new SparseExtent(0, size)]);
            if (entry.IsDatabase) await CutFixedAsync(content, member.StoredSize, cancellationToken);
            else await CutByContentAsync(content, member.StoredSize, cancellationToken);
            AddPadding(member.StoredSize);

            bool unchanged = !content.CameShort && (!MayChange(entry, database) || PosixFile.GetStatus(file, path).IsUnchangedSince(before));
            if (!unchanged && entry.IsStaged) throw new PosixException((Errno)5 /* EIO */, "hold still while it was read", path);
            if (!unchanged && !acceptChanging) return false;
            if (!unchanged) report(new ArchiveWarning(entry.Path, $"changed while it was read, {MemberReading.Attempts} times: what is stored may never have been its content"));
            await FlushAsync(cancellationToken);
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

    private int AddHeader(TarMember member)
    {
        var header = new NativeBufferWriter(session.Buffers, 4096);
        TarHeader.Write(member, header);
        int bytes = header.Length;
        NativeBuffer buffer = header.Detach();
        for (int at = 0; at < bytes; at += _chunking.MaxBytes)
            AddSlice(buffer.Retain(), at, Math.Min(_chunking.MaxBytes, bytes - at), isContent: false);
        buffer.Release();
        return bytes;
    }

    private void AddPadding(long storedSize)
    {
        int padding = TarHeader.PaddingAfter(storedSize);
        if (padding == 0) return;
        NativeBuffer buffer = session.Buffers.Rent(padding);
        Zeros.AsSpan(0, padding).CopyTo(buffer.GetSpan());
        AddSlice(buffer, 0, padding, isContent: false);
    }

    private async Task CutFixedAsync(ExtentReader content, long left, CancellationToken cancellationToken)
    {
        int chunk = _chunking.DatabaseChunkBytes(left);
        bool isFirst = true;
        while (left > 0)
        {
            NativeBuffer block = session.Buffers.Rent((int)Math.Min(left, StepBytes));
            try
            {
                int filled = content.Read(block.GetSpan()[..(int)Math.Min(left, StepBytes)]);
                if (isFirst && filled >= 20) block.GetSpan().Slice(JournalModeOffset, 2).Fill(RollbackJournal);
                isFirst = false;
                onRead(filled);
                for (int at = 0; at < filled; at += chunk) AddSlice(block.Retain(), at, Math.Min(chunk, filled - at), isContent: true);
                left -= filled;
            }
            finally
            {
                block.Release();
            }
            await FlushWhenFullAsync(cancellationToken);
        }
    }

    private async Task CutByContentAsync(ExtentReader content, long left, CancellationToken cancellationToken)
    {
        NativeBuffer? carried = null;
        int carriedStart = 0, carriedBytes = 0;
        try
        {
            while (left > 0 || carriedBytes > 0)
            {
                NativeBuffer block = session.Buffers.Rent((int)Math.Min(left + carriedBytes, _blockBytes));
                carried?.GetSpan().Slice(carriedStart, carriedBytes).CopyTo(block.GetSpan());
                carried?.Release();
                carried = block;
                int room = (int)Math.Min(left, Math.Min(block.Capacity, _blockBytes) - carriedBytes);
                content.Read(block.GetSpan().Slice(carriedBytes, room));
                onRead(room);
                left -= room;
                int filled = carriedBytes + room, at = 0;
                while (at < filled && (left == 0 || filled - at >= _cutter.MaxBytes))
                {
                    int length = _cutter.FindCut(block.GetSpan()[at..filled]);
                    AddSlice(block.Retain(), at, length, isContent: true);
                    at += length;
                    await FlushWhenFullAsync(cancellationToken);
                }
                (carriedStart, carriedBytes) = (at, filled - at);
            }
        }
        finally
        {
            carried?.Release();
        }
    }

    private void AddSlice(NativeBuffer buffer, int start, int length, bool isContent)
    {
        _slices.Add(new ChunkSlice(buffer, start, length, isContent));
        _sliceBytes += length;
    }

    private ValueTask FlushWhenFullAsync(CancellationToken cancellationToken) => _sliceBytes < StepBytes ? default : FlushAsync(cancellationToken);

    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_slices.Count == 0) return;
        var step = new ChunksStep(_slices);
        (_slices, _sliceBytes) = ([], 0);
        await add(step, cancellationToken);
    }

    private async ValueTask RestartAsync(CancellationToken cancellationToken)
    {
        foreach (ChunkSlice slice in _slices) slice.Buffer.Release();
        (_slices, _sliceBytes) = ([], 0);
        await add(new FileRestartStep(), cancellationToken);
    }

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
    private sealed class ExtentReader(SafeFileHandle file, BytePath path, IReadOnlyList<SparseExtent> extents)
    {
        private int _extent;
        private long _position;

        internal bool CameShort { get; private set; }

        /// <summary>Fills the whole buffer. Asked for no more than the stretches hold.</summary>
        internal int Read(Span<byte> buffer)
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
            return filled;
        }
    }
}
