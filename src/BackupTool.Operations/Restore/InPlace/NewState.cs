using BackupTool.Operations.Replacing;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Index;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.RocksDb;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>Makes the new state beside the old one, while the services run: extracted, checked, and changed where it must not come back as it was.</summary>
internal sealed class NewState(Repository repository, ChunkIndex index, RestorePlan plan, IProgressObserver progress)
{
    /// <summary>What could not be restored as it was.</summary>
    internal List<ExtractionFinding> Findings { get; } = [];

    /// <summary>Members restored.</summary>
    internal long Entries => plan.Restores.Sum(static restore => restore.Selection.Entries);

    /// <summary>Bytes of their files.</summary>
    internal long Bytes => plan.Restores.Sum(static restore => restore.Selection.Bytes);

    /// <summary>The paths that will change places, with nothing made yet.</summary>
    internal static ReplacedPath[] PathsOf(RestorePlan plan, string id) =>
        [.. plan.Restores.SelectMany(static restore => restore.Placement.Items).Select(item => new ReplacedPath
        {
            Live = PathText.Write(item.Live),
            Aside = PathText.Write(AsideOf(item.Live, id)),
            Companions = item.IsDatabase ? [.. DatabaseCompanions.Select(static suffix => new Companion(suffix, false))] : [],
            Carried = [.. item.Carried.Select(PathText.Write)],
        })];

    /// <summary>What SQLite keeps beside a database.</summary>
    internal static IReadOnlyList<string> DatabaseCompanions { get; } = ["-wal", "-shm", "-journal"];

    /// <summary>The directory beside a path in which the other state of it is.</summary>
    internal static BytePath AsideOf(BytePath live, string id) => live.Parent.Combine(SlotName.Of(id));

    /// <summary>Extracts everything and checks it.</summary>
    /// <exception cref="ExplainedException">It cannot be had whole, or is not what it should be.</exception>
    internal async Task MakeAsync(string id, CancellationToken cancellationToken)
    {
        foreach (MissingParent missing in plan.Restores.SelectMany(static restore => restore.Placement.MissingParents)) Make(missing);
        foreach (BytePath aside in plan.Restores.SelectMany(static restore => restore.Placement.Items).Select(item => AsideOf(item.Live, id)).Distinct()) PathExchange.Make(aside);
        FailPoint.Reach(FailPoint.AsideMade);
        progress.Begin("restore", Bytes, null);
        foreach (PlannedRestore restore in plan.Restores)
            foreach (IGrouping<BytePath, PlacedItem> group in restore.Placement.Items.GroupBy(item => AsideOf(item.Live, id)))
                await Task.Run(() => Extract(restore, PathExchange.NewIn(group.Key), group.Key.Parent, cancellationToken), cancellationToken);
        FailPoint.Reach(FailPoint.Extracted);
        progress.Begin("check", null, null);
        foreach (PlannedRestore restore in plan.Restores) await CheckAsync(restore, id, cancellationToken);
    }

    private static void Make(MissingParent missing)
    {
        if (PosixFile.TryGetStatusFollowing(missing.Directory, out _)) return;
        PosixDirectory.Current.CreateDirectory(missing.Directory);
        PosixDirectory.Current.SetMode(missing.Directory, missing.Mode);
        using PosixDirectory parent = PosixDirectory.Open(missing.Directory.Parent);
        parent.Flush();
    }

    /// <summary>Extracts those of the items that live in one directory.</summary>
    private void Extract(PlannedRestore restore, BytePath into, BytePath home, CancellationToken cancellationToken)
    {
        using PosixDirectory directory = PosixDirectory.Open(into);
        using var writer = new TreeWriter(directory, new ExtractionOptions(), OnFinding);
        using ArchiveStream stream = ArchiveStream.Open(repository, index, restore.Stored.Archive,
            restore.Selection.RangesWithin(repository, index, restore.Stored.Archive, path => ItemOf(restore, home, path) is not null, cancellationToken), cancellationToken);
        TarExtraction.Extract(new TarParser(stream), writer, member => Place(restore, home, member), written => progress.Advance(written, 0), cancellationToken);
        writer.Complete();
    }

    private static TarMember? Place(PlannedRestore restore, BytePath home, TarMember member)
    {
        if (restore.Selection.Place(member) is not { } placed || ItemOf(restore, home, placed.Path) is not { } item) return null;
        placed = restore.Placement.MapOwner(placed with { Path = Below(item, placed.Path) });
        return placed.IsHardLink && ItemOf(restore, home, placed.LinkTarget) is { } target ? placed with { LinkTarget = Below(target, placed.LinkTarget) } : placed;
    }

    private static PlacedItem? ItemOf(PlannedRestore restore, BytePath home, BytePath member) =>
        restore.Placement.Find(member) is { } item && item.Live.Parent == home ? item : null;

    private static BytePath Below(PlacedItem item, BytePath member) => new([.. item.Live.Name.Bytes, .. member.Bytes[item.Member.Length..]]);

    /// <summary>Where a member of the archive stands until it lives; null when it is none of the items'.</summary>
    internal static BytePath? StandIn(PlannedRestore restore, BytePath member, string id) =>
        restore.Placement.Find(member) is { } item ? PathExchange.NewIn(AsideOf(item.Live, id)).Combine(Below(item, member)) : null;

    private async Task CheckAsync(PlannedRestore restore, string id, CancellationToken cancellationToken)
    {
        using var reader = new ArchiveReader(repository, index, restore.Stored.Archive);
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
        {
            if (!restore.Selection.Concerns(entry) || StandIn(restore, restore.Selection.PlaceOf(entry.Path), id) is not { } file) continue;
            if (entry.IsDatabase) CheckDatabase(restore, entry.Path, file, cancellationToken);
            else if (entry.Kind == FileKind.Regular && entry.Path.Name == BytePath.From("CURRENT") && !RocksDbStaging.IsDatabase(file.Parent))
                throw new OperationException($"{entry.Path} of '{restore.Settings.Name}' names a MANIFEST that is not in the snapshot: the database would not open.", "Restore another snapshot; 'backup verify --level content' tells which are whole.");
        }
    }

    private void CheckDatabase(PlannedRestore restore, BytePath member, BytePath file, CancellationToken cancellationToken)
    {
        bool wasDamaged = restore.Stored.Warnings.Any(warning => warning.Path == $"/{member}");
        try
        {
            if (RestoredDatabase.Check(file, cancellationToken) is { } reason) progress.Message($"/{member}: {reason}");
        }
        catch (ExplainedException e) when (wasDamaged)
        {
            // It was stored so on purpose, and the snapshot says it.
            progress.Warn($"/{member} was damaged when the snapshot was made: {e.Message}");
            return;
        }
        foreach (StateEdit edit in restore.Edits.Where(edit => edit.Database == member))
            if (RestoredDatabase.HasTable(file, edit.Table, edit.Columns)) RestoredDatabase.Execute(file, [edit.Statement]);
    }

    private void OnFinding(ExtractionFinding finding)
    {
        Findings.Add(finding);
        progress.Warn($"{finding.Path}: {finding.Message}");
    }
}
