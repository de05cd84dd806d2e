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
    private readonly Dictionary<BytePath, bool> _homes = [];   // the directories that they are in, and whether the archive has them
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
            _homes.TryAdd(member.Parent, false);
        }
    }

    /// <summary>Told every member of the archive that is restored.</summary>
    internal void Meet(CatalogEntry entry)
    {
        if (entry.Kind == FileKind.Directory && _homes.ContainsKey(entry.Path)) _homes[entry.Path] = true;
        if (!_carried.Remove(entry.Path)) return;
        _restored = entry.Path;
        _restoredCount++;
    }

    /// <summary>The items, with what goes over. After every member was met.</summary>
    internal IReadOnlyList<PlacedItem> Complete(IReadOnlyList<PlacedItem> items)
    {
        ILookup<BytePath, BytePath> byItem = _carried.Where(pair => _homes[pair.Key.Parent])
            .ToLookup(static pair => pair.Value.Member, static pair => new BytePath(pair.Key.Bytes[(pair.Value.Member.Length + 1)..]));
        return [.. items.Select(item => byItem.Contains(item.Member) ? item with { Carried = [.. byItem[item.Member].Order()] } : item)];
    }

    /// <summary>What is worth knowing. After every member was met.</summary>
    internal IEnumerable<string> Notes()
    {
        if (_restoredCount > 0)
            yield return $"{_restoredCount:N0} {(_restoredCount == 1 ? "thing is" : "things are")} left out of backups now, but in this snapshot, and restored from it: /{_restored}{(_restoredCount == 1 ? "" : " is one of them")}.";
        List<BytePath> homeless = [.. _carried.Keys.Where(member => !_homes[member.Parent]).Order()];
        if (homeless.Count > 0)
            yield return $"{homeless.Count:N0} {(homeless.Count == 1 ? "thing that backups leave out lies in a directory" : "things that backups leave out lie in directories")} the snapshot does not have, and {(homeless.Count == 1 ? "stays" : "stay")} with the replaced state: /{homeless[0]}{(homeless.Count == 1 ? "" : " is the first")}.";
    }
}

/// <summary>What tells what is left out of a live service.</summary>
internal sealed record ServiceTreeSource(ServiceSettings Settings, ServiceLayout Layout, BytePath Repository);
