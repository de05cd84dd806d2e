using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Compression;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Pipelines;

namespace BackupTool.Repositories.Archives;

/// <summary>A stretch of an archive's stream.</summary>
/// <param name="Start">First byte.</param>
/// <param name="End">The byte behind the last.</param>
public readonly record struct StreamRange(long Start, long End);

/// <summary>
/// Reads stretches of an archive's stream: runs of frames that lie side by side in a pack are read at once, decompressed side by side, checked against their
/// ids, and handed on in order. Nothing is handed on that was not checked.
/// </summary>
internal sealed class ContentReader(Repository repository, ChunkIndex index)
{
    private const long MaxHeldBytes = 32 << 20;
    private const int MaxRunBytes = 2 << 20;

    internal BufferPool Buffers { get; } = new();

    /// <summary>
    /// Reads the stretches, ascending and apart; null for the whole stream. <paramref name="consume"/> gets each piece of it, and with
    /// <paramref name="wantFrames"/> the frames as they are stored instead.
    /// </summary>
    internal Task ReadAsync(
        IAsyncEnumerable<ChunkReference> chunks, IAsyncEnumerable<StreamRange>? ranges, bool wantFrames,
        Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> consume, CancellationToken cancellationToken)
    {
        var pipeline = new OrderedPipeline<RunStep, RunWorker>(() => new RunWorker(repository, Buffers, wantFrames), MaxHeldBytes);
        return pipeline.RunAsync(
            async cancelled =>
            {
                var runs = new RunCollector(pipeline, index);
                await foreach (WantedChunk chunk in SelectAsync(chunks, ranges, cancelled)) await runs.AddAsync(chunk, cancelled);
                await runs.FlushAsync(cancelled);
            },
            (step, cancelled) => step.HandOverAsync(consume, cancelled), cancellationToken);
    }

    /// <summary>A chunk, and which bytes of it are wanted.</summary>
    internal readonly record struct WantedChunk(ChunkReference Chunk, IReadOnlyList<(int Start, int Length)> Parts);

    private static async IAsyncEnumerable<WantedChunk> SelectAsync(
        IAsyncEnumerable<ChunkReference> chunks, IAsyncEnumerable<StreamRange>? ranges, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (ranges is null)
        {
            await foreach (ChunkReference chunk in chunks.WithCancellation(cancellationToken)) yield return new(chunk, [(0, chunk.Size)]);
            yield break;
        }
        await using IAsyncEnumerator<StreamRange> range = ranges.GetAsyncEnumerator(cancellationToken);
        bool more = await range.MoveNextAsync();
        long offset = 0;
        await foreach (ChunkReference chunk in chunks.WithCancellation(cancellationToken))
        {
            if (!more) yield break;
            long end = offset + chunk.Size;
            var parts = new List<(int, int)>();
            while (more && range.Current.Start < end)
            {
                long from = Math.Max(range.Current.Start, offset), to = Math.Min(range.Current.End, end);
                if (to > from) parts.Add(((int)(from - offset), (int)(to - from)));
                if (range.Current.End > end) break;
                more = await range.MoveNextAsync();
            }
            if (parts.Count > 0) yield return new(chunk, parts);
            offset = end;
        }
        if (more) throw new RepositoryDamagedException("snapshots/", "the catalog of an archive goes beyond its chunk list");
    }

    /// <summary>Puts chunks that lie side by side into one step.</summary>
    private sealed class RunCollector(OrderedPipeline<RunStep, RunWorker> pipeline, ChunkIndex index)
    {
        private List<(WantedChunk Wanted, ChunkLocation Location)> _run = [];
        private long _length;

        internal async ValueTask AddAsync(WantedChunk chunk, CancellationToken cancellationToken)
        {
            ChunkLocation location = ArchiveReader.FindChunk(index, chunk.Chunk.Id);
            if (location.Size != chunk.Chunk.Size) throw new RepositoryDamagedException("index/", $"the size of chunk {chunk.Chunk.Id} is not the one in the chunk list");
            bool adjacent = _run.Count > 0 && _run[0].Location.Pack == location.Pack && _run[^1].Location.Offset + _run[^1].Location.Length == location.Offset
                && _length + location.Length <= MaxRunBytes && _run.Sum(static r => (long)r.Location.Size) + location.Size <= 2 * MaxRunBytes;
            if (!adjacent) await FlushAsync(cancellationToken);
            _run.Add((chunk, location));
            _length += location.Length;
        }

        internal ValueTask FlushAsync(CancellationToken cancellationToken)
        {
            if (_run.Count == 0) return default;
            var step = new RunStep(_run);
            (_run, _length) = ([], 0);
            return pipeline.AddAsync(step, cancellationToken);
        }
    }

    private sealed class RunWorker(Repository repository, BufferPool buffers, bool keepFrames) : IDisposable
    {
        internal Repository Repository => repository;
        internal BufferPool Buffers => buffers;
        internal bool KeepFrames => keepFrames;
        internal FrameDecompressor Decompressor { get; } = FrameCodec.CreateDecompressor();

        public void Dispose() => Decompressor.Dispose();
    }

    /// <summary>A run of frames.</summary>
    private sealed class RunStep(List<(WantedChunk Wanted, ChunkLocation Location)> run) : PipelineStep<RunWorker>
    {
        private readonly int _frameBytes = run.Sum(static r => r.Location.Length), _contentBytes = run.Sum(static r => r.Location.Size);
        private BufferSlot _content, _frames;

        private record struct BufferSlot(NativeBuffer? Buffer);

        internal override long HeldBytes => (long)_frameBytes + _contentBytes;

        internal override bool NeedsWork => true;

        protected override async ValueTask WorkAsync(RunWorker worker, CancellationToken cancellationToken)
        {
            PackId pack = run[0].Location.Pack;
            NativeBuffer frames = worker.Buffers.Rent(_frameBytes), content = worker.Buffers.Rent(_contentBytes);
            try
            {
                await worker.Repository.Storage.ReadAsync(pack.FileName, run[0].Location.Offset, frames.Memory[.._frameBytes], cancellationToken);
            }
            catch (Exception e) when (e is EndOfStreamException or FileNotFoundException)
            {
                throw ArchiveReader.DamagedChunk(pack.FileName, run[0].Wanted.Chunk.Id, e);
            }
            Decode(worker, pack, frames, content);
            if (worker.KeepFrames) (_frames, _content) = (new(frames), new(content));
            else
            {
                frames.Release();
                _content = new(content);
            }
        }

        private void Decode(RunWorker worker, PackId pack, NativeBuffer frames, NativeBuffer content)
        {
            int frameAt = 0, contentAt = 0;
            foreach ((WantedChunk wanted, ChunkLocation location) in run)
            {
                try
                {
                    ArchiveReader.DecodeChunk(worker.Repository.Hasher, worker.Decompressor, wanted.Chunk.Id,
                        frames.GetSpan().Slice(frameAt, location.Length), content.GetSpan().Slice(contentAt, location.Size));
                }
                catch (InvalidDataException e)
                {
                    throw ArchiveReader.DamagedChunk(pack.FileName, wanted.Chunk.Id, e);
                }
                frameAt += location.Length;
                contentAt += location.Size;
            }
        }

        internal async ValueTask HandOverAsync(Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> consume, CancellationToken cancellationToken)
        {
            if (_frames.Buffer is { } frames)
            {
                await consume(frames.Memory[.._frameBytes], cancellationToken);
                frames.Release();
            }
            else
            {
                int at = 0;
                foreach ((WantedChunk wanted, ChunkLocation location) in run)
                {
                    foreach ((int start, int length) in wanted.Parts) await consume(_content.Buffer!.Memory.Slice(at + start, length), cancellationToken);
                    at += location.Size;
                }
            }
            _content.Buffer!.Release();
        }
    }
}
