using System.Globalization;
using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Repositories.Retention;

namespace BackupTool.Operations.Rotation;

/// <summary>Writes <c>[rotation]</c> so that <see cref="RotationReader"/> reads the same.</summary>
internal static class RotationPrinter
{
    internal static void Print(RotationSettings rotation, StringBuilder text)
    {
        text.AppendLine().AppendLine("[rotation]");
        if (rotation.Keep is { } keep) text.AppendLine($"keep = {Describe(keep)}");
        text.AppendLine($"grace = {TomlWriter.Quote(DurationText.Format(rotation.Grace))}");
        text.AppendLine($"max-waste = {TomlWriter.Quote(RotationReader.FormatShare(rotation.MaxWaste))}");
        text.AppendLine($"max-repack = {TomlWriter.Quote(SizeText.Format(rotation.MaxRepackBytes))}");
        foreach ((string label, RetentionPolicy policy) in rotation.Labels)
        {
            text.AppendLine().AppendLine($"[rotation.label.{TomlWriter.Quote(label)}]");
            text.AppendLine($"keep = {Describe(policy)}");
        }
    }

    /// <summary>A policy as <see cref="KeepReader"/> reads it.</summary>
    internal static string Describe(RetentionPolicy policy)
    {
        (string Name, int Count)[] counts =
            [("last", policy.Last), ("hourly", policy.Hourly), ("daily", policy.Daily), ("weekly", policy.Weekly), ("monthly", policy.Monthly), ("yearly", policy.Yearly)];
        IEnumerable<string> parts = counts.Where(static rule => rule.Count > 0).Select(static rule => string.Create(CultureInfo.InvariantCulture, $"{rule.Name} = {rule.Count}"));
        if (policy.Within is { } within) parts = parts.Append($"within = {TomlWriter.Quote(DurationText.Format(within))}");
        return $"{{ {string.Join(", ", parts)} }}";
    }
}
