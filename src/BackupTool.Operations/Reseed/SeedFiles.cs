using BackupTool.Operations.Backup;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Reseed;

/// <summary>Databases and plugins of a snapshot in a private directory, which goes away when this is disposed. They hold access tokens.</summary>
internal sealed class SeedFiles : IDisposable
{
    private static readonly BytePath PluginsName = BytePath.From("plugins");

    private readonly BytePath _directory;
    private readonly Dictionary<BytePath, BytePath> _databases = [];

    private SeedFiles(BytePath directory) => _directory = directory;

    /// <summary>Its plugin files.</summary>
    internal BytePath Plugins => _directory.Combine(PluginsName);

    /// <summary>The snapshot's database that belongs to a live one.</summary>
    internal BytePath DatabaseOf(WipedFile file) => _databases[file.Live];

    /// <summary>Restores them, and proves the databases.</summary>
    /// <exception cref="ExplainedException">There is no room, or one of them is damaged.</exception>
    internal static async Task<SeedFiles> RestoreAsync(SnapshotSource source, WipeSeed seed, bool withPlugins, BytePath staging, IProgressObserver progress, CancellationToken cancellationToken)
    {
        var files = new SeedFiles(RunStaging.Create(staging, progress));
        try
        {
            IReadOnlyList<CatalogEntry> plugins = withPlugins ? seed.Plugins : [];
            long needed = seed.Databases.Values.Concat(plugins).Sum(static entry => entry.StoredSize), free = PosixFile.GetFreeBytes(files._directory);
            if (free < needed) throw new OperationException($"{staging} has room for {free:N0} bytes; what the snapshot has to fill the new database with takes {needed:N0}.", "Make room, or name another directory in [staging].");
            PosixDirectory.Current.CreateDirectory(files.Plugins, 0x1c0 /* 0700 */);
            await Task.Run(() => files.Restore(source, seed, plugins, cancellationToken), cancellationToken);
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    private void Restore(SnapshotSource source, WipeSeed seed, IReadOnlyList<CatalogEntry> plugins, CancellationToken cancellationToken)
    {
        foreach (CatalogEntry plugin in plugins) Extract(source, seed.Service, plugin, Plugins, plugin.Path.Name, cancellationToken);
        foreach ((BytePath live, CatalogEntry member) in seed.Databases)
        {
            // Under a name of our own: SQLite takes no path of more than 511 bytes.
            BytePath name = BytePath.From($"{_databases.Count}.db");
            Extract(source, seed.Service, member, _directory, name, cancellationToken);
            _databases.Add(live, _directory.Combine(name));
            RestoredDatabase.Check(_directory.Combine(name), cancellationToken);
        }
    }

    private static void Extract(SnapshotSource source, ServiceSnapshot service, CatalogEntry member, BytePath into, BytePath name, CancellationToken cancellationToken)
    {
        using PosixDirectory target = PosixDirectory.Open(into);
        using var writer = new TreeWriter(target, new ExtractionOptions { RestoreOwners = false, FlushAtEnd = false }, static _ => { });
        using ArchiveStream stream = ArchiveStream.Open(source.Repository, source.Index, service.Archive, Range(), cancellationToken);
        TarExtraction.Extract(new TarParser(stream), writer, one => one with { Path = name }, static _ => { }, cancellationToken);
        writer.Complete();

        async IAsyncEnumerable<StreamRange> Range()
        {
            yield return new StreamRange(member.StreamOffset, member.StreamOffset + member.StreamBytes);
            await Task.CompletedTask;
        }
    }

    public void Dispose() => PosixDirectory.Current.RemoveTree(_directory);
}
