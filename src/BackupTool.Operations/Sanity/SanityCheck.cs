using System.Globalization;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Sanity;

/// <summary>What is dubious of a service that was stored.</summary>
/// <param name="Reason">A sentence about it, without its name and its full stop.</param>
/// <param name="IsSuspicious">Whether nobody should rely on it: it does not count as a good snapshot.</param>
/// <param name="Advice">What to do about it, as a sentence without its full stop; null when there is nothing to advise.</param>
internal sealed record SanityFinding(string Reason, bool IsSuspicious, string? Advice = null);

/// <summary>Decides whether what was stored of a service can be right. Pure.</summary>
internal static class SanityCheck
{
    /// <summary>A service that has lost less does not cry wolf, unless it has lost nearly all.</summary>
    private const long LeastLostBytes = 1 << 20, LeastLostFiles = 10;

    /// <summary>Who has lost more than so many percent has lost nearly all: then this many bytes are enough.</summary>
    private const int NearlyAllPercent = 90, LeastLostOfNearlyAll = 64 << 10;

    private const string IfMeant = "If that is meant, 'backup now --accept-suspicious' says so";

    /// <summary>Whether databases are damaged that were not in the last good snapshot: a backup of damage must not push out what is sound. Null when none is.</summary>
    /// <param name="settings">Whether it is looked at.</param>
    /// <param name="past">What was damaged before.</param>
    /// <param name="damaged">The databases that are damaged now.</param>
    internal static SanityFinding? JudgeDamage(SanitySettings settings, ServicePast past, IEnumerable<string> damaged)
    {
        if (!settings.IsOn || past.DamagedBefore is not { } before) return null;
        string[] newly = [.. damaged.Where(path => !before.Contains(path)).Order(StringComparer.Ordinal)];
        return newly.Length == 0 ? null
            : new SanityFinding($"has {(newly.Length == 1 ? "a damaged database" : $"{newly.Length:N0} damaged databases")}, as its last good snapshot has not: {string.Join(", ", newly.Take(3))}{(newly.Length > 3 ? ", …" : "")}", IsSuspicious: true, IfMeant);
    }

    /// <summary>Whether a service is too small, or one of its databases is; null when it is not.</summary>
    /// <param name="settings">What is too small.</param>
    /// <param name="past">What it was.</param>
    /// <param name="now">What it is.</param>
    internal static SanityFinding? JudgeSize(SanitySettings settings, ServicePast past, ServiceSize now)
    {
        if (!settings.IsOn) return null;
        if (now.Files == 0) return new SanityFinding("holds no file at all: is it the right place, and is it mounted?", IsSuspicious: true);
        if (past.Sizes.Count == 0) return null;
        long bytes = MedianOf(past.Sizes.Select(static size => size.Bytes)), files = MedianOf(past.Sizes.Select(static size => size.Files));
        if (now.Bytes == 0 && bytes > 0) return new SanityFinding($"is suspiciously small: {Count(now.Files, "file")}, all of them empty, where {Of(past.Sizes.Count)} {Holds(past.Sizes.Count)} {bytes:N0} bytes", IsSuspicious: true);
        string? reason = HaveShrunk(settings, bytes, now.Bytes) || HasShrunk(settings.ShrinkPercent, files, now.Files, LeastLostFiles)
            ? $"is suspiciously small: {now.Bytes:N0} bytes in {Count(now.Files, "file")}, where {Of(past.Sizes.Count)} {Holds(past.Sizes.Count)} {bytes:N0} bytes in {Count(files, "file")}{Median(past.Sizes.Count)}"
            : FindShrunkDatabase(settings, past, now);
        if (reason is null) return null;
        return past.ReplacedAt is { } at
            ? new SanityFinding($"{reason}. It was restored in place or wiped after {at.LocalDateTime:yyyy-MM-dd HH:mm:ss}, which may be why: from now on it is compared with what it is now", IsSuspicious: false)
            : new SanityFinding(reason, IsSuspicious: true, IfMeant);
    }

    /// <summary>A database that has shrunk goes unnoticed among files that are larger.</summary>
    private static string? FindShrunkDatabase(SanitySettings settings, ServicePast past, ServiceSize now)
    {
        foreach ((string database, long bytes) in now.Databases.OrderBy(static known => known.Key, StringComparer.Ordinal))
        {
            long[] before = [.. past.Sizes.Where(size => size.Databases.ContainsKey(database)).Select(size => size.Databases[database])];
            if (before.Length == 0) continue;
            long usual = MedianOf(before);
            if (HaveShrunk(settings, usual, bytes))
                return $"has a suspiciously small database: {database} has {bytes:N0} bytes, and {usual:N0} in {Of(before.Length)}{Median(before.Length)}";
        }
        return null;
    }

    private static bool HaveShrunk(SanitySettings settings, long usualBytes, long nowBytes) =>
        HasShrunk(settings.ShrinkPercent, usualBytes, nowBytes, LeastLostBytes)
        || settings.ShrinkPercent is { } percent && HasShrunk(Math.Max(percent, NearlyAllPercent), usualBytes, nowBytes, LeastLostOfNearlyAll);

    private static bool HasShrunk(int? percent, long usual, long now, long least) => usual - now > least && (usual - now) * 100.0 > usual * (double?)percent;

    /// <summary>Since when nothing has changed of a service; null when something has. What is known is handed on from snapshot to snapshot, so that rotation does not make it forgotten.</summary>
    /// <param name="parent">The service in the snapshot before; null when there is none.</param>
    /// <param name="parentTime">When that was.</param>
    /// <param name="now">What was stored.</param>
    internal static DateTimeOffset? UnchangedSince(ServiceSnapshot? parent, DateTimeOffset parentTime, Archive now)
    {
        // The stream depends on the tree alone, and its chunks on the stream.
        if (parent is null || !parent.Archive.ChunkList.AsSpan().SequenceEqual(now.ChunkList)) return null;
        return parent.Facts.TryGetValue(SanityFacts.UnchangedSince, out string? text)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out DateTimeOffset since) ? since : parentTime;
    }

    /// <summary>Whether nothing has changed for too long.</summary>
    internal static bool IsStill(SanitySettings settings, DateTimeOffset unchangedSince, DateTimeOffset now) =>
        settings is { IsOn: true, UnchangedAfter: { } patience } && now - unchangedSince > patience;

    /// <summary>What is said of it.</summary>
    internal static SanityFinding Still(DateTimeOffset unchangedSince, string unit) => new(
        $"nothing of it has changed since {unchangedSince.LocalDateTime:yyyy-MM-dd HH:mm:ss}, though {unit} is active: is this where it keeps its state? `unchanged-after` in [sanity], or `sanity` of the service, says how long that is no matter", IsSuspicious: false);

    private static long MedianOf(IEnumerable<long> values)
    {
        long[] sorted = [.. values.Order()];
        return sorted[(sorted.Length - 1) / 2];
    }

    private static string Of(int count) => count == 1 ? "its last good snapshot" : $"its last {count} good snapshots";

    private static string Holds(int count) => count == 1 ? "has" : "have";

    private static string Median(int count) => count > 1 ? " (median)" : "";

    private static string Count(long count, string noun) => $"{count:N0} {noun}{(count == 1 ? "" : "s")}";
}
