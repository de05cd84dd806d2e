using System.Collections.Frozen;
using BackupTool.Operations.Sanity;
using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Services.Profiles.Toml;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Configuration;

/// <summary>Reads one <c>[service.NAME]</c>.</summary>
/// <param name="problems">Told what is wrong.</param>
/// <param name="credentialsDirectory">$CREDENTIALS_DIRECTORY as systemd sets it; null when it is not set.</param>
/// <param name="sanity">What holds for services that say nothing of it.</param>
internal sealed class ServiceReader(ProblemList problems, string? credentialsDirectory, SanitySettings sanity)
{
    internal static readonly FrozenDictionary<string, QuiesceMode> QuiesceModes = new Dictionary<string, QuiesceMode>
    {
        ["stop"] = QuiesceMode.Stop,
        ["freeze"] = QuiesceMode.Freeze,
        ["online"] = QuiesceMode.Online,
    }.ToFrozenDictionary();

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
        BytePath? data = reader.Path("data");
        IReadOnlyList<BytePath> paths = reader.Paths("paths");
        CheckData(reader, entry, kind, name);
        var postgres = new PostgresReader(problems, credentialsDirectory);

        var settings = new ServiceSettings
        {
            Name = entry.Key,
            Kind = kind ?? "",
            Unit = unit,
            After = [.. reader.Texts("after").Select(static item => item.Text).Distinct()],
            ConfigFile = reader.Path("config"),
            DataPaths = [.. (data is { } first ? paths.Prepend(first) : paths).Distinct()],
            Exclude = ReadGlobs(reader, name),
            Quiesce = ReadQuiesce(reader, kind, name),
            Pin = reader.Truth("pin") ?? true,
            Health = new HealthReader(problems).Read(reader, name),
            Databases = postgres.ReadDatabases(reader, kind, name),
            Postgres = postgres.Read(reader, kind, name),
            Sanity = SanityReader.ReadOf(reader, sanity, problems),
            MaxAge = reader.Age("max-age"),
            Place = entry.KeyPlace,
        };
        settings = settings with { StopTimeout = reader.Timeout("stop-timeout") ?? settings.StopTimeout };
        reader.RefuseOtherKeys();
        return isNamed && kind is not null ? settings : null;
    }

    private void CheckData(TableReader reader, TomlEntry entry, string? kind, string name)
    {
        TomlEntry? paths = reader.Entry("paths"), data = reader.Entry("data");
        if (paths is not null && kind is not (null or "files"))
            problems.Add(paths.KeyPlace, $"`paths` in {name} is for the kind `files` only", "Write data = \"/path\" for the service's directory.");
        if (data is not null && PostgresReader.IsPostgres(kind))
            problems.Add(data.KeyPlace, $"`data` in {name}: a PostgreSQL server is dumped, and its files are not copied", "Remove it. What to dump is said by `databases`, where the server is by `postgres`.");
        if (kind == "files" && paths is null && data is null)
            problems.Add(entry.KeyPlace, $"{name} does not say what to back up", "Set data = \"/path\" or paths = [\"/path\", …].");
        if (paths?.Value is TomlArray { Items.Count: 0 })
            problems.Add(paths.Value.Place, $"`paths` in {name} is empty", "Name at least one path.");
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
        problems.Add(reader.Entry("kind")!.Value.Place, $"{name} is of the unknown kind `{kind}`", NearestName.Hint(kind, ServiceProfiles.Kinds, "kinds"));
        return null;
    }

    private string? ReadUnit(TableReader reader, string name)
    {
        if (reader.Text("unit") is not { } unit) return null;
        if (unit.All(static c => char.IsAsciiLetterOrDigit(c) || ":-_.\\@".Contains(c, StringComparison.Ordinal))) return unit;
        problems.Add(reader.Entry("unit")!.Value.Place, $"`unit` in {name} is `{unit}`, which is no name of a systemd unit", "Write it as `systemctl list-units` shows it, like \"maubot.service\".");
        return null;
    }

    /// <summary>A service with a unit is stopped for its cut unless the file says otherwise. PostgreSQL never is: a dump needs the running server.</summary>
    private QuiesceMode ReadQuiesce(TableReader reader, string? kind, string name)
    {
        bool hasUnit = reader.Entry("unit") is not null;
        QuiesceMode usual = hasUnit && !PostgresReader.IsPostgres(kind) ? QuiesceMode.Stop : QuiesceMode.Online;
        if (reader.Choice("quiesce", QuiesceModes) is not { } mode) return usual;
        if (mode == QuiesceMode.Online) return mode;
        TextPlace place = reader.Entry("quiesce")!.Value.Place;
        string word = reader.Text("quiesce")!;
        if (PostgresReader.IsPostgres(kind))
            problems.Add(place, $"`quiesce` in {name} cannot be `{word}`: a dump needs the running server", "Remove the line, or write quiesce = \"online\": the dump is consistent all the same.");
        else if (!hasUnit)
            problems.Add(place, $"`quiesce` in {name} is `{word}`, but no `unit` says what to {word}", "Set unit = \"NAME.service\", or quiesce = \"online\" for what runs on while it is backed up.");
        return mode;
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
