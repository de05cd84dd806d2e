using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace BackupTool.Services.Quiescing;

/// <summary>What can still be made out in a journal that is torn, damaged or of another version: the names of the units, in order.</summary>
internal static partial class SalvagedRestarts
{
    /// <summary>
    /// Units of which the rest cannot be read count as owed. They are started one after the other in the order of the file, which is the order of starting, without health
    /// gates: those need more than a name.
    /// </summary>
    internal static RestartRecord Read(byte[] content, DateTimeOffset now)
    {
        string text = Encoding.UTF8.GetString(content);
        Match[] names = [.. Name().Matches(text).Cast<Match>()];
        var units = new List<OwedUnit>();
        for (int i = 0; i < names.Length; i++)
        {
            string rest = text[names[i].Index..(i + 1 < names.Length ? names[i + 1].Index : text.Length)];
            if (Decode(names[i].Groups[1].Value) is not { } unit || NotOwed().IsMatch(rest) || units.Any(known => known.Unit == unit)) continue;
            units.Add(new OwedUnit
            {
                Unit = unit,
                // Thawing what is not frozen does nothing: the safe guess.
                Mode = Stopped().IsMatch(rest) ? QuiesceMode.Stop : QuiesceMode.Freeze,
                IsOwed = true,
                WaitsForServices = [],
                RequiresUnits = [],
                OrderedAfterUnits = [.. units.Select(static before => before.Unit)],
            });
        }
        return new RestartRecord
        {
            FormatVersion = RestartRecord.CurrentVersion,
            BootId = Boot().Match(text) is { Success: true } boot ? boot.Groups[1].Value : HeldJournal.BootId,
            WrittenAt = now,
            ProcessId = 0,
            Units = [.. units],
            Services = [],
        };
    }

    private static string? Decode(string escaped)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse($"\"{escaped}\"");
            string unit = document.RootElement.GetString()!;
            return UnitName().IsMatch(unit) ? unit : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    [GeneratedRegex("""
        "unit"\s*:\s*"((?:[^"\\]|\\.)*)"
        """)]
    private static partial Regex Name();

    [GeneratedRegex("""
        "isOwed"\s*:\s*false
        """)]
    private static partial Regex NotOwed();

    [GeneratedRegex("""
        "mode"\s*:\s*"Stop"
        """)]
    private static partial Regex Stopped();

    [GeneratedRegex("""
        "bootId"\s*:\s*"([0-9a-f-]+)"
        """)]
    private static partial Regex Boot();

    // systemd.unit(5): what a unit may be called, but for scopes and slices, which nothing here stops.
    [GeneratedRegex(@"^[A-Za-z0-9:_.\\@-]+\.(service|socket|timer|path|target|mount|automount|swap)$")]
    private static partial Regex UnitName();
}
