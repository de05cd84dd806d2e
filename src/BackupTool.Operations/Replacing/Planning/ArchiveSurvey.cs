using BackupTool.Operations.Backup;
using BackupTool.Operations.Restore;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>A wanted member none of whose ancestors is wanted, and what it and everything below it come to.</summary>
internal sealed class WantedTop
{
    private const long BlockBytes = 4096;

    internal required CatalogEntry Entry { get; init; }

    internal BytePath Member => Entry.Path;

    internal FileKind Kind => Entry.Kind;

    internal bool IsEverything => Member.Bytes.SequenceEqual("."u8);

    /// <summary>Bytes on disk.</summary>
    internal long NeededBytes { get; private set; }

    internal bool Holds(BytePath member) => IsEverything || member.IsAtOrBelow(Member);

    internal void Add(CatalogEntry entry)
    {
        if (entry.Kind is FileKind.Regular or FileKind.Directory && !entry.IsHardLink)
            NeededBytes += entry.Kind == FileKind.Directory ? BlockBytes : OnDisk(entry.StoredSize);
    }

    /// <summary>Whole blocks, as file systems give them out.</summary>
    internal static long OnDisk(long bytes) => (bytes + BlockBytes - 1) / BlockBytes * BlockBytes;
}

/// <summary>A wanted name of a file whose content stands in the archive under a name elsewhere.</summary>
internal readonly record struct FarLink(BytePath Link, BytePath Target, int Top);

/// <summary>The first reading of a catalog: what is wanted, without looking at the live file system.</summary>
internal sealed class ArchiveSurvey
{
    /// <summary>More things than this are not replaced one by one.</summary>
    internal const int MaxTops = 10_000;
    private const int MaxShownDatabases = 3;
    private static readonly BytePath Dumps = PostgresDumps.Directory.WithoutLeadingSlash();

    private readonly List<WantedTop> _tops = [];
    private readonly List<FarLink> _farLinks = [];
    private readonly List<BytePath> _databases = [];

    private ArchiveSurvey()
    {
    }

    /// <summary>In tree order.</summary>
    internal IReadOnlyList<WantedTop> Tops => _tops;

    /// <summary>Whether there were more than <see cref="MaxTops"/>: the survey then ended there.</summary>
    internal bool HasTooMany => _tops.Count > MaxTops;

    /// <summary>Wanted members.</summary>
    internal long Entries { get; private set; }

    /// <summary>Hard links that lead out of their top.</summary>
    internal IReadOnlyList<FarLink> FarLinks => _farLinks;

    /// <summary>The first few databases of the archive: SQLite files and directories of RocksDB.</summary>
    internal IReadOnlyList<BytePath> Databases => _databases;

    /// <summary>Whose the wanted members are.</summary>
    internal OwnerCensus Owners { get; } = new();

    internal static async Task<ArchiveSurvey> TakeAsync(
        Repository repository, ChunkIndex index, Archive archive, MemberSelection selection, CancellationToken cancellationToken)
    {
        var survey = new ArchiveSurvey();
        using var reader = new ArchiveReader(repository, index, archive);
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
        {
            if (IsDump(entry.Path) || !selection.IsWanted(entry.Path, entry.Kind)) continue;
            survey.Add(entry);
            if (survey.HasTooMany) break;
        }
        return survey;
    }

    /// <summary>A dump is no file of the live system: a database is made from it.</summary>
    internal static bool IsDump(BytePath member) => member.IsAtOrBelow(Dumps);

    private void Add(CatalogEntry entry)
    {
        // In tree order everything below a member follows it.
        if (_tops.Count == 0 || !_tops[^1].Holds(entry.Path)) _tops.Add(new WantedTop { Entry = entry });
        WantedTop top = _tops[^1];
        top.Add(entry);
        Entries++;
        Owners.Add(entry, _tops.Count - 1);
        if (entry.IsHardLink && !top.Holds(entry.LinkTarget)) _farLinks.Add(new FarLink(entry.Path, entry.LinkTarget, _tops.Count - 1));
        if (_databases.Count >= MaxShownDatabases) return;
        if (entry.IsDatabase) _databases.Add(entry.Path);
        else if (entry.Path.Name == BytePath.From("CURRENT")) _databases.Add(entry.Path.Parent);
    }
}
