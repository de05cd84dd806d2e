using System.Globalization;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Snapshots;

/// <summary>
/// Finds the snapshot that an operator means: <c>latest</c> (but for those that a restore or wipe made of what it replaced), <c>latest~1</c> (the one before), a prefix of its id, <c>label:NAME</c> (the newest with that
/// label), or a date (<c>2026-11-22</c>, <c>2026-11-22T03:00</c>: the newest not later). Asked for certain services, <c>latest</c> (without a number) is the latest that holds them: a night that
/// could not store a damaged one hides the nights before from nobody.
/// </summary>
public static class SnapshotSelector
{
    /// <summary>For help texts.</summary>
    public const string Syntax = "latest, latest~1, a prefix of an id, label:NAME, or a date";

    private const string Latest = "latest";
    private static readonly string[] DateFormats = ["yyyy-MM-dd", "yyyy-MM-ddTHH:mm", "yyyy-MM-dd HH:mm", "yyyy-MM-ddTHH:mm:ss", "yyyy-MM-dd HH:mm:ss"];

    /// <summary>Finds it among snapshots sorted by time.</summary>
    /// <exception cref="NotInRepositoryException">There is none, or more than one.</exception>
    public static StoredSnapshot Select(IReadOnlyList<StoredSnapshot> snapshots, string selector, TimeZoneInfo localZone)
    {
        if (snapshots.Count == 0) throw new NotInRepositoryException("The repository holds no snapshot.", "Run 'backup now' to make the first one.");
        if (selector == Latest || selector.StartsWith("latest~", StringComparison.Ordinal)) return SelectLatest(snapshots, selector);
        if (selector.StartsWith("label:", StringComparison.Ordinal))
            return snapshots.LastOrDefault(s => s.Snapshot.Labels.Contains(selector[6..])) ?? throw None(selector);
        if (DateTime.TryParseExact(selector, DateFormats, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime date))
        {
            // A day means: with everything that was made on it.
            DateTime until = selector.Length == 10 ? date.AddDays(1).AddTicks(-1) : date;
            var instant = new DateTimeOffset(until, localZone.GetUtcOffset(until));
            return snapshots.LastOrDefault(s => s.Snapshot.Time <= instant) ?? throw None(selector);
        }
        return SelectById(snapshots, selector);
    }

    /// <summary>Finds it among snapshots sorted by time, for these services.</summary>
    /// <exception cref="NotInRepositoryException">There is none, or more than one.</exception>
    public static StoredSnapshot SelectFor(IReadOnlyList<string> services, IReadOnlyList<StoredSnapshot> snapshots, string selector, TimeZoneInfo localZone)
    {
        List<StoredSnapshot> holding = selector == Latest && services.Count > 0 ? [.. snapshots.Where(each => services.All(name => each.Snapshot.Services.Any(service => service.Name == name)))] : [];
        return Select(holding.Exists(static each => !SafetySnapshot.Is(each.Snapshot)) ? holding : snapshots, selector, localZone);
    }

    private static StoredSnapshot SelectLatest(IReadOnlyList<StoredSnapshot> snapshots, string selector)
    {
        int back = 0;
        if (selector != Latest && !int.TryParse(selector["latest~".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out back)) throw None(selector);
        // What a restore or wipe saved of the state that it replaced is meant only by whoever names it.
        snapshots = [.. snapshots.Where(static s => !SafetySnapshot.Is(s.Snapshot))];
        return back < snapshots.Count ? snapshots[^(back + 1)]
            : throw new NotInRepositoryException($"There is no {selector}: the repository holds {snapshots.Count} snapshots.", "Run 'backup list'.");
    }

    /// <summary>Whether a selector can be a prefix of an id.</summary>
    public static bool IsId(string selector) => selector.Length > 0 && selector.All(char.IsAsciiHexDigitLower);

    private static StoredSnapshot SelectById(IReadOnlyList<StoredSnapshot> snapshots, string selector)
    {
        List<StoredSnapshot> found = IsId(selector) ? [.. snapshots.Where(s => s.Id.Hex.StartsWith(selector, StringComparison.Ordinal))] : [];
        return found.Count switch
        {
            1 => found[0],
            0 => throw None(selector),
            _ => throw new NotInRepositoryException($"'{selector}' stands for {found.Count} snapshots.", $"Give more digits: {string.Join(", ", found.Select(static s => s.Id.Hex[..12]))}."),
        };
    }

    private static NotInRepositoryException None(string selector) =>
        new($"There is no snapshot '{selector}'.", $"A snapshot is named by {Syntax}; run 'backup list' to see them.");

    /// <summary>The service of this name in a snapshot.</summary>
    /// <param name="snapshot">It.</param>
    /// <param name="name">The service's.</param>
    /// <param name="others">Where else it could be, sorted by time: for the way out.</param>
    /// <exception cref="NotInRepositoryException">It holds no such service.</exception>
    public static ServiceSnapshot Service(StoredSnapshot snapshot, string name, IReadOnlyList<StoredSnapshot>? others = null)
    {
        if (snapshot.Snapshot.Services.FirstOrDefault(s => s.Name == name) is { } found) return found;
        StoredSnapshot? other = others?.LastOrDefault(each => !SafetySnapshot.Is(each.Snapshot) && each.Snapshot.Services.Any(service => service.Name == name));
        throw new NotInRepositoryException($"Snapshot {snapshot.Id.Prefix} holds no service '{name}'.",
            $"It holds: {string.Join(", ", snapshot.Snapshot.Services.Select(static s => s.Name))}." + (other is null ? others is null ? "" : $" No snapshot holds '{name}'; 'backup list' shows what they hold."
                : $" The newest that holds '{name}' is {other.Id.Prefix} of {other.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}."));
    }
}
