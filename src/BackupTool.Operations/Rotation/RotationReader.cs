using System.Globalization;
using BackupTool.Operations.Configuration;
using BackupTool.Repositories.Retention;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Rotation;

/// <summary>Reads <c>[rotation]</c> and <c>[rotation.label.NAME]</c>.</summary>
internal static class RotationReader
{
    internal static RotationSettings Read(TomlTable root, ProblemList problems)
    {
        var usual = new RotationSettings();
        if (root.FindTable("rotation") is not { } table) return usual;
        var reader = new TableReader(table, "[rotation]", problems);
        var settings = new RotationSettings
        {
            Keep = KeepReader.Read(reader, problems),
            Labels = ReadLabels(reader, problems),
            Grace = reader.Duration("grace") ?? usual.Grace,
            MaxWaste = ReadShare(reader, "max-waste", problems) ?? usual.MaxWaste,
            MaxRepackBytes = ReadSize(reader, "max-repack", problems) ?? usual.MaxRepackBytes,
        };
        reader.RefuseOtherKeys();
        return settings;
    }

    private static Dictionary<string, RetentionPolicy> ReadLabels(TableReader rotation, ProblemList problems)
    {
        var policies = new Dictionary<string, RetentionPolicy>();
        if (rotation.Entry("label") is not { } labels) return policies;
        if (labels.Value is not TomlTable tables)
        {
            problems.Add(labels.Value.Place, $"`label` in [rotation] must be a table, and is {labels.Value.Describe}", "Write [rotation.label.NAME], and below it keep = { last = 3 }.");
            return policies;
        }
        foreach (TomlEntry label in tables.Entries)
        {
            string name = $"[rotation.label.{label.Key}]";
            if (label.Value is not TomlTable table || label.Key == "keep" && table.Find("keep") is null)
            {
                problems.Add(label.KeyPlace, $"`{label.Key}` stands in [rotation.label], where only labels do", "Write [rotation.label.NAME] with the name of the label, and below it keep = { last = 3 }.");
                continue;
            }
            var reader = new TableReader(table, name, problems);
            if (KeepReader.Read(reader, problems) is { } policy) policies[label.Key] = policy;
            else if (reader.Entry("keep") is null) problems.Add(label.KeyPlace, $"{name} has no `keep`", "Say how many are kept: keep = { last = 3 }. To keep all, remove the table.");
            reader.RefuseOtherKeys();
        }
        return policies;
    }

    private static double? ReadShare(TableReader reader, string key, ProblemList problems)
    {
        if (reader.Text(key) is not { } text) return null;
        if (TryParseShare(text, out double share)) return share;
        problems.Add(reader.Entry(key)!.Value.Place, $"`{key}` in [rotation] is `{text}`, which is no share", "Write it like \"30%\": from \"0%\" (pack anew whatever has any waste) to \"100%\" (nothing).");
        return null;
    }

    private static long? ReadSize(TableReader reader, string key, ProblemList problems)
    {
        if (reader.Text(key) is not { } text) return null;
        if (SizeText.TryParse(text, out long bytes)) return bytes;
        problems.Add(reader.Entry(key)!.Value.Place, $"`{key}` in [rotation] is `{text}`, which is no amount of data", "Write it like \"500MiB\" or \"2GiB\"; \"0B\" packs nothing anew.");
        return null;
    }

    private static bool TryParseShare(string text, out double share)
    {
        bool isRead = decimal.TryParse(text.EndsWith('%') ? text[..^1].TrimEnd(' ') : "", NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal percent);
        share = (double)(percent / 100);
        return isRead && percent <= 100;
    }

    internal static string FormatShare(double share) => string.Create(CultureInfo.InvariantCulture, $"{(decimal)share * 100:0.############}%");
}
