using System.Globalization;
using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Configuration;

/// <summary>
/// Takes typed values out of one table. Whatever is wrong goes to the problems with its place and reads as absent, so that everything wrong
/// is found in one go.
/// </summary>
internal sealed class TableReader(TomlTable table, string name, ProblemList problems)
{
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(1);
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
        problems.Add(table.Find(key)!.Value.Place, $"`{key}` in {name} is `{text}`, which is no length of time", "Write it like \"90s\", \"10m\", \"1h30m\" or \"14d\".");
        return null;
    }

    /// <summary>As <see cref="Duration"/>, and longer than nothing.</summary>
    /// <param name="key">Which.</param>
    /// <param name="hint">What to write in the place of nothing.</param>
    internal TimeSpan? Age(string key, string hint = "Write it like \"36h\" or \"14d\", or remove the line to have the default.")
    {
        if (Duration(key) is not { } duration) return null;
        if (duration > TimeSpan.Zero) return duration;
        problems.Add(table.Find(key)!.Value.Place, $"`{key}` in {name} gives no time at all", hint);
        return null;
    }

    /// <summary>How long to wait: more than nothing, and not more than a day.</summary>
    internal TimeSpan? Timeout(string key)
    {
        if (Age(key, "Write how long to wait, like \"60s\", or remove the line to have the default.") is not { } duration) return null;
        if (duration <= LongestTimeout) return duration;
        problems.Add(table.Find(key)!.Value.Place, $"`{key}` in {name} is longer than a day", "Write how long to wait, like \"60s\" or \"10m\".");
        return null;
    }

    internal bool? Truth(string key)
    {
        if (Entry(key) is not { } entry) return null;
        if (TruthOf(entry.Value) is { } truth) return truth;
        problems.Add(entry.Value.Place, $"`{key}` in {name} must be true or false, and is {entry.Value.Describe}");
        return null;
    }

    /// <summary>A whole number within bounds.</summary>
    internal int? Integer(string key, int least, int most) =>
        Entry(key) is { } entry && IsWithin(entry.Value, key, least, most) ? (int)WholeNumberOf(entry.Value)!.Value : null;

    /// <summary>At least one whole number within bounds; null when there is no such key, or anything wrong with it.</summary>
    internal IReadOnlyList<int>? Integers(string key, int least, int most)
    {
        switch (Entry(key))
        {
            case null: return null;
            case { Value: TomlArray { Items.Count: > 0 } array }:
                // Each is looked at, so that everything wrong is found at once.
                return array.Items.Count(item => IsWithin(item, key, least, most)) == array.Items.Count ? [.. array.Items.Select(static item => (int)WholeNumberOf(item)!.Value).Distinct()] : null;
            case { } entry:
                problems.Add(entry.Value.Place, $"`{key}` in {name} must be an array of numbers, and is {(entry.Value is TomlArray ? "empty" : entry.Value.Describe)}", $"Write {key} = [200].");
                return null;
        }
    }

    /// <summary>Reads the table with this key; null when there is none or it is something else.</summary>
    internal TableReader? Table(string key, string shape)
    {
        if (Entry(key) is not { } entry) return null;
        if (entry.Value is TomlTable inner) return new TableReader(inner, $"`{key}` of {name}", problems);
        problems.Add(entry.Value.Place, $"`{key}` in {name} must be a table, and is {entry.Value.Describe}", $"Write {key} = {shape}.");
        return null;
    }

    /// <summary>The truth value that a node is; null for all else.</summary>
    internal static bool? TruthOf(TomlNode node) => node is TomlOther { Kind: "a truth value" } truth ? truth.IsTrue : null;

    private static long? WholeNumberOf(TomlNode node) => (node as TomlOther)?.WholeNumber;

    private bool IsWithin(TomlNode node, string key, int least, int most)
    {
        if (WholeNumberOf(node) is { } value && value >= least && value <= most) return true;
        string found = WholeNumberOf(node) is { } number ? string.Create(CultureInfo.InvariantCulture, $"{number}") : node.Describe;
        problems.Add(node.Place, $"`{key}` in {name} must be a whole number from {least} to {most}, and is {found}");
        return false;
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
