using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Snapshots;

/// <summary>
/// Finds the one member of a service that an operator means: by its whole path, by its path relative to a root of the service, by its name, or by a pattern. What is nearer to the
/// whole path goes before what is farther.
/// </summary>
public sealed class SnapshotMembers(Repository repository, ChunkIndex index)
{
    private const int MaxCandidates = 10;

    /// <summary>Finds it.</summary>
    /// <param name="service">In whose archive.</param>
    /// <param name="pattern">What the operator wrote; bytes that are no text as <c>\xNN</c>, as they are shown.</param>
    /// <param name="databasesOnly">Whether a database is meant: of several that match, only those count.</param>
    /// <param name="cancellationToken">Ends the reading of the catalog.</param>
    /// <exception cref="NotInRepositoryException">There is none, or more than one; candidates are named.</exception>
    public async Task<CatalogEntry> FindAsync(ServiceSnapshot service, string pattern, bool databasesOnly, CancellationToken cancellationToken)
    {
        BytePath wanted = BytePath.From(pattern).WithoutLeadingSlash();
        bool isGlob = Glob.TryParse(pattern, out Glob? glob, out _);
        List<BytePath> roots = [.. service.Roots.Select(static root => BytePath.From(root).WithoutLeadingSlash())];
        var matches = new List<(int Distance, CatalogEntry Entry)>();
        var databases = new List<CatalogEntry>();
        using var reader = new ArchiveReader(repository, index, service.Archive);
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
        {
            if (entry.IsDatabase) databases.Add(entry);
            if (DistanceOf(entry) is { } distance) matches.Add((distance, entry));
        }
        List<CatalogEntry> nearest = [.. matches.Where(m => m.Distance == matches.Min(static other => other.Distance)).Select(static m => m.Entry)];
        if (databasesOnly && nearest.Count > 1 && nearest.Exists(static e => e.IsDatabase)) nearest = nearest.FindAll(static e => e.IsDatabase);
        return nearest.Count switch
        {
            1 => nearest[0],
            0 => throw None(service, pattern, databasesOnly ? databases : []),
            _ => throw new NotInRepositoryException($"'{pattern}' stands for {nearest.Count:N0} entries of {service.Name}.", $"Give the whole path of one: {Names(nearest)}."),
        };

        int? DistanceOf(CatalogEntry entry)
        {
            if (entry.Path == wanted) return 0;
            List<BytePath> relative = [.. roots.Where(root => entry.Path.Length > root.Length && entry.Path.IsAtOrBelow(root)).Select(root => root.IsEmpty ? entry.Path : new BytePath(entry.Path.Bytes[(root.Length + 1)..]))];
            if (relative.Contains(wanted)) return 1;
            if (entry.Path.Name == wanted) return 2;
            bool isDirectory = entry.Kind == FileKind.Directory;
            return isGlob && (glob!.IsMatch(entry.Path, isDirectory) || relative.Exists(path => glob.IsMatch(path, isDirectory))) ? 3 : null;
        }
    }

    internal static string Names(IReadOnlyList<CatalogEntry> entries) =>
        string.Join(", ", entries.Take(MaxCandidates).Select(static entry => $"/{entry.Path}")) + (entries.Count > MaxCandidates ? ", …" : "");

    private static NotInRepositoryException None(ServiceSnapshot service, string pattern, List<CatalogEntry> databases) => new($"Nothing of {service.Name} in this snapshot is called '{pattern}'.",
        databases.Count > 0 ? $"Its databases are: {Names(databases)}." : "Run 'backup show SNAPSHOT SERVICE' to see the paths.");
}
