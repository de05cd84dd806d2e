using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Chunks;

namespace BackupTool.Repositories.Archives;

/// <summary>Where the content of a file comes from, in order.</summary>
internal abstract class ContentSource
{
    /// <summary>At most so many bytes are left; <see cref="long.MaxValue"/> when nobody knows.</summary>
    internal abstract long MostLeft { get; }

    /// <summary>Fills the whole buffer unless the content ends before. The caller asks for no more than <see cref="MostLeft"/>.</summary>
    internal abstract ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken);
}

/// <summary>Cuts one file that has chunks of its own, and hands the slices on as steps of a bounded size.</summary>
internal sealed class FileSlices(WriteSession session, Func<ArchiveStep, CancellationToken, ValueTask> add, Action<long> onRead)
{
    private const int StepBytes = 2 << 20;

    // Write and read version in a SQLite header (fileformat2, 1.3.3): what is stored has no write-ahead log beside it.
    private const int JournalModeOffset = 18;
    private const byte RollbackJournal = 1;
    private static readonly byte[] Zeros = new byte[TarHeader.BlockSize];

    private readonly ChunkingParameters _chunking = session.Repository.Format.Chunking;
    private readonly ContentCutter _cutter = CutterFor(session.Repository.Format.Chunking);
    private readonly int _blockBytes = Math.Max(8 << 20, 2 * session.Repository.Format.Chunking.MaxBytes);
    private List<ChunkSlice> _slices = [];
    private long _sliceBytes;

    private static ContentCutter CutterFor(ChunkingParameters chunking) => new(chunking.MinBytes, chunking.AverageBytes, chunking.MaxBytes);

    /// <summary>Adds the headers of a member; returns their bytes.</summary>
    internal int AddHeader(TarMember member)
    {
        var header = new NativeBufferWriter(session.Buffers, 4096);
        TarHeader.Write(member, header);
        int bytes = header.Length;
        NativeBuffer buffer = header.Detach();
        for (int at = 0; at < bytes; at += _chunking.MaxBytes)
            Add(buffer.Retain(), at, Math.Min(_chunking.MaxBytes, bytes - at), isContent: false);
        buffer.Release();
        return bytes;
    }

    internal void AddPadding(long storedSize)
    {
        int padding = TarHeader.PaddingAfter(storedSize);
        if (padding == 0) return;
        NativeBuffer buffer = session.Buffers.Rent(padding);
        Zeros.AsSpan(0, padding).CopyTo(buffer.GetSpan());
        Add(buffer, 0, padding, isContent: false);
    }

    /// <summary>Cuts a SQLite database of a known size where its pages end.</summary>
    internal async Task CutFixedAsync(ContentSource content, CancellationToken cancellationToken)
    {
        int chunk = _chunking.DatabaseChunkBytes(content.MostLeft);
        bool isFirst = true;
        while (content.MostLeft > 0)
        {
            int wanted = (int)Math.Min(content.MostLeft, StepBytes);
            NativeBuffer block = session.Buffers.Rent(wanted);
            try
            {
                int filled = await content.ReadAsync(block.Memory[..wanted], cancellationToken);
                if (isFirst && filled >= 20) block.GetSpan().Slice(JournalModeOffset, 2).Fill(RollbackJournal);
                isFirst = false;
                onRead(filled);
                for (int at = 0; at < filled; at += chunk) Add(block.Retain(), at, Math.Min(chunk, filled - at), isContent: true);
            }
            finally
            {
                block.Release();
            }
            await FlushWhenFullAsync(cancellationToken);
        }
    }

    /// <summary>Cuts by content until it ends; returns its bytes.</summary>
    internal async Task<long> CutByContentAsync(ContentSource content, CancellationToken cancellationToken)
    {
        NativeBuffer? carried = null;
        int carriedStart = 0, carriedBytes = 0;
        long total = 0;
        bool ended = content.MostLeft == 0;
        try
        {
            while (!ended || carriedBytes > 0)
            {
                int length = (int)Math.Min(_blockBytes, content.MostLeft >= _blockBytes ? _blockBytes : content.MostLeft + carriedBytes);
                NativeBuffer block = session.Buffers.Rent(length);
                carried?.GetSpan().Slice(carriedStart, carriedBytes).CopyTo(block.GetSpan());
                carried?.Release();
                carried = block;
                int room = length - carriedBytes;
                int read = room == 0 ? 0 : await content.ReadAsync(block.Memory.Slice(carriedBytes, room), cancellationToken);
                ended = read < room || content.MostLeft == 0;
                onRead(read);
                total += read;
                int filled = carriedBytes + read, at = 0;
                while (at < filled && (ended || filled - at >= _cutter.MaxBytes))
                {
                    int cut = _cutter.FindCut(block.GetSpan()[at..filled]);
                    Add(block.Retain(), at, cut, isContent: true);
                    at += cut;
                    await FlushWhenFullAsync(cancellationToken);
                }
                (carriedStart, carriedBytes) = (at, filled - at);
            }
        }
        finally
        {
            carried?.Release();
        }
        return total;
    }

    /// <summary>Hands on what there is.</summary>
    /// <param name="leadsFile">It stands before everything of the file that was handed on already.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async ValueTask FlushAsync(bool leadsFile, CancellationToken cancellationToken)
    {
        if (_slices.Count == 0) return;
        var step = new ChunksStep(_slices, leadsFile);
        (_slices, _sliceBytes) = ([], 0);
        await add(step, cancellationToken);
    }

    /// <summary>Drops the file: what came of it so far has no place in the archive.</summary>
    internal async ValueTask RestartAsync(CancellationToken cancellationToken)
    {
        foreach (ChunkSlice slice in _slices) slice.Buffer.Release();
        (_slices, _sliceBytes) = ([], 0);
        await add(new FileRestartStep(), cancellationToken);
    }

    private void Add(NativeBuffer buffer, int start, int length, bool isContent)
    {
        _slices.Add(new ChunkSlice(buffer, start, length, isContent));
        _sliceBytes += length;
    }

    private ValueTask FlushWhenFullAsync(CancellationToken cancellationToken) => _sliceBytes < StepBytes ? default : FlushAsync(leadsFile: false, cancellationToken);
}
