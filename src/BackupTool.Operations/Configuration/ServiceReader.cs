using System.Collections.Frozen;
using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Configuration;

/// <summary>Reads one <c>[service.NAME]</c>.</summary>
internal sealed class ServiceReader(ProblemList problems)
{
    private static readonly FrozenSet<string> KindsOfLaterVersions = FrozenSet.Create("synapse", "mautrix", "forgejo", "postgres");

    /// <summary>The service; null when its name or kind is wrong.</summary>
    internal ServiceSettings? Read(TomlEntry entry)
    {
        string name = $"[service.{entry.Key}]";
        if (entry.Value is not TomlTable table)
        {
            problems.Add(entry.KeyPlace, $"`{entry.Key}` in [service] is {entry.Value.Describe}, but a service is a table with a name", "Write [service.NAME], like [service.maubot].");
            return null;
        }
        bool isNamed = CheckName(entry);
        var reader = new TableReader(table, name, problems);
        string? kind = ReadKind(reader, entry, name);
        string? unit = ReadUnit(reader, name);
        RefuseWhatThisVersionCannot(reader, name);
        BytePath? data = reader.Path("data");
        IReadOnlyList<BytePath> paths = reader.Paths("paths");
        TomlEntry? pathsEntry = reader.Entry("paths"), dataEntry = reader.Entry("data");
        if (pathsEntry is not null && kind is not (null or "files"))
            problems.Add(pathsEntry.KeyPlace, $"`paths` in {name} is for the kind `files` only", "Write data = \"/path\" for the service's directory.");
        if (kind == "files" && pathsEntry is null && dataEntry is null)
            problems.Add(entry.KeyPlace, $"{name} does not say what to back up", "Set data = \"/path\" or paths = [\"/path\", …].");
        if (pathsEntry?.Value is TomlArray { Items.Count: 0 })
            problems.Add(pathsEntry.Value.Place, $"`paths` in {name} is empty", "Name at least one path.");

        var settings = new ServiceSettings
        {
            Name = entry.Key,
            Kind = kind ?? "",
            Unit = unit,
            After = [.. reader.Texts("after").Select(static item => item.Text).Distinct()],
            ConfigFile = reader.Path("config"),
            DataPaths = [.. (data is { } first ? paths.Prepend(first) : paths).Distinct()],
            Exclude = ReadGlobs(reader, name),
            Place = entry.KeyPlace,
        };
        reader.RefuseOtherKeys();
        return isNamed && kind is not null ? settings : null;
    }

    private bool CheckName(TomlEntry entry)
    {
        bool isValid = entry.Key is [not '-', ..] && entry.Key.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');
        if (!isValid)
            problems.Add(entry.KeyPlace, $"`{entry.Key}` cannot be the name of a service", "Use lower-case letters, digits and hyphens, the first not a hyphen.");
        return isValid;
    }

    private string? ReadKind(TableReader reader, TomlEntry entry, string name)
    {
        if (reader.Text("kind") is not { } kind)
        {
            if (reader.Entry("kind") is null) problems.Add(entry.KeyPlace, $"{name} has no `kind`", $"Set kind to one of: {string.Join(", ", ServiceProfiles.Kinds)}.");
            return null;
        }
        if (ServiceProfiles.For(kind) is not null) return kind;
        TextPlace place = reader.Entry("kind")!.Value.Place;
        if (KindsOfLaterVersions.Contains(kind))
            problems.Add(place, $"{name} is of the kind `{kind}`, which this version cannot back up yet",
                "Remove the service for now; what lies in plain files can be backed up as kind `files`, a database cannot.");
        else problems.Add(place, $"{name} is of the unknown kind `{kind}`", NearestName.Hint(kind, ServiceProfiles.Kinds, "kinds"));
        return null;
    }

    private string? ReadUnit(TableReader reader, string name)
    {
        if (reader.Text("unit") is not { } unit) return null;
        if (unit.All(static c => char.IsAsciiLetterOrDigit(c) || ":-_.\\@".Contains(c, StringComparison.Ordinal))) return unit;
        problems.Add(reader.Entry("unit")!.Value.Place, $"`unit` in {name} is `{unit}`, which is no name of a systemd unit", "Write it as `systemctl list-units` shows it, like \"maubot.service\".");
        return null;
    }

    private void RefuseWhatThisVersionCannot(TableReader reader, string name)
    {
        if (reader.Entry("health") is { } health)
            problems.Add(health.KeyPlace, $"`health` in {name}: this version does not ask services for their health yet", "Remove the line.");
        if (reader.Text("quiesce") is not ({ } quiesce and not "online")) return;
        TextPlace place = reader.Entry("quiesce")!.Value.Place;
        if (quiesce is "stop" or "freeze")
            problems.Add(place, $"`quiesce` in {name} is `{quiesce}`: this version cannot stop or freeze services yet",
                "Stop the service yourself before the run and start it after, or set quiesce = \"online\".");
        else problems.Add(place, $"`quiesce` in {name} cannot be `{quiesce}`", NearestName.Hint(quiesce, ["online"], "choices"));
    }

    private List<Glob> ReadGlobs(TableReader reader, string name)
    {
        var globs = new List<Glob>();
        foreach ((string text, TextPlace place) in reader.Texts("exclude"))
        {
            if (Glob.TryParse(text, out Glob? glob, out string? problem)) globs.Add(glob);
            else problems.Add(place, $"the pattern `{text}` of `exclude` in {name} {problem}");
        }
        return globs;
    }
}
