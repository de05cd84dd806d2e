using System.Globalization;
using System.Text;
using BackupTool.Operations.Notifications;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Sanity;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Status;
using BackupTool.Posix;
using BackupTool.Services.Health;

namespace BackupTool.Operations.Configuration;

/// <summary>
/// Writes the configuration in effect, defaults included, as a file that <see cref="ConfigurationReader"/> reads to the same settings: all but the user info and query of a URL, which
/// can be secret and are shown as stars. Passwords are not in it, only where they are.
/// </summary>
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
        text.AppendLine().AppendLine("[state]");
        text.AppendLine($"path = {Quote(configuration.State.Path)}");
        text.AppendLine().AppendLine("[staging]");
        text.AppendLine($"path = {Quote(configuration.Staging.Path)}");
        text.AppendLine().AppendLine("[restore]");
        text.AppendLine($"keep-previous = {(configuration.Restore.KeepPrevious is { } age ? TomlWriter.Quote(DurationText.Format(age)) : "true")}");
        RotationPrinter.Print(configuration.Rotation, text);
        NotifyPrinter.Print(configuration.Notify, text);
        SanityReader.Print(configuration.Sanity, text);
        MetricsReader.Print(configuration.Metrics, text);
        text.AppendLine().AppendLine("[agent]").Append(AgentReader.Print(configuration.Agent));
        foreach (ServiceSettings service in configuration.Services) Print(service, text);
        foreach (ScheduleSettings schedule in configuration.Schedules) PrintBeside(schedule, text);
        return text.ToString();
    }

    /// <summary>A schedule is a file of its own: here it is a comment.</summary>
    private static void PrintBeside(ScheduleSettings schedule, StringBuilder text)
    {
        text.AppendLine().AppendLine(TomlWriter.Comment($"{schedule.File}:"));
        foreach (string line in SchedulePrinter.Print(schedule).TrimEnd('\n').Split('\n')) text.AppendLine(TomlWriter.Comment(line));
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
        text.AppendLine($"quiesce = {TomlWriter.Quote(ServiceReader.QuiesceModes.First(each => each.Value == service.Quiesce).Key)}");
        text.AppendLine($"stop-timeout = {TomlWriter.Quote(DurationText.Format(service.StopTimeout))}");
        text.AppendLine($"pin = {(service.Pin ? "true" : "false")}");
        text.AppendLine(Describe(service.Health));
        text.AppendLine($"sanity = {SanityReader.Describe(service.Sanity)}");
        if (service.MaxAge is { } age) text.AppendLine($"max-age = {TomlWriter.Quote(DurationText.Format(age))}");
        if (service.Databases.Count > 0) text.AppendLine($"databases = {TomlWriter.Quote(service.Databases)}");
        if (service.Postgres is { } postgres) text.AppendLine($"postgres = {Describe(postgres)}");
    }

    private static string Describe(HealthSettings health)
    {
        if (health.IsUnitOnly) return "health = false";
        string timeout = $"timeout = {TomlWriter.Quote(DurationText.Format(health.Timeout))}";
        return health.Probe switch
        {
            HttpProbe http => $"health = {{ url = {TomlWriter.Quote(UrlOf(http))}, expect = [{string.Join(", ", http.ExpectedCodes)}], {timeout} }}",
            TcpProbe tcp => $"health = {{ tcp = {TomlWriter.Quote(tcp.Shown)}, {timeout} }}",
            CommandProbe command => $"health = {{ command = {TomlWriter.Quote(command.Command)}, {timeout} }}",
            _ => "# health: as the service's own configuration says",
        };
    }

    private static string UrlOf(HttpProbe probe) => probe.Url is { UserInfo.Length: 0, Query.Length: 0 } ? probe.Url.OriginalString : probe.Shown;

    private static string Describe(PostgresOverride postgres)
    {
        var keys = new List<string>();
        if (postgres.Host is { } host) keys.Add($"host = {TomlWriter.Quote(host)}");
        if (postgres.Port is { } port) keys.Add(string.Create(CultureInfo.InvariantCulture, $"port = {port}"));
        if (postgres.Role is { } role) keys.Add($"role = {TomlWriter.Quote(role)}");
        if (postgres.SystemUser is { } user) keys.Add($"system-user = {TomlWriter.Quote(user)}");
        if (postgres.PasswordFile is { } file) keys.Add($"password-file = {Quote(file)}");
        if (postgres.PasswordCredential is { } credential) keys.Add($"password-credential = {TomlWriter.Quote(credential)}");
        return keys.Count == 0 ? "{}" : $"{{ {string.Join(", ", keys)} }}";
    }

    private static string Quote(BytePath path) => TomlWriter.Quote(TextOf(path));

    // It came from a TOML text, so it is UTF-8; ToString() would escape it for people.
    private static string TextOf(BytePath path) => Encoding.UTF8.GetString(path.Bytes);
}
