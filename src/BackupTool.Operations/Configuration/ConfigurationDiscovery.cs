using System.Text;
using BackupTool.Posix;
using BackupTool.Services.Profiles;

namespace BackupTool.Operations.Configuration;

/// <summary>Proposes a configuration for the services that are found on this machine.</summary>
public static class ConfigurationDiscovery
{
    /// <summary>
    /// A backup.toml that <see cref="ConfigurationReader"/> reads, with comments that say why each service is in it. Looks at names of units and directories and at unit files only.
    /// </summary>
    /// <param name="rootPrefix">Where to look for etc, run, usr, lib and var: <c>/</c> but in tests and mounted systems.</param>
    public static string Propose(string rootPrefix = "/")
    {
        List<FoundService> found = new ServiceFinder(BytePath.From(rootPrefix)).Find();
        string[] homeservers = [.. found.Where(static service => IsHomeserver(service.Kind)).Select(static service => service.Name)];

        var text = new StringBuilder("""
            # Proposed by `backup config discover` from the units and data on this machine.
            # Read it, correct it, put it in /etc/backup/backup.toml, and run `backup config check`.

            [repository]
            path = "/var/backups/stack"            # choose a disk that does not die together with the data

            """);
        foreach (FoundService service in found) Append(service, homeservers, text);
        if (found.Count == 0)
            text.Append("\n# No service that this tool knows was found. Any directory can be backed up like this:\n# [service.site]\n# kind = \"files\"\n# paths = [\"/srv/www\", \"/etc/nginx\"]\n");
        return text.ToString();
    }

    private static void Append(FoundService service, string[] homeservers, StringBuilder text)
    {
        text.Append('\n').AppendLine(TomlWriter.Comment(service.Evidence));
        text.AppendLine($"[service.{service.Name}]");
        text.AppendLine($"kind = {TomlWriter.Quote(service.Kind)}");
        if (service.Unit is { } unit) text.AppendLine($"unit = {TomlWriter.Quote(unit)}");
        if (service.ConfigFile is { } config) text.AppendLine($"config = {Quote(config)}");
        if (service.Data is { } data) text.AppendLine($"data = {Quote(data)}");
        else if (service.ConfigFile is null && service.Kind != "postgres") text.AppendLine("# Its data were not found in the usual places: set `data`, or `config` to the service's own configuration file.");
        if (service.Kind is "maubot" or "mautrix" && homeservers.Length > 0) text.AppendLine($"after = {TomlWriter.Quote(homeservers)}");
        text.AppendLine(QuiesceComment(service));
    }

    private static string QuiesceComment(FoundService service) =>
        service.Kind == "postgres" ? "# quiesce is \"online\": a dump needs the running server. Without `databases`, all but the templates are dumped."
        : service.Unit is null ? "# quiesce is \"online\": it is backed up while it runs. Set `unit` to have it stopped or frozen for the moment of the cut."
        : "# quiesce = \"stop\"     # the default with a unit: stopped for the moment of the cut; \"freeze\" pauses it instead, \"online\" lets it run";

    private static bool IsHomeserver(string kind) => ServiceProfiles.For(kind)?.Kind is "continuwuity" or "synapse";

    private static string Quote(BytePath path) => TomlWriter.Quote(Encoding.UTF8.GetString(path.Bytes));
}
