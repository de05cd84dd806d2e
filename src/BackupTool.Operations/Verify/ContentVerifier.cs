using BackupTool.Operations.Backup;
using BackupTool.Operations.Restore;
using BackupTool.Operations.Sanity;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Verification;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.RocksDb;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Verify;

/// <summary>
/// Puts the services of a snapshot together again in a scratch directory and looks at them as their programs would: SQLite databases are checked, plugins are read
/// to the last byte, a RocksDB has a CURRENT that names its MANIFEST.
/// </summary>
internal sealed class ContentVerifier(Repository repository, ChunkIndex index, DumpProof dumps, IProgressObserver progress, TimeProvider time)
{
    /// <summary>What nothing can be said of, and why.</summary>
    internal List<VerificationProblem> Unproven { get; } = [];

    private static readonly BytePath DumpDirectory = PostgresDumps.Directory.WithoutLeadingSlash();

    internal async Task<List<VerificationProblem>> CheckAsync(StoredSnapshot snapshot, Func<BytePath> stagingDirectory, CancellationToken cancellationToken)
    {
        var problems = new List<VerificationProblem>();
        foreach (ServiceSnapshot service in snapshot.Snapshot.Services)
        {
            string where = $"{snapshot.Id.FileName} ({service.Name})";
            BytePath scratch = stagingDirectory();
            try
            {
                var restore = new RestoreRun(repository, index, progress);
                await restore.RunAsync(new RestoreRequest { Target = scratch, Services = [service] }, cancellationToken);
                await CheckFilesAsync(service, scratch, where, problem => problems.Add(new VerificationProblem(where, problem)), cancellationToken);
            }
            catch (ExplainedException e)
            {
                problems.Add(new VerificationProblem(where, e.Message));
            }
            finally
            {
                PosixDirectory.Current.RemoveTree(scratch);
            }
        }
        return problems;
    }

    private async Task CheckFilesAsync(ServiceSnapshot service, BytePath scratch, string where, Action<string> add, CancellationToken cancellationToken)
    {
        using var reader = new ArchiveReader(repository, index, service.Archive);
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
        {
            if (service.Facts.ContainsKey(SanityFacts.KeyOfDamage(BytePath.From("/").Combine(entry.Path))))
            {
                Unproven.Add(new VerificationProblem(where, $"/{entry.Path} was damaged already when it was backed up, and is stored as it was"));
                continue;
            }
            BytePath restored = scratch.Combine(entry.Path);
            try
            {
                if (entry.IsDatabase) CheckDatabase(restored, cancellationToken);
                else if (entry.Kind == FileKind.Regular && entry.Path.Parent == DumpDirectory) await CheckDumpAsync(service, entry.Path, restored, where, add, cancellationToken);
                else if (service.Facts.ContainsKey($"plugin /{entry.Path}")) MaubotPlugin.Read(restored);
                else if (entry.Kind == FileKind.Regular && entry.Path.Name == BytePath.From("CURRENT") && !RocksDbStaging.IsDatabase(restored.Parent))
                    add($"{entry.Path}: names a MANIFEST that is not there");
            }
            catch (ExplainedException e)
            {
                add($"{entry.Path}: {e.Message}");
            }
        }
    }

    private async Task CheckDumpAsync(ServiceSnapshot service, BytePath member, BytePath restored, string where, Action<string> add, CancellationToken cancellationToken)
    {
        DumpFinding finding = await dumps.CheckAsync(service, member, restored, cancellationToken);
        if (finding.Problem is { } problem) add($"{member}: {problem}");
        if (finding.Unproven is { } reason) Unproven.Add(new VerificationProblem(where, $"{member}: {reason}"));
        if (finding.Seen is { } seen) progress.Message($"{service.Name}: {member} restores: {seen}");
    }

    /// <summary>Copies it once more, which checks it: the copy is what a program would read.</summary>
    private void CheckDatabase(BytePath database, CancellationToken cancellationToken)
    {
        BytePath copy = new([.. database.Bytes, .. ".checked"u8]);
        using (PinnedDatabase pinned = PinnedDatabase.Pin(database, new SqliteOptions(), time, cancellationToken)) pinned.CopyTo(copy, null, cancellationToken);
        PosixDirectory.Current.RemoveFile(copy);
    }
}
