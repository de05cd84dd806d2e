using System.Globalization;
using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Sanity;

/// <summary>Reads <c>[sanity]</c> and <c>sanity = …</c> of a service, and writes them.</summary>
internal static class SanityReader
{
    private const string Shape = "{ shrink = \"90%\" } or sanity = false";

    internal static SanitySettings Read(TomlTable root, ProblemList problems) =>
        root.FindTable("sanity") is { } table ? Read(new TableReader(table, "[sanity]", problems), new SanitySettings(), problems) : new SanitySettings();

    /// <summary>What a service says; what it does not say is as usual.</summary>
    internal static SanitySettings ReadOf(TableReader service, SanitySettings usual, ProblemList problems)
    {
        if (service.Entry("sanity") is not { } entry) return usual;
        if (TableReader.TruthOf(entry.Value) is { } isOn) return usual with { IsOn = isOn };
        return service.Table("sanity", Shape) is { } table ? Read(table, usual, problems) : usual;
    }

    private static SanitySettings Read(TableReader table, SanitySettings usual, ProblemList problems)
    {
        var settings = usual with
        {
            ShrinkPercent = IsOff(table, "shrink") ? null : ReadPercent(table, problems) ?? usual.ShrinkPercent,
            UnchangedAfter = IsOff(table, "unchanged-after") ? null : table.Age("unchanged-after") ?? usual.UnchangedAfter,
        };
        table.RefuseOtherKeys();
        return settings;
    }

    private static bool IsOff(TableReader table, string key) => table.Entry(key) is { } entry && TableReader.TruthOf(entry.Value) == false;

    private static int? ReadPercent(TableReader table, ProblemList problems)
    {
        if (table.Text("shrink") is not { } text) return null;
        if (text.EndsWith('%') && int.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out int percent) && percent is >= 1 and <= 99) return percent;
        problems.Add(table.Entry("shrink")!.Value.Place, $"`shrink` is `{text}`, which is no share from 1% to 99%", "Write it like \"50%\", or false to look only for what has become empty.");
        return null;
    }

    /// <summary>The table, with what is in force.</summary>
    internal static void Print(SanitySettings settings, StringBuilder text)
    {
        text.AppendLine().AppendLine("[sanity]");
        foreach (string line in Lines(settings)) text.AppendLine(line);
    }

    /// <summary>The value of a service's key.</summary>
    internal static string Describe(SanitySettings settings) => settings.IsOn ? $"{{ {string.Join(", ", Lines(settings))} }}" : "false";

    private static IEnumerable<string> Lines(SanitySettings settings) =>
    [
        $"shrink = {(settings.ShrinkPercent is { } percent ? string.Create(CultureInfo.InvariantCulture, $"\"{percent}%\"") : "false")}",
        $"unchanged-after = {(settings.UnchangedAfter is { } age ? TomlWriter.Quote(DurationText.Format(age)) : "false")}",
    ];
}
