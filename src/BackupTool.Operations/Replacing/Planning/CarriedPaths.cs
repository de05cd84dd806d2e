using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>
/// What backups leave out of the things that are replaced, and which is there: found with today's exclusions, and with those that the snapshot was made with. What the archive has after all is
/// restored from it instead.
/// </summary>
internal sealed class CarriedPaths
{
    private const string ExcludedByOperator = "exclude = ";

    private readonly Dictionary<BytePath, PlacedItem> _carried = [];   // by the member that would stand there
    private readonly HashSet<BytePath> _above = [];
    private BytePath _restored;
    private long _restoredCount;

    /// <summary>Whether there is anything that the archive may have after all.</summary>
    internal bool IsEmpty => _carried.Count == 0;

    /// <summary>Looks for them in the live file system.</summary>
    /// <exception cref="ExplainedException">The live tree cannot be read.</exception>
    internal static CarriedPaths Find(IReadOnlyList<PlacedItem> items, ServiceSnapshot service, ServiceTreeSource? live)
    {
        var carried = new CarriedPaths();
        foreach (PlacedItem item in items)
        {
            if (!item.IsThere || item.Kind != FileKind.Directory || PosixDirectory.Current.GetStatus(item.Live).Kind != FileKind.Directory) continue;
            List<BytePath> found = [.. FindBySnapshot(item, service)];
            if (live is not null) found.AddRange(FindByConfiguration(item, live));
            carried.Add(item, found);
        }
        return carried;
    }

    private static List<BytePath> FindByConfiguration(PlacedItem item, ServiceTreeSource live)
    {
        var found = new List<BytePath>();
        var tree = new ServiceTree(live.Settings, live.Layout, live.Repository, static _ => { }, (path, _) =>
        {
            bool isOurs = SlotName.IsSlot(path.Name) || StagingDirectory.IsStagingName(path.Name) || path == live.Repository;
            if (!isOurs && path != item.Live && path.IsAtOrBelow(item.Live)) found.Add(path);
        });
        foreach (var _ in tree.WalkAt(item.Live)) { }
        return found;
    }

    // Recorded for people: a name that is no plain text is not found so.
    private static IEnumerable<BytePath> FindBySnapshot(PlacedItem item, ServiceSnapshot service) =>
        service.LeftOut.Where(static leftOut => leftOut.Reason.StartsWith(ExcludedByOperator, StringComparison.Ordinal))
            .Select(static leftOut => BytePath.From(leftOut.Path).WithoutLeadingSlash())
            .Where(member => member != item.Member && member.IsAtOrBelow(item.Member))
            .Select(member => new BytePath([.. item.Live.Bytes, .. member.Bytes[item.Member.Length..]]))
            .Where(static path => PosixDirectory.Current.TryGetStatus(path, out _));

    private void Add(PlacedItem item, List<BytePath> found)
    {
        found.Sort();
        BytePath last = default;
        foreach (BytePath path in found)
        {
            if (!last.IsEmpty && path.IsAtOrBelow(last)) continue;
            last = path;
            BytePath member = new([.. item.Member.Bytes, .. path.Bytes[item.Live.Length..]]);
            _carried[member] = item;
            for (BytePath above = member.Parent; above.Length > item.Member.Length && _above.Add(above);) above = above.Parent;
        }
    }

    /// <summary>Told every member of the archive that is restored.</summary>
    internal void Meet(CatalogEntry entry)
    {
        if (_carried.Remove(entry.Path)) CountRestored(entry.Path);
        else if (entry.Kind != FileKind.Directory && _above.Contains(entry.Path))
            foreach (BytePath below in _carried.Keys.Where(path => path.IsAtOrBelow(entry.Path)).ToList()) if (_carried.Remove(below)) CountRestored(below);
    }

    private void CountRestored(BytePath member)
    {
        _restored = member;
        _restoredCount++;
    }

    /// <summary>The items, with what goes over. After every member was met.</summary>
    internal IReadOnlyList<PlacedItem> Complete(IReadOnlyList<PlacedItem> items)
    {
        ILookup<BytePath, BytePath> byItem = _carried.ToLookup(static pair => pair.Value.Member, static pair => new BytePath(pair.Key.Bytes[(pair.Value.Member.Length + 1)..]));
        return [.. items.Select(item => byItem.Contains(item.Member) ? item with { Carried = [.. byItem[item.Member].Order()] } : item)];
    }

    /// <summary>What is worth knowing; null for nothing.</summary>
    internal string? Note => _restoredCount == 0 ? null
        : $"{_restoredCount:N0} {(_restoredCount == 1 ? "thing is" : "things are")} left out of backups now, but in this snapshot, and restored from it: /{_restored}{(_restoredCount == 1 ? "" : " is one of them")}.";
}

/// <summary>What tells what is left out of a live service.</summary>
internal sealed record ServiceTreeSource(ServiceSettings Settings, ServiceLayout Layout, BytePath Repository);
