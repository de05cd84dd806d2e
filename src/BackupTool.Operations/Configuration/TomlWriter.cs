using System.Globalization;
using System.Text;

namespace BackupTool.Operations.Configuration;

/// <summary>Writes TOML values.</summary>
internal static class TomlWriter
{
    /// <summary>A basic string: everything that TOML forbids in one is escaped.</summary>
    internal static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
        {
            if (c is '"' or '\\') quoted.Append('\\').Append(c);
            else if (char.IsControl(c)) quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            else quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }

    /// <summary>An array of strings on one line.</summary>
    internal static string Quote(IEnumerable<string> texts) => $"[{string.Join(", ", texts.Select(Quote))}]";

    /// <summary>Text for a comment: one line, nothing that could end it.</summary>
    internal static string Comment(string text) => "# " + string.Concat(text.Select(static c => char.IsControl(c) ? ' ' : c));
}
