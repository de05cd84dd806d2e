using BackupTool.Posix;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>A change to a database could not be made; the database is as it was.</summary>
public sealed class DatabaseEditException : ExplainedException
{
    /// <summary>Names the database and why.</summary>
    public DatabaseEditException(BytePath path, string problem, string? hint = null)
        : base($"{path} was not changed: {problem}", hint)
    {
        Path = path;
    }

    /// <summary>The database.</summary>
    public BytePath Path { get; }
}
