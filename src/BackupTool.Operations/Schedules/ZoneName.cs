using BackupTool.Operations.Configuration;

namespace BackupTool.Operations.Schedules;

/// <summary>Finds time zones by their IANA names.</summary>
internal static class ZoneName
{
    /// <summary>The zone; null when there is none of this name.</summary>
    internal static TimeZoneInfo? Find(string name)
    {
        // The base library takes a name for a path below its directory of zones; and in the wrong case it finds only those that it has met already.
        if (!IsName(name) || !TimeZoneInfo.TryFindSystemTimeZoneById(name, out TimeZoneInfo? zone)) return null;
        bool isOtherCase = zone.Id != name && zone.Id.Equals(name, StringComparison.OrdinalIgnoreCase);
        return isOtherCase ? null : zone;
    }

    /// <summary>What a person may have meant, as a sentence.</summary>
    internal static string Hint(string written)
    {
        Dictionary<string, string> names = TimeZoneInfo.GetSystemTimeZones().Select(static zone => zone.Id).Append("UTC").Distinct().ToDictionary(static id => id.ToLowerInvariant(), static id => id);
        if (names.Count <= 1) return "This machine knows no time zones at all: install its time zone data (tzdata), or set $TZDIR to the directory that has it.";
        string wanted = written.Trim().Replace(' ', '_');
        string? near = NearestName.Find(wanted, names.Keys)
            // Berlin, or CET/Berlin: the place is what people remember.
            ?? names.Keys.Where(name => name.EndsWith("/" + wanted.Split('/')[^1].ToLowerInvariant(), StringComparison.Ordinal)).Order(StringComparer.Ordinal).FirstOrDefault();
        return near is null ? "Write it as in the IANA database, like \"Europe/Berlin\" (`timedatectl list-timezones` lists them), or remove the line for the machine's own."
            : $"Did you mean `{names[near]}`?";
    }

    private static bool IsName(string name) => !name.StartsWith('/') && !name.Contains("..", StringComparison.Ordinal) && name.All(static c => char.IsAsciiLetterOrDigit(c) || "_+-/".Contains(c, StringComparison.Ordinal));
}
