using System.Security.Cryptography;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Compression;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Pipelines;
using BackupTool.Repositories.Pruning;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Verification;

/// <summary>Part <paramref name="Number"/> (from 1) of <paramref name="Of"/> equal parts of the packs, chosen by their names: in as many runs everything was read.</summary>
public readonly record struct PackSubset(int Number, int Of)
{
    /// <summary>Whether a pack belongs to this part.</summary>
    public bool Contains(PackId pack) => Convert.ToUInt64(pack.Hex[..15], 16) % (ulong)Of == (ulong)(Number - 1);

    /// <summary><c>n/t</c>.</summary>
    public override string ToString() => $"{Number}/{Of}";
}

/// <summary>Something that is wrong with a repository.</summary>
/// <param name="FileName">The file, relative to the repository.</param>
/// <param name="Problem">What is wrong with it.</param>
public sealed record VerificationProblem(string FileName, string Problem)
{
    /// <summary>For people.</summary>
    public override string ToString() => $"{FileName}: {Problem}";
}

/// <summary>
/// Checks a repository without changing it, and goes on after a problem to find them all. <see cref="CheckStructureAsync"/>: every file that is read whole anyway
/// is what its name says, and every chunk that a snapshot names is in a pack of the right size. <see cref="CheckDataAsync"/>: every byte of every pack is
/// what its name says, and every chunk decompresses to what its id says.
/// </summary>
public sealed class RepositoryVerifier(Repository repository, Action<long> onRead)
{
    private readonly List<VerificationProblem> _problems = [];
    private readonly Lock _lock = new();
    private long _readBytes;

    /// <summary>What was found so far.</summary>
    public IReadOnlyList<VerificationProblem> Problems
    {
        get { lock (_lock) return [.. _problems.OrderBy(static p => p.FileName, StringComparer.Ordinal)]; }
    }

    /// <summary>Bytes of packs that were read.</summary>
    public long ReadBytes => Interlocked.Read(ref _readBytes);

    /// <summary>The index, as far as it can be read.</summary>
    public ChunkIndex Index { get; } = new();

    /// <summary>Checks everything but the contents of packs. Returns the snapshots that could be read.</summary>
    public async Task<IReadOnlyList<StoredSnapshot>> CheckStructureAsync(CancellationToken cancellationToken)
    {
        foreach (RepositoryDamagedException e in await repository.CheckFixedFilesAsync(cancellationToken)) Add(e.FileName, e.Problem);
        // Before the index: what a backup commits meanwhile needs chunks that the index as it was read lacks.
        IReadOnlyList<StoredFile> snapshotFiles = await repository.Storage.ListAsync(SnapshotId.Folder, cancellationToken);
        await GuardedAsync(IndexFile.Folder, IndexFile.DigestInName, file => IndexFile.ReadAsync(repository.Storage, file, Index, cancellationToken), cancellationToken);
        await CheckEvidenceAsync(cancellationToken);
        foreach (VerificationProblem pin in (await SnapshotPins.ReadAsync(repository.Storage, cancellationToken)).Unreadable) Add(pin.FileName, pin.Problem);
        await CheckMarksAsync(cancellationToken);
        await CheckPackSizesAsync(cancellationToken);
        var snapshots = new List<StoredSnapshot>();
        await GuardedAsync(snapshotFiles, static name => SnapshotId.TryParseFileName(name, out SnapshotId? id) ? id.Value.Hex : null, async file =>
        {
            if (!SnapshotId.TryParseFileName(file.Name, out SnapshotId? id)) return;
            StoredSnapshot snapshot = await repository.ReadSnapshotAsync(id.Value, cancellationToken);
            await CheckReferencesAsync(snapshot, cancellationToken);
            snapshots.Add(snapshot);
        });
        return [.. snapshots.OrderBy(static s => s.Snapshot.Time)];
    }

    private async Task GuardedAsync(string folder, Func<string, string?> digestInName, Func<StoredFile, ValueTask> check, CancellationToken cancellationToken) =>
        await GuardedAsync(await repository.Storage.ListAsync(folder, cancellationToken), digestInName, check);

    private async Task GuardedAsync(IReadOnlyList<StoredFile> files, Func<string, string?> digestInName, Func<StoredFile, ValueTask> check)
    {
        foreach (StoredFile file in files)
        {
            if (digestInName(file.Name) is null)
            {
                Add(file.Name, "it does not belong there: its name is none of a repository's");
                continue;
            }
            try
            {
                await check(file);
            }
            catch (RepositoryDamagedException e)
            {
                Add(e.FileName, e.Problem);
            }
            catch (Exception e) when (e is RepositoryException or InvalidDataException or IOException)
            {
                Add(file.Name, e.Message);
            }
        }
    }

    private Task CheckEvidenceAsync(CancellationToken cancellationToken) =>
        GuardedAsync(EvidenceFile.Folder, EvidenceFile.DigestInName, async file =>
        {
            byte[] content = await repository.Storage.ReadAllAsync(file.Name, EvidenceFile.MaxBytes, cancellationToken);
            if (Convert.ToHexStringLower(SHA256.HashData(content)) != EvidenceFile.DigestInName(file.Name)) Add(file.Name, "its contents are not what its name says");
        }, cancellationToken);

    private Task CheckMarksAsync(CancellationToken cancellationToken) =>
        GuardedAsync(PackMarks.Folder, static name => name == SpaceReserve.Name ? name : PackMarks.DigestInName(name), async file =>
        {
            if (file.Name != SpaceReserve.Name && await PackMarks.TryReadAsync(repository.Storage, file.Name, cancellationToken) is null)
                Add(file.Name, "it cannot be read: 'backup prune' replaces it, and nothing is lost");
        }, cancellationToken);

    private async Task CheckPackSizesAsync(CancellationToken cancellationToken)
    {
        var sizes = new Dictionary<PackId, long>();
        foreach (StoredFile file in await repository.Storage.ListAsync("packs/", cancellationToken))
        {
            if (PackId.TryParseFileName(file.Name, out PackId? id)) sizes.Add(id.Value, file.Bytes);
            else Add(file.Name, "it does not belong there: its name is none of a repository's");
        }
        foreach (PackId pack in Index.Packs)
        {
            if (!sizes.TryGetValue(pack, out long size)) Add(pack.FileName, "it is missing");
            else await CheckSizeAsync(pack, size, cancellationToken);
        }
    }

    /// <summary>The end of a pack says how long its table is; with the frames that the index knows, that is the whole pack.</summary>
    private async Task CheckSizeAsync(PackId pack, long size, CancellationToken cancellationToken)
    {
        try
        {
            int table = await PackReader.ReadTableBytesAsync(repository.Storage, pack, size, cancellationToken);
            if (Index.EndOfFrames(pack) + table != size) Add(pack.FileName, $"it has {size:N0} bytes, where its frames and its table have {Index.EndOfFrames(pack) + table:N0}");
        }
        catch (RepositoryDamagedException e)
        {
            Add(e.FileName, e.Problem);
        }
        catch (IOException e)
        {
            Add(pack.FileName, e.Message);
        }
    }

    private async Task CheckReferencesAsync(StoredSnapshot snapshot, CancellationToken cancellationToken)
    {
        foreach (ServiceSnapshot service in snapshot.Snapshot.Services)
        {
            try
            {
                await ArchiveCheck.RunAsync(repository, Index, service.Archive, $"{snapshot.Id.FileName} ({service.Name})", cancellationToken);
            }
            catch (RepositoryDamagedException e)
            {
                Add(e.FileName, e.Problem);
            }
            catch (Exception e) when (e is InvalidDataException or IOException)
            {
                Add($"{snapshot.Id.FileName} ({service.Name})", e.Message);
            }
        }
    }

    /// <summary>Reads packs whole: all of them, or a part.</summary>
    public async Task CheckDataAsync(PackSubset? subset, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredFile> files = await repository.Storage.ListAsync("packs/", cancellationToken);
        using var buffers = new BufferPool();
        var pipeline = new OrderedPipeline<PackStep, PackWorker>(() => new PackWorker(), 3L * PackWriter.TargetBytes);
        await pipeline.RunAsync(
            async cancelled =>
            {
                foreach (StoredFile file in files)
                    if (PackId.TryParseFileName(file.Name, out PackId? id) && (subset is null || subset.Value.Contains(id.Value)))
                        await pipeline.AddAsync(new PackStep(this, buffers, id.Value, file.Bytes), cancelled);
            },
            static (_, _) => default, cancellationToken);
    }

    /// <summary>Bytes that <see cref="CheckDataAsync"/> will read.</summary>
    public async Task<long> CountDataAsync(PackSubset? subset, CancellationToken cancellationToken) =>
        (await repository.Storage.ListAsync("packs/", cancellationToken))
        .Where(f => PackId.TryParseFileName(f.Name, out PackId? id) && (subset is null || subset.Value.Contains(id.Value))).Sum(static f => f.Bytes);

    private void Add(string fileName, string problem)
    {
        lock (_lock)
            if (!_problems.Exists(p => p.FileName == fileName && p.Problem == problem)) _problems.Add(new VerificationProblem(fileName, problem));
    }

    private sealed class PackWorker : IDisposable
    {
        internal FrameDecompressor Decompressor { get; } = FrameCodec.CreateDecompressor();

        public void Dispose() => Decompressor.Dispose();
    }

    private sealed class PackStep(RepositoryVerifier verifier, BufferPool buffers, PackId id, long bytes) : PipelineStep<PackWorker>
    {
        internal override long HeldBytes => bytes;

        internal override bool NeedsWork => true;

        protected override async ValueTask WorkAsync(PackWorker worker, CancellationToken cancellationToken)
        {
            if (bytes is < 64 or > 1 << 27)
            {
                verifier.Add(id.FileName, $"no pack has {bytes:N0} bytes");
                return;
            }
            NativeBuffer buffer = buffers.Rent((int)bytes);
            try
            {
                await verifier.Storage.ReadAsync(id.FileName, 0, buffer.Memory[..(int)bytes], cancellationToken);
                Check(worker, buffer.GetSpan()[..(int)bytes]);
            }
            catch (RepositoryDamagedException e)
            {
                verifier.Add(e.FileName, e.Problem);
            }
            catch (Exception e) when (e is InvalidDataException or IOException or UnsupportedFormatException)
            {
                verifier.Add(id.FileName, e.Message);
            }
            buffer.Release();
            verifier.OnRead(bytes);
        }

        private void Check(PackWorker worker, ReadOnlySpan<byte> pack)
        {
            if (PackId.FromDigest(SHA256.HashData(pack)) != id)
            {
                verifier.Add(id.FileName, "its contents are not what its name says");
                return;
            }
            int tableBytes = PackTable.BytesFromTrailer(id.FileName, pack[^PackTable.TrailerBytes..], pack.Length);
            List<PackedChunk> table = PackTable.Read(id.FileName, pack[^tableBytes..], pack.Length, out _);
            if (verifier.Index.Contains(id) && !verifier.Index.AgreesWith(id, table))
                verifier.Add(IndexFile.Folder, $"it does not say what the table of {id.FileName} says: run 'backup repair index'");
            NativeBuffer content = buffers.Rent(table.Max(static chunk => chunk.Size));
            try
            {
                foreach (PackedChunk chunk in table) CheckChunk(worker, chunk, pack.Slice((int)chunk.Offset, chunk.Length), content.GetSpan()[..chunk.Size]);
            }
            finally
            {
                content.Release();
            }
        }

        private void CheckChunk(PackWorker worker, PackedChunk chunk, ReadOnlySpan<byte> frame, Span<byte> content)
        {
            try
            {
                ArchiveReader.DecodeChunk(verifier.Hasher, worker.Decompressor, chunk.Id, frame, content);
            }
            catch (InvalidDataException e)
            {
                verifier.Add(id.FileName, $"chunk {chunk.Id}: {e.Message}");
            }
        }
    }

    private IStorage Storage => repository.Storage;

    private ChunkHasher Hasher => repository.Hasher;

    private void OnRead(long bytes)
    {
        Interlocked.Add(ref _readBytes, bytes);
        onRead(bytes);
    }
}
