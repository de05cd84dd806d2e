using System.Runtime.CompilerServices;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;
using BackupTool.Services.Sources.Files;

namespace BackupTool.Operations.Import;

/// <summary>An archive to adopt.</summary>
/// <param name="File">The archive.</param>
/// <param name="Service">The name that it gets in the snapshot.</param>
/// <param name="Labels">Further words for the snapshot.</param>
/// <param name="Time">When its contents were as they are; null for the archive file's mtime.</param>
public sealed record ImportRequest(BytePath File, string Service, IReadOnlyList<string> Labels, DateTimeOffset? Time);

/// <summary>What came of an import.</summary>
public sealed record ImportReport(StoredSnapshot Snapshot, long Members, long Bytes, IReadOnlyList<LeftOut> Warnings);

/// <summary>Adopts an operator's old archive as a snapshot: unpacked into a private directory, stored, and read back as any other. The archive is not touched.</summary>
public sealed class ImportRun(BackupConfiguration configuration, IProgressObserver progress, TimeProvider time)
{
    private readonly List<LeftOut> _warnings = [];

    /// <summary>Imports.</summary>
    /// <exception cref="ForeignArchiveException">The archive is damaged, cut off, encrypted or not understood: nothing was stored.</exception>
    public async Task<ImportReport> RunAsync(ImportRequest request, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        using var archive = ForeignArchive.Open(request.File);
        Repository repository = await Repository.OpenAsync(new LocalStorage(configuration.Repository.Path), cancellationToken);
        await using RepositoryLock held = await RepositoryLock.AcquireAsync(
            repository.Storage, LockMode.Write, "import", configuration.Repository.LockWait, time, progress.Message, cancellationToken);
        BytePath staging = RunStaging.Create(configuration.Staging.Path, progress);
        try
        {
            progress.Begin("unpack", PosixDirectory.Current.GetStatus(request.File).Size, null);
            using PosixDirectory directory = PosixDirectory.Open(staging);
            ForeignExtraction unpacked = await archive.ExtractToAsync(directory, new WarningCollector(progress, Warn), cancellationToken);
            StoredSnapshot snapshot = await StoreAsync(request, archive.Format, repository, held, staging, started, cancellationToken);
            return new ImportReport(snapshot, unpacked.Members, unpacked.Bytes, _warnings);
        }
        finally
        {
            PosixDirectory.Current.RemoveTree(staging);
        }
    }

    private async Task<StoredSnapshot> StoreAsync(
        ImportRequest request, ForeignArchiveFormat format, Repository repository, RepositoryLock held, BytePath staging, long started, CancellationToken cancellationToken)
    {
        progress.Begin("store", null, null);
        ChunkIndex index = await repository.LoadIndexAsync(cancellationToken);
        IReadOnlyList<FinishedPack> adopted = await repository.AdoptOrphanPacksAsync(index, damage => progress.Warn($"{damage.Message}; nothing needs it yet"), cancellationToken);
        await using var session = new WriteSession(repository, index, adopted, (int)configuration.Repository.Compression, cancellationToken);
        var writer = new ArchiveWriter(session, null, warning => Warn($"{warning.Path}: {warning.Reason}"), bytes => progress.Advance(bytes, 0));
        ArchiveResult result = await writer.WriteAsync(ReadEntriesAsync(staging, cancellationToken), cancellationToken);
        await session.FinishAsync(cancellationToken);
        FileStatus file = PosixDirectory.Current.GetStatus(request.File);
        StoredSnapshot committed = await repository.CommitAsync(new Snapshot
        {
            FormatVersion = Snapshot.CurrentVersion,
            RepositoryId = repository.Format.Id,
            Time = (request.Time ?? file.ModifiedAt.ToDateTimeOffset()).ToUniversalTime(),
            FinishedAt = time.GetUtcNow(),
            Host = Environment.MachineName,
            Labels = ["imported", .. request.Labels],
            Pinned = false,
            ToolVersion = BackupRun.ToolVersion,
            Services = [Describe(request, format, result)],
            Failures = [],
            Statistics = new SnapshotStatistics
            {
                ReusedEntries = 0,
                ReadBytes = result.ReadBytes,
                NewChunks = session.NewChunks,
                StoredBytes = session.StoredBytes,
                Seconds = time.GetElapsedTime(started).TotalSeconds,
            },
        }, held, cancellationToken);
        await ArchiveCheck.RunAsync(repository, index, result.Archive, committed.Id.FileName, cancellationToken);
        return committed;
    }

    private ServiceSnapshot Describe(ImportRequest request, ForeignArchiveFormat format, ArchiveResult result) => new()
    {
        Name = request.Service,
        Kind = "imported",
        Quiesce = "imported",
        Roots = [],
        Facts = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["archive"] = request.File.ToString(), ["format"] = format.ToString() },
        Archive = result.Archive,
        LeftOut = [],
        Warnings = [.. _warnings],
    };

    private static async IAsyncEnumerable<ArchiveEntry> ReadEntriesAsync(BytePath staging, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (WalkedEntry entry in FileTree.Walk(staging, static (_, _) => false, static _ => { }))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (entry.Path == staging) continue;
            yield return new ArchiveEntry
            {
                Path = entry.Path,
                MemberName = new BytePath(entry.Path.Bytes[(staging.Length + 1)..]),
                Status = entry.Status,
                LinkTarget = entry.LinkTarget,
            };
        }
    }

    private void Warn(string text)
    {
        lock (_warnings) _warnings.Add(new LeftOut("", text));
        progress.Warn(text);
    }

    private sealed class WarningCollector(IProgressObserver inner, Action<string> warn) : IProgressObserver
    {
        public void Begin(string phase, long? totalBytes, long? totalItems) => inner.Begin(phase, totalBytes, totalItems);

        public void Advance(long bytes, long items) => inner.Advance(bytes, items);

        public void Message(string text) => inner.Message(text);

        public void Warn(string text) => warn(text);
    }
}
