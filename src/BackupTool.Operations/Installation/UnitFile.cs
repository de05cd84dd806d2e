using System.Text;

namespace BackupTool.Operations.Installation;

/// <summary>A unit file as lines, of which some are changed and the rest, comments and all, stay as they are.</summary>
internal sealed class UnitFile
{
    private readonly List<string> _lines;

    private UnitFile(List<string> lines) => _lines = lines;

    /// <summary>The file as it is shipped in schedules/systemd/.</summary>
    internal static UnitFile Shipped(string name)
    {
        using Stream stream = typeof(UnitFile).Assembly.GetManifestResourceStream($"systemd/{name}") ?? throw new ArgumentException($"No unit {name} is shipped.", nameof(name));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return new UnitFile([.. reader.ReadToEnd().TrimEnd('\n').Split('\n')]);
    }

    /// <summary>Has a key say these values and no others, one line each, where it stood first, or at the end of its section.</summary>
    internal UnitFile Set(string section, string key, params IEnumerable<string> values)
    {
        int begin = _lines.IndexOf($"[{section}]") + 1;
        int end = _lines.FindIndex(begin, static line => line.StartsWith('['));
        if (end < 0) end = _lines.Count;
        while (_lines[end - 1].Length == 0) end--;
        int place = _lines.FindIndex(begin, end - begin, line => line.StartsWith($"{key}=", StringComparison.Ordinal));
        int removed = 0;
        for (int i = end - 1; i >= begin; i--)
        {
            if (!_lines[i].StartsWith($"{key}=", StringComparison.Ordinal)) continue;
            _lines.RemoveAt(i);
            removed++;
        }
        _lines.InsertRange(place >= 0 ? place : end - removed, values.Select(value => $"{key}={value}"));
        return this;
    }

    /// <summary>Replaces text wherever it stands.</summary>
    internal UnitFile Replace(string old, string with)
    {
        for (int i = 0; i < _lines.Count; i++) _lines[i] = _lines[i].Replace(old, with, StringComparison.Ordinal);
        return this;
    }

    /// <summary>The text, ending in a line feed.</summary>
    public override string ToString() => string.Join('\n', _lines) + "\n";

    /// <summary>A path as a word of a command line, or of a list of paths: systemd's own signs in it mean nothing.</summary>
    /// <exception cref="OperationException">It cannot be said.</exception>
    internal static string Word(string path, bool isCommand = false)
    {
        if (path.Any(char.IsControl)) throw new OperationException($"The path {path} has a control character in it, which a unit file cannot say.", "Use another path.");
        string escaped = path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("%", "%%", StringComparison.Ordinal);
        if (isCommand) escaped = escaped.Replace("$", "$$", StringComparison.Ordinal);
        return path.Any(static c => c is ' ' or '"' or '\'' or '\\' or ';') ? $"\"{escaped}\"" : escaped;
    }
}
