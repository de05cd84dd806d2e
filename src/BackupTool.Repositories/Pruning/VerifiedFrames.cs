using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Compression;
using BackupTool.Repositories.Packs;

namespace BackupTool.Repositories.Pruning;

/// <summary>Reads frames as they are stored, and only those whose plaintext is what its id says. One at a time.</summary>
internal sealed class VerifiedFrames(Repository repository) : IDisposable
{
    private const int MaxGap = 64 << 10, MaxRun = 32 << 20;
    private readonly FrameDecompressor _decompressor = FrameCodec.CreateDecompressor();
    private byte[] _run = [], _content = [];

    /// <summary>Calls back with each of these chunks of a pack, in the order of its frames; the memory may be used until the call returns.</summary>
    /// <exception cref="RepositoryDamagedException">A frame is missing or damaged.</exception>
    internal async Task ReadAsync(
        PackId pack, IEnumerable<PackedChunk> chunks, Func<PackedChunk, ReadOnlyMemory<byte>, ValueTask> onFrame, Action<long> onRead, CancellationToken cancellationToken)
    {
        foreach (List<PackedChunk> run in RunsOf(chunks))
        {
            long start = run[0].Offset;
            int length = (int)(run[^1].Offset + run[^1].Length - start);
            if (_run.Length < length) _run = new byte[length];
            try
            {
                await repository.Storage.ReadAsync(pack.FileName, start, _run.AsMemory(0, length), cancellationToken);
            }
            catch (Exception e) when (e is EndOfStreamException or FileNotFoundException)
            {
                throw ArchiveReader.DamagedChunk(pack.FileName, run[0].Id, e);
            }
            foreach (PackedChunk chunk in run)
            {
                ReadOnlyMemory<byte> frame = _run.AsMemory((int)(chunk.Offset - start), chunk.Length);
                Check(pack, chunk, frame.Span);
                await onFrame(chunk, frame);
            }
            onRead(length);
        }
    }

    /// <summary>Frames that lie near one another are read together.</summary>
    private static IEnumerable<List<PackedChunk>> RunsOf(IEnumerable<PackedChunk> chunks)
    {
        List<PackedChunk> run = [];
        foreach (PackedChunk chunk in chunks.OrderBy(static chunk => chunk.Offset))
        {
            if (run.Count > 0 && (chunk.Offset - run[^1].Offset - run[^1].Length > MaxGap || chunk.Offset + chunk.Length - run[0].Offset > MaxRun))
            {
                yield return run;
                run = [];
            }
            run.Add(chunk);
        }
        if (run.Count > 0) yield return run;
    }

    private void Check(PackId pack, in PackedChunk chunk, ReadOnlySpan<byte> frame)
    {
        if (_content.Length < chunk.Size) _content = new byte[chunk.Size];
        try
        {
            ArchiveReader.DecodeChunk(repository.Hasher, _decompressor, chunk.Id, frame, _content.AsSpan(0, chunk.Size));
        }
        catch (InvalidDataException e)
        {
            throw ArchiveReader.DamagedChunk(pack.FileName, chunk.Id, e);
        }
    }

    public void Dispose() => _decompressor.Dispose();
}
