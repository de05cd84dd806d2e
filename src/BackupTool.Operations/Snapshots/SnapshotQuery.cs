using BackupTool.Operations.Backup;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Snapshots;

/// <summary>Asks one SQLite database of a snapshot: it alone is restored, into a private directory that goes away again.</summary>
public sealed class SnapshotQuery(Repository repository, ChunkIndex index, IProgressObserver progress)
{
    private static readonly BytePath RestoredName = BytePath.From("database");

    /// <summary>Restores the database, hands it over, and removes it.</summary>
    /// <param name="snapshot">Of which snapshot.</param>
    /// <param name="service">Of which service.</param>
    /// <param name="member">The database, or a hard link to it.</param>
    /// <param name="stagingDirectory">In which directory a private one is made for it.</param>
    /// <param name="ask">Asks; synchronous.</param>
    /// <param name="cancellationToken">Ends restoring and asking.</param>
    /// <exception cref="NotInRepositoryException">The member is no SQLite database; where there is another way to it, the hint says it.</exception>
    /// <exception cref="ExplainedException">It cannot be restored, or opened.</exception>
    public async Task AskAsync(
        StoredSnapshot snapshot, ServiceSnapshot service, CatalogEntry member, BytePath stagingDirectory, Action<QueriedDatabase> ask, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ask);
        if (member.IsHardLink) member = await new SnapshotMembers(repository, index).FindAsync(service, $"/{member.LinkTarget}", databasesOnly: true, cancellationToken);
        if (member.Path.Parent == PostgresDumps.Directory.WithoutLeadingSlash()) throw IsDump(snapshot, service, member);
        if (member.Kind != FileKind.Regular) throw await IsNoDatabaseAsync(service, member, cancellationToken);
        BytePath directory = RunStaging.Create(stagingDirectory, progress);
        try
        {
            long free = PosixFile.GetFreeBytes(directory);
            if (free < member.StoredSize) throw new OperationException($"{stagingDirectory} has room for {free:N0} bytes; the database has {member.StoredSize:N0}.", "Make room, or name another directory in [staging].");
            await Task.Run(() => Restore(service, member, directory, cancellationToken), cancellationToken);
            BytePath database = directory.Combine(RestoredName);
            if (!member.IsDatabase && !SqliteHeader.IsDatabase(database)) throw await IsNoDatabaseAsync(service, member, cancellationToken);
            using QueriedDatabase queried = QueriedDatabase.Open(database, cancellationToken);
            ask(queried);
        }
        finally
        {
            PosixDirectory.Current.RemoveTree(directory);
        }
    }

    /// <summary>Under a name of our own: SQLite takes no path of more than 511 bytes. The file is ours, too, whoever owned the original.</summary>
    private void Restore(ServiceSnapshot service, CatalogEntry member, BytePath directory, CancellationToken cancellationToken)
    {
        progress.Begin("restore", member.Size, null);
        using PosixDirectory target = PosixDirectory.Open(directory);
        // What cannot be restored of owner and attributes is of no concern here: the content is proved by its hash.
        using var writer = new TreeWriter(target, new ExtractionOptions { RestoreOwners = false, FlushAtEnd = false }, static _ => { });
        using ArchiveStream stream = ArchiveStream.Open(repository, index, service.Archive, Range(), cancellationToken);
        TarExtraction.Extract(new TarParser(stream), writer, static one => one with { Path = RestoredName }, written => progress.Advance(written, 0), cancellationToken);
        writer.Complete();

        async IAsyncEnumerable<StreamRange> Range()
        {
            yield return new StreamRange(member.StreamOffset, member.StreamOffset + member.StreamBytes);
            await Task.CompletedTask;
        }
    }

    private async Task<NotInRepositoryException> IsNoDatabaseAsync(ServiceSnapshot service, CatalogEntry member, CancellationToken cancellationToken)
    {
        var databases = new List<CatalogEntry>();
        using var reader = new ArchiveReader(repository, index, service.Archive);
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
            if (entry.IsDatabase) databases.Add(entry);
        return new($"/{member.Path} is not a SQLite database.", databases.Count > 0 ? $"Its databases are: {SnapshotMembers.Names(databases)}." : $"The service {service.Name} has none in this snapshot.");
    }

    private static NotInRepositoryException IsDump(StoredSnapshot snapshot, ServiceSnapshot service, CatalogEntry member)
    {
        string restore = $"backup restore {snapshot.Id.Prefix} --service {service.Name} --include '/{member.Path}' --target DIR";
        return member.Path.Bytes.EndsWith(".dump"u8)
            ? new($"/{member.Path} is a PostgreSQL dump, which only a PostgreSQL server can be asked about.",
                $"Restore it into a new database: {restore}; createdb inspect; pg_restore --no-owner --dbname=inspect DIR/{member.Path}; then ask with psql inspect.")
            : new($"/{member.Path} is a SQL script of a PostgreSQL server's roles, not a database.", $"Read it: {restore}.");
    }
}
