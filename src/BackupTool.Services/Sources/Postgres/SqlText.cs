namespace BackupTool.Services.Sources.Postgres;

/// <summary>Names and texts as PostgreSQL reads them in a statement.</summary>
internal static class SqlText
{
    /// <summary>A name in quotes, which keeps its case and whatever is in it.</summary>
    internal static string Name(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>A text in quotes; with a backslash in it, in the form that means the same whatever standard_conforming_strings says.</summary>
    internal static string Text(string text)
    {
        string quoted = text.Replace("'", "''", StringComparison.Ordinal);
        return quoted.Contains('\\') ? $"E'{quoted.Replace("\\", "\\\\", StringComparison.Ordinal)}'" : $"'{quoted}'";
    }

    /// <summary>Texts as a list of an IN; of none, a list that holds nothing.</summary>
    internal static string Texts(IEnumerable<string> texts) => string.Join(", ", texts.Select(Text).DefaultIfEmpty("NULL"));
}
