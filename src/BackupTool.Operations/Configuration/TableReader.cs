using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Configuration;

/// <summary>
/// Takes typed values out of one table. Whatever is wrong goes to the problems with its place and reads as absent, so that everything wrong
/// is found in one go.
/// </summary>
internal sealed class TableReader(TomlTable table, string name, ProblemList problems)
{
    private readonly List<string> _known = [];

    /// <summary>The entry, even when its value is wrong.</summary>
    internal TomlEntry? Entry(string key)
    {
        if (!_known.Contains(key)) _known.Add(key);
        return table.Find(key);
    }

    internal string? Text(string key)
    {
        if (Entry(key) is not { } entry) return null;
        if (entry.Value is TomlText text) return NotEmpty(text, key);
        problems.Add(entry.Value.Place, $"`{key}` in {name} must be a text, and is {entry.Value.Describe}");
        return null;
    }

    internal IReadOnlyList<(string Text, TextPlace Place)> Texts(string key)
    {
        switch (Entry(key))
        {
            case null: return [];
            case { Value: TomlArray array }:
                foreach (TomlNode item in array.Items)
                    if (item is not TomlText) problems.Add(item.Place, $"`{key}` in {name} must be an array of texts, and holds {item.Describe}");
                return [.. array.Items.OfType<TomlText>().Where(text => NotEmpty(text, key) is not null).Select(static text => (text.Value, text.Place))];
            case { } entry:
                problems.Add(entry.Value.Place, $"`{key}` in {name} must be an array of texts, and is {entry.Value.Describe}",
                    entry.Value is TomlText text ? $"Write {key} = [{TomlWriter.Quote(text.Value)}]." : null);
                return [];
        }
    }

    internal BytePath? Path(string key) =>
        Text(key) is { } text ? ToPath(text, table.Find(key)!.Value.Place, key) : null;

    internal IReadOnlyList<BytePath> Paths(string key) =>
        [.. Texts(key).Select(item => ToPath(item.Text, item.Place, key)).OfType<BytePath>()];

    internal TimeSpan? Duration(string key)
    {
        if (Text(key) is not { } text) return null;
        if (DurationText.TryParse(text, out TimeSpan duration)) return duration;
        problems.Add(table.Find(key)!.Value.Place, $"`{key}` in {name} is `{text}`, which is no length of time", "Write it like \"0s\", \"90s\", \"10m\" or \"1h30m\".");
        return null;
    }

    /// <summary>One of a few words.</summary>
    internal T? Choice<T>(string key, IReadOnlyDictionary<string, T> choices) where T : struct
    {
        if (Text(key) is not { } text) return null;
        if (choices.TryGetValue(text, out T value)) return value;
        problems.Add(table.Find(key)!.Value.Place, $"`{key}` in {name} cannot be `{text}`", NearestName.Hint(text, [.. choices.Keys], "choices"));
        return null;
    }

    /// <summary>Call when every known key has been asked for.</summary>
    internal void RefuseOtherKeys()
    {
        foreach (TomlEntry entry in table.Entries)
        {
            if (!_known.Contains(entry.Key))
                problems.Add(entry.KeyPlace, $"unknown key `{entry.Key}` in {name}", NearestName.Hint(entry.Key, _known, "known keys"));
        }
    }

    private string? NotEmpty(TomlText text, string key)
    {
        if (text.Value.Contains('\0', StringComparison.Ordinal)) problems.Add(text.Place, $"`{key}` in {name} holds a NUL character");
        else if (string.IsNullOrWhiteSpace(text.Value)) problems.Add(text.Place, $"`{key}` in {name} is empty", "Give it a value, or remove the line to have the default.");
        else return text.Value;
        return null;
    }

    private BytePath? ToPath(string text, TextPlace place, string key)
    {
        if (text[0] != '/') problems.Add(place, $"`{key}` in {name} is the relative path `{text}`", "Write the whole path, from `/` on.");
        else if (text.Split('/').Any(static component => component is "." or "..")) problems.Add(place, $"`{key}` in {name} has a `.` or `..` component", "Write the path without it.");
        else return BytePath.From("/" + string.Join('/', text.Split('/', StringSplitOptions.RemoveEmptyEntries)));
        return null;
    }
}
