using System.Text;
using BackupTool.Posix;

namespace BackupTool.Operations.Configuration;

/// <summary>Writes the configuration in effect, defaults included, as a file that <see cref="ConfigurationReader"/> reads to the same settings.</summary>
public static class ConfigurationPrinter
{
    /// <summary>The text, ending in a line feed.</summary>
    public static string Print(BackupConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var text = new StringBuilder();
        text.AppendLine("[repository]");
        text.AppendLine($"path = {Quote(configuration.Repository.Path)}");
        string compression = ConfigurationReader.Compressions.First(each => each.Value == configuration.Repository.Compression).Key;
        text.AppendLine($"compression = {TomlWriter.Quote(compression)}");
        text.AppendLine($"lock-wait = {TomlWriter.Quote(DurationText.Format(configuration.Repository.LockWait))}");
        text.AppendLine().AppendLine("[staging]");
        text.AppendLine($"path = {Quote(configuration.Staging.Path)}");
        foreach (ServiceSettings service in configuration.Services) Print(service, text);
        return text.ToString();
    }

    private static void Print(ServiceSettings service, StringBuilder text)
    {
        text.AppendLine().AppendLine($"[service.{service.Name}]");
        text.AppendLine($"kind = {TomlWriter.Quote(service.Kind)}");
        if (service.Unit is { } unit) text.AppendLine($"unit = {TomlWriter.Quote(unit)}");
        if (service.ConfigFile is { } config) text.AppendLine($"config = {Quote(config)}");
        if (service.Kind == "files") text.AppendLine($"paths = {TomlWriter.Quote(service.DataPaths.Select(TextOf))}");
        else if (service.DataPaths is [var data, ..]) text.AppendLine($"data = {Quote(data)}");
        text.AppendLine($"exclude = {TomlWriter.Quote(service.Exclude.Select(static glob => glob.Pattern))}");
        text.AppendLine($"after = {TomlWriter.Quote(service.After)}");
        text.AppendLine("quiesce = \"online\"");
    }

    private static string Quote(BytePath path) => TomlWriter.Quote(TextOf(path));

    // It came from a TOML text, so it is UTF-8; ToString() would escape it for people.
    private static string TextOf(BytePath path) => Encoding.UTF8.GetString(path.Bytes);
}
