using System.Globalization;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Sanity;

/// <summary>What snapshots say of their own sanity, in the facts of a service (FORMAT.md), and which of them are good.</summary>
public static class SanityFacts
{
    internal const string Suspicious = "suspicious", UnchangedSince = "unchanged-since", Accepted = "accepted", Imported = "imported";
    private const string BytesOf = "bytes of ", DamagedPrefix = "damaged ";

    /// <summary>Why a service in a snapshot is suspicious: it may be worth nothing. Null when it is not.</summary>
    public static string? SuspicionOf(ServiceSnapshot service)
    {
        ArgumentNullException.ThrowIfNull(service);
        return service.Facts.GetValueOrDefault(Suspicious);
    }

    /// <summary>
    /// Whether one may rely on a service in a snapshot: it is a backup of this tool's, not the state that a restore or wipe was about to replace, and not suspicious. A crash copy counts: the
    /// service would have come up from it.
    /// </summary>
    public static bool IsGood(Snapshot snapshot, ServiceSnapshot service)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return SuspicionOf(service) is null && !SafetySnapshot.Is(snapshot) && service.Quiesce != Imported;
    }

    /// <summary>The newest snapshot of a host in which a service is good; null when there is none.</summary>
    public static StoredSnapshot? LastGood(IEnumerable<StoredSnapshot> snapshots, string host, string service) => snapshots.OrderBy(static stored => stored.Snapshot.Time)
        .LastOrDefault(stored => stored.Snapshot.Host == host && stored.Snapshot.Services.Any(held => held.Name == service && IsGood(stored.Snapshot, held)));

    /// <summary>The fact of a database's size, by its real path.</summary>
    internal static string KeyOfBytes(BytePath database) => $"{BytesOf}{database}";

    /// <summary>The fact that a database was damaged when it was stored, by its real path.</summary>
    internal static string KeyOfDamage(BytePath database) => $"{DamagedPrefix}{database}";

    /// <summary>The databases of a service that were damaged when they were stored, by the path that the fact has.</summary>
    internal static IEnumerable<string> DamagedIn(ServiceSnapshot service) =>
        service.Facts.Keys.Where(static key => key.StartsWith(DamagedPrefix, StringComparison.Ordinal)).Select(static key => key[DamagedPrefix.Length..]);

    /// <summary>The sizes of a service's databases, by the path that the fact has.</summary>
    internal static Dictionary<string, long> DatabasesOf(ServiceSnapshot service)
    {
        var databases = new Dictionary<string, long>();
        foreach ((string key, string value) in service.Facts)
            if (key.StartsWith(BytesOf, StringComparison.Ordinal) && long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)) databases[key[BytesOf.Length..]] = bytes;
        return databases;
    }
}
