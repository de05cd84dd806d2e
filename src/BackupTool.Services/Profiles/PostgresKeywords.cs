using System.Text;

namespace BackupTool.Services.Profiles;

/// <summary>
/// libpq's keyword string: <c>keyword = value</c> pairs between blanks; a value with blanks stands in single quotes, and a backslash takes the next
/// character as it is (PostgreSQL manual, 34.1.1.1).
/// </summary>
internal static class PostgresKeywords
{
    /// <summary>The pairs; null when it is not such a string, or an empty one.</summary>
    internal static Dictionary<string, string>? TryParse(string text)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        int at = 0;
        while (true)
        {
            SkipBlanks();
            if (at == text.Length) return settings.Count > 0 ? settings : null;
            int start = at;
            while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] == '_')) at++;
            string keyword = text[start..at];
            SkipBlanks();
            if (keyword.Length == 0 || at == text.Length || text[at++] != '=') return null;
            SkipBlanks();
            if (ReadValue() is not { } value || value.Contains('\0', StringComparison.Ordinal)) return null;
            settings[keyword == "database" ? "dbname" : keyword] = value;
        }

        void SkipBlanks()
        {
            while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
        }

        string? ReadValue()
        {
            bool isQuoted = at < text.Length && text[at] == '\'';
            if (isQuoted) at++;
            var value = new StringBuilder();
            for (; at < text.Length; at++)
            {
                if (isQuoted ? text[at] == '\'' : char.IsWhiteSpace(text[at])) break;
                if (text[at] == '\\' && ++at == text.Length) return null;
                value.Append(text[at]);
            }
            if (!isQuoted) return value.ToString();
            return at++ < text.Length ? value.ToString() : null;   // no closing quote
        }
    }
}
