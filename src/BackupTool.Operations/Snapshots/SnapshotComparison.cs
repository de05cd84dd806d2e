using System.Runtime.CompilerServices;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Snapshots;

/// <summary>How an entry differs between two snapshots.</summary>
public enum ChangeKind
{
    /// <summary>Only in the later one.</summary>
    Added,
    /// <summary>Only in the earlier one.</summary>
    Removed,
    /// <summary>Another content, kind or link target.</summary>
    Changed,
    /// <summary>The same content with another owner, mode or mtime.</summary>
    Metadata,
}

/// <summary>One difference.</summary>
/// <param name="Service">In which service.</param>
/// <param name="Path">Which member.</param>
/// <param name="Kind">What happened to it.</param>
/// <param name="OldSize">Bytes before; null when it was not there.</param>
/// <param name="NewSize">Bytes after; null when it is gone.</param>
public sealed record SnapshotChange(string Service, string Path, ChangeKind Kind, long? OldSize, long? NewSize);

/// <summary>Compares the catalogs of two snapshots, side by side, without reading contents.</summary>
public sealed class SnapshotComparison(Repository repository, ChunkIndex index)
{
    /// <summary>The differences, service by service, in tree order.</summary>
    public async IAsyncEnumerable<SnapshotChange> CompareAsync(
        Snapshot older, Snapshot newer, IReadOnlyList<string> services, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IEnumerable<string> names = older.Services.Concat(newer.Services).Select(static s => s.Name).Distinct(StringComparer.Ordinal);
        foreach (string name in names.Where(name => services.Count == 0 || services.Contains(name)))
        {
            Archive? before = Array.Find(older.Services, s => s.Name == name)?.Archive, after = Array.Find(newer.Services, s => s.Name == name)?.Archive;
            await foreach (SnapshotChange change in CompareAsync(name, before, after, cancellationToken)) yield return change;
        }
    }

    private async IAsyncEnumerable<SnapshotChange> CompareAsync(
        string service, Archive? before, Archive? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<CatalogEntry> old = ReadAsync(before, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using IAsyncEnumerator<CatalogEntry> now = ReadAsync(after, cancellationToken).GetAsyncEnumerator(cancellationToken);
        bool hasOld = await old.MoveNextAsync(), hasNow = await now.MoveNextAsync();
        while (hasOld || hasNow)
        {
            int order = !hasOld ? 1 : !hasNow ? -1 : old.Current.Path.CompareTo(now.Current.Path);
            if (order < 0) yield return new SnapshotChange(service, old.Current.Path.ToString(), ChangeKind.Removed, old.Current.Size, null);
            else if (order > 0) yield return new SnapshotChange(service, now.Current.Path.ToString(), ChangeKind.Added, null, now.Current.Size);
            else if (Compare(old.Current, now.Current) is { } kind) yield return new SnapshotChange(service, now.Current.Path.ToString(), kind, old.Current.Size, now.Current.Size);
            if (order <= 0) hasOld = await old.MoveNextAsync();
            if (order >= 0) hasNow = await now.MoveNextAsync();
        }
    }

    private async IAsyncEnumerable<CatalogEntry> ReadAsync(Archive? archive, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (archive is null) yield break;
        using var reader = new ArchiveReader(repository, index, archive);
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken)) yield return entry;
    }

    private static ChangeKind? Compare(CatalogEntry old, CatalogEntry now) =>
        old.Kind != now.Kind || old.IsHardLink != now.IsHardLink || old.ContentKey != now.ContentKey || old.LinkTarget != now.LinkTarget
            || old.DeviceMajor != now.DeviceMajor || old.DeviceMinor != now.DeviceMinor ? ChangeKind.Changed
        : old.Mode != now.Mode || old.Uid != now.Uid || old.Gid != now.Gid || old.ModifiedAt != now.ModifiedAt ? ChangeKind.Metadata
        : null;
}
