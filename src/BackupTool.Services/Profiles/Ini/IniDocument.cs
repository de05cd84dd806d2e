using System.Text;
using System.Text.RegularExpressions;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Services.Profiles.Ini;

/// <summary>An INI file that cannot be read. Quotes nothing of it.</summary>
internal sealed class IniFormatException(TextPlace place) : Exception($"not an INI file at {place}")
{
    internal TextPlace Place { get; } = place;
}

/// <summary>
/// An INI file as Gitea and Forgejo read it (go-ini with its defaults, continuation off): <c>[section]</c>, <c>KEY = value</c> or <c>KEY: value</c>; <c>#</c> or <c>;</c> begins a
/// comment anywhere but in <c>`backquotes`</c> or triple double quotes, which may run over lines; surrounding quotes are no part of a value;
/// <c>%(KEY)s</c> is that key's value in the section or at the top. What stands before any section is in <c>DEFAULT</c>. Case matters.
/// </summary>
internal sealed partial class IniDocument
{
    private const string Top = "DEFAULT";
    private const int MaxDepth = 99;
    private readonly Dictionary<string, Dictionary<string, string>> _sections = new(StringComparer.Ordinal) { [Top] = new(StringComparer.Ordinal) };

    /// <exception cref="IniFormatException">A line is neither a comment, a section nor a key, or a quote does not end.</exception>
    internal static IniDocument Parse(byte[] content)
    {
        var document = new IniDocument();
        string[] lines = Encoding.UTF8.GetString(content).TrimStart('\uFEFF').ReplaceLineEndings("\n").Split('\n');
        Dictionary<string, string> section = document._sections[Top];
        for (int at = 0; at < lines.Length; at++)
        {
            string line = lines[at].Trim();
            if (line is "" or ['#' or ';', ..]) continue;
            if (line[0] == '[')
            {
                int close = line.LastIndexOf(']');
                if (close < 0) throw new IniFormatException(new TextPlace(at + 1, 1));
                section = document.Open(line[1..close]);
                continue;
            }
            int place = at + 1;
            (string key, string rest) = ReadKey(line) ?? throw new IniFormatException(new TextPlace(place, 1));
            section[key] = ReadValue(rest, lines, ref at) ?? throw new IniFormatException(new TextPlace(place, 1));
        }
        return document;
    }

    /// <summary>Whether the section is there.</summary>
    internal bool Has(string section) => _sections.ContainsKey(section);

    /// <summary>The value of a key in this very section; null when it is not there or empty.</summary>
    internal string? Own(string section, string key) =>
        _sections.TryGetValue(section, out Dictionary<string, string>? keys) && keys.TryGetValue(key, out string? value) && Expand(value, section, key, 0) is { Length: > 0 } text ? text : null;

    /// <summary>The value of a key in a section, or else in those above it: <c>a.b</c> has what <c>a</c> has. Null when it is nowhere, or empty.</summary>
    internal string? Text(string section, string key)
    {
        for (string? at = section; at is not null; at = at.LastIndexOf('.') is > 0 and int dot ? at[..dot] : null)
            if (Own(at, key) is { } value) return value;
        return null;
    }

    /// <summary>Whether a key has one of the words for true.</summary>
    internal bool IsTrue(string section, string key) => Text(section, key)?.ToLowerInvariant() is "1" or "t" or "true" or "y" or "yes" or "on";

    private Dictionary<string, string> Open(string name)
    {
        if (!_sections.TryGetValue(name, out Dictionary<string, string>? section)) _sections[name] = section = new(StringComparer.Ordinal);
        return section;
    }

    private static (string Key, string Value)? ReadKey(string line)
    {
        string quote = line.StartsWith("\"\"\"", StringComparison.Ordinal) ? "\"\"\"" : line[0] is '"' or '`' ? line[..1] : "";
        int from = 0;
        string? key = null;
        if (quote.Length > 0)
        {
            int close = line.IndexOf(quote, quote.Length, StringComparison.Ordinal);
            if (close < 0) return null;
            key = line[quote.Length..close];
            from = close + quote.Length;
        }
        int delimiter = line.AsSpan(from).IndexOfAny('=', ':');
        if (delimiter < 0) return null;
        key ??= line[..delimiter].Trim();
        return key.Length == 0 ? null : (key, line[(from + delimiter + 1)..].Trim());
    }

    private static string? ReadValue(string text, string[] lines, ref int at)
    {
        string quote = text.Length > 3 && text.StartsWith("\"\"\"", StringComparison.Ordinal) ? "\"\"\"" : text.StartsWith('`') ? "`" : "";
        if (quote.Length > 0)
        {
            int close = text.LastIndexOf(quote, StringComparison.Ordinal);
            if (close >= quote.Length) return text[quote.Length..close];
            var value = new StringBuilder(text[quote.Length..]);
            while (++at < lines.Length)
            {
                int end = lines[at].LastIndexOf(quote, StringComparison.Ordinal);
                value.Append('\n').Append(end < 0 ? lines[at] : lines[at][..end]);
                if (end >= 0) return value.ToString();
            }
            return null;
        }
        if (text.IndexOfAny(['#', ';']) is >= 0 and int comment) text = text[..comment].TrimEnd();
        return text.Length >= 2 && text[0] is '\'' or '"' && text[^1] == text[0] ? text[1..^1] : text;
    }

    private string Expand(string value, string section, string key, int depth)
    {
        if (depth > MaxDepth || !value.Contains("%(", StringComparison.Ordinal)) return value;
        return Reference().Replace(value, match =>
        {
            string name = match.Groups[1].Value.Trim();
            foreach (string place in (string[])[section, Top])
                if ((place != section || name != key) && _sections[place].TryGetValue(name, out string? found)) return Expand(found, place, name, depth + 1);
            return match.Value;
        });
    }

    [GeneratedRegex(@"%\(([^)]+)\)s", RegexOptions.CultureInvariant)]
    private static partial Regex Reference();
}
