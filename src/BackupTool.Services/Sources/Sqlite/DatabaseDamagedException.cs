using BackupTool.Posix;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>A SQLite database is readable but not sound: a backup of it would be a backup of the damage.</summary>
public sealed class DatabaseDamagedException : ExplainedException
{
    /// <summary>Names the database and what SQLite found.</summary>
    public DatabaseDamagedException(BytePath path, IReadOnlyList<string> findings)
        : base($"the database {path} is damaged: {Summarize(findings)}",
            "Put the last good state back with 'backup restore', or mend it with sqlite3's '.recover' while the service is stopped.")
    {
        Path = path;
        Findings = findings;
    }

    /// <summary>The database.</summary>
    public BytePath Path { get; }

    /// <summary>SQLite's own sentences, at most 20.</summary>
    public IReadOnlyList<string> Findings { get; }

    // One of them may be a heading, "*** in database main ***", with many lines below it.
    private static string Summarize(IReadOnlyList<string> findings)
    {
        string[] lines = [.. findings.SelectMany(static finding => finding.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Where(static line => !line.StartsWith("***", StringComparison.Ordinal))];
        return string.Join("; ", lines.Take(3)) + (lines.Length > 3 ? $"; and {lines.Length - 3} more" : "");
    }
}
