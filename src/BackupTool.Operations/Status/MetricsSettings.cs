using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Status;

/// <summary><c>[metrics]</c></summary>
public sealed record MetricsSettings
{
    /// <summary>The file that is written after every run, for the textfile collector of node_exporter; null for none.</summary>
    public BytePath? TextFile { get; init; }
}

/// <summary>Reads <c>[metrics]</c>, and writes it.</summary>
internal static class MetricsReader
{
    internal static MetricsSettings Read(TomlTable root, ProblemList problems)
    {
        if (root.FindTable("metrics") is not { } table) return new MetricsSettings();
        var reader = new TableReader(table, "[metrics]", problems);
        BytePath? file = reader.Path("textfile");
        if (file is { } path && !path.Bytes.EndsWith(".prom"u8))
            problems.Add(reader.Entry("textfile")!.Value.Place, $"`textfile` in [metrics] is {path}, and node_exporter reads only files whose names end in .prom", "Write it like \"/var/lib/prometheus/node-exporter/backup.prom\".");
        reader.RefuseOtherKeys();
        return new MetricsSettings { TextFile = file };
    }

    internal static void Print(MetricsSettings settings, StringBuilder text)
    {
        if (settings.TextFile is { } file) text.AppendLine().AppendLine("[metrics]").AppendLine($"textfile = {TomlWriter.Quote(Encoding.UTF8.GetString(file.Bytes))}");
    }
}
