using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>Those of an archive's wanted members that are treated apart.</summary>
/// <param name="SqliteDatabases">SQLite databases.</param>
/// <param name="Dumps">What is below the directory of PostgreSQL dumps.</param>
internal sealed record WantedMembers(IReadOnlyList<BytePath> SqliteDatabases, IReadOnlyList<CatalogEntry> Dumps)
{
    internal static async Task<WantedMembers> ReadAsync(Repository repository, ChunkIndex index, ServiceSnapshot service, MemberSelection selection, CancellationToken cancellationToken)
    {
        var databases = new List<BytePath>();
        var dumps = new List<CatalogEntry>();
        using var reader = new ArchiveReader(repository, index, service.Archive);
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
        {
            bool isDump = entry.Kind == FileKind.Regular && DumpTargets.IsDumpMember(entry.Path);
            // The roles go with every dump.
            if (isDump && (selection.Concerns(entry) || entry.Path.ToString().EndsWith(".sql", StringComparison.Ordinal))) dumps.Add(entry);
            else if (entry.IsDatabase && selection.Concerns(entry)) databases.Add(selection.PlaceOf(entry.Path));
        }
        return new WantedMembers(databases, dumps);
    }
}
